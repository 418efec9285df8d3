# SPDX-License-Identifier: GPL-2.0
"""The demo's scenes as data: each method's drawing, the paper's commands and the paper's rows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """The interface and direction of captured packets, and the format in which they are shown."""

    host: str
    device: str
    outgoing: bool
    form: str = "plain"
    """"plain" prints source → dest, "inner" those within the tunnel, "mac" also the MAC addresses.
    """


@dataclass(frozen=True)
class Row:
    """One line of the paper's table of packets."""

    name: str
    paper: str
    point: Point


@dataclass(frozen=True)
class Scene:
    """Everything that the demo shows for one method."""

    method: str
    title: str
    drawing: str
    setup: tuple[str, ...]
    commands: tuple[str, ...]
    rows: tuple[Row, ...]
    example: str
    """The host that serves the paper's example request."""
    listen: tuple[tuple[str, str, int], ...]
    """The host, address and port of each nginx listener."""
    ports: tuple[int, ...]
    """The ports of the VIP to which the client sends requests."""
    weights: dict[str, tuple[str, int]]
    """host -> its name in the rules and its weight."""
    unchanged: tuple[str, str] | None = None
    """Two rows whose packets must be equal except for the TTL and the header checksum."""


_CLIENT = "202.100.1.2:3456"
_VIP = "202.103.106.5:80"
_REAL = "172.16.0.3:8000"

NAT = Scene(
    method="nat",
    title="VS-NAT: addresses and ports are rewritten, both ways",
    drawing="""\
  client ────── router ────── director ────┬──── server1  172.16.0.2
  202.100.1.2          202.103.106.5 │     └──── server2  172.16.0.3
                          172.16.0.1 ┘""",
    setup=(),
    commands=(
        "ippfvsadm -A -t 202.103.106.5:80 -R 172.16.0.2:80",
        "ippfvsadm -A -t 202.103.106.5:80 -R 172.16.0.3:8000 -w 2",
        "ippfvsadm -A -t 202.103.106.5:21 -R 172.16.0.2:21",
    ),
    rows=(
        Row("incoming", f"{_CLIENT} → {_VIP}", Point("director", "eth0", False)),
        Row("inbound rewriting", f"{_CLIENT} → {_REAL}", Point("director", "eth1", True)),
        Row("reply", f"{_REAL} → {_CLIENT}", Point("director", "eth1", False)),
        Row("outbound rewriting", f"{_VIP} → {_CLIENT}", Point("director", "eth0", True)),
    ),
    example="server2",
    listen=(("server1", "172.16.0.2", 80), ("server2", "172.16.0.3", 8000)),
    ports=(80,),
    weights={"server1": ("172.16.0.2:80", 1), "server2": ("172.16.0.3:8000", 2)},
)

_FLOW = "192.168.1.5:3456 → 192.168.1.110:80"
_BACK = "192.168.1.110:80 → 192.168.1.5:3456"
_RULES = tuple(f"ippfvsadm -A -t 192.168.1.110:80 -R 192.168.1.{n}" for n in (2, 3, 4))
_HOLDERS = tuple((f"server{n}", "192.168.1.110", 80) for n in (1, 2, 3))
_EQUAL = {f"server{n}": (f"192.168.1.{n + 1}", 1) for n in (1, 2, 3)}

TUN = Scene(
    method="tun",
    title="VS-TUN: packets travel to the servers in IP tunnels",
    drawing="""\
  client ─────┬───── director 192.168.1.1    server1 .2, server2 .3, server3 .4
  192.168.1.5 │      VIP 192.168.1.110       hold the VIP on tunl0
              └──────── 192.168.1.0/24 ────────────┘""",
    setup=("ippfvsadm --default-method tun",),
    commands=_RULES,
    rows=(
        Row("request", _FLOW, Point("director", "eth0", False)),
        Row("IPIP, outer", "192.168.1.1 → 192.168.1.2", Point("director", "eth0", True)),
        Row("IPIP, inner", _FLOW, Point("director", "eth0", True, "inner")),
        Row("decapsulated", _FLOW, Point("server1", "tunl0", False)),
        Row("reply, not by director", _BACK, Point("client", "eth0", False)),
    ),
    example="server1",
    listen=_HOLDERS,
    ports=(80,),
    weights=_EQUAL,
)

DR = Scene(
    method="dr",
    title="VS-DR: only the frame's MAC address changes",
    drawing="""\
  client ─────┬───── director 192.168.1.1    server1 .2, server2 .3, server3 .4
  192.168.1.5 │      VIP 192.168.1.110       hold the VIP on lo
   MAC …:01   │      MAC …:02                MAC …:03 …:04 …:05""",
    setup=("ippfvsadm --default-method dr",),
    commands=_RULES,
    rows=(
        Row("request", f"MAC 01>02 {_FLOW}", Point("director", "eth0", False, "mac")),
        Row("MAC change only", f"MAC 02>03 {_FLOW}", Point("director", "eth0", True, "mac")),
        Row("reply, not by director", f"MAC 03>01 {_BACK}", Point("client", "eth0", False, "mac")),
    ),
    example="server1",
    listen=_HOLDERS,
    ports=(80,),
    weights=_EQUAL,
    unchanged=("request", "MAC change only"),
)

LOCAL = Scene(
    method="local",
    title="Local Node: the director is also a server, on every port",
    drawing="""\
  client ──────────── director 192.168.1.1, VIP 192.168.1.110
  192.168.1.5         nginx on 192.168.1.110:80 and on 127.0.0.1:8080 only""",
    setup=(),
    commands=("ippfvsadm -A -t 192.168.1.110 -R 127.0.0.1",),
    rows=(
        Row("request", _FLOW, Point("director", "eth0", False)),
        Row("reply", _BACK, Point("director", "eth0", True)),
    ),
    example="director",
    listen=(("director", "192.168.1.110", 80), ("director", "127.0.0.1", 8080)),
    ports=(80, 8080),
    weights={"director": ("127.0.0.1", 1)},
)

SCENES = {scene.method: scene for scene in (NAT, TUN, DR, LOCAL)}
