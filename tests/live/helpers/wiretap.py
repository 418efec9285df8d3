# SPDX-License-Identifier: GPL-2.0
"""A director between two silent ends. Tests send frames at one end and capture them at the other.

    edge ── director ── behind          edge: the client's side (the router of the NAT farm)
    CIP      VIP         RIP            behind: server1's interface

CIP, VIP and RIP are addresses that no stack at the ends owns, so no stack sends replies.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ippfvslab.capture import Capture, frame_of, send_frames
from ippfvslab.farm import Farm
from ippfvslab.netns import Host

if TYPE_CHECKING:
    import pylvs

LIMIT_S = 10
VIRTUAL_PORT, REAL_PORT = 80, 8000
VIRTUAL, REAL, CLIENT = 111, 77, 78
"""The last octets of the addresses. No host of any farm has them."""


@dataclass(frozen=True)
class Tap:
    """The two ends, where tests send and capture frames."""

    farm: Farm
    client: str
    vip: str
    real: str
    own: str
    """The director's own address towards the real server."""

    @property
    def edge(self) -> tuple[Host, str]:
        return _end(self.farm, *_edge(self.farm))

    @property
    def behind(self) -> tuple[Host, str]:
        return _end(self.farm, *_behind(self.farm))

    def to_vip(self, *packets: bytes) -> None:
        """Send packets from the client's side."""
        _send(self.farm, _edge(self.farm), packets)

    def from_real(self, *packets: bytes) -> None:
        """Send packets from the real server's side."""
        _send(self.farm, _behind(self.farm), packets)

    def frame_from_client(self, packet: bytes) -> bytes:
        """Return the frame of PACKET from the client's side to the director."""
        return _frame(self.farm, _edge(self.farm), packet, from_director=False)

    def frame_behind(self, packet: bytes) -> bytes:
        """Return the frame of PACKET from the director to the real server."""
        return _frame(self.farm, _behind(self.farm), packet, from_director=True)

    def frame_at_edge(self, packet: bytes) -> bytes:
        """Return the frame of PACKET from the director to the client."""
        return _frame(self.farm, _edge(self.farm), packet, from_director=True)


def _edge(farm: Farm) -> tuple[str, str]:
    return ("router", "internet") if farm.method == "nat" else ("client", "lan")


def _behind(farm: Farm) -> tuple[str, str]:
    return ("server1", "inside") if farm.method == "nat" else ("server1", "lan")


def _end(farm: Farm, host: str, lan: str) -> tuple[Host, str]:
    return farm.hosts[host], farm.device(host, lan)


def _frame(farm: Farm, end: tuple[str, str], packet: bytes, *, from_director: bool) -> bytes:
    host, lan = end
    director, there = farm.mac("director", lan), farm.mac(host, lan)
    to, source = (there, director) if from_director else (director, there)
    return frame_of(packet, to, source)


def _send(farm: Farm, end: tuple[str, str], packets: tuple[bytes, ...]) -> None:
    host, device = _end(farm, *end)
    send_frames(
        host, device, *(_frame(farm, end, packet, from_director=False) for packet in packets)
    )


@contextmanager
def tap(farm: Farm) -> Iterator[Tap]:
    """Add the silent ends to FARM, and remove them at exit."""
    four = farm.family == 4
    bits = 32 if four else 128
    vip, real = _in_network_of(farm.vip, VIRTUAL), _in_network_of(farm.reals[0], REAL)
    edge, behind = _edge(farm), _behind(farm)
    edge_address, own = _own(farm, edge[1]), _own(farm, behind[1])
    client = _in_network_of(edge_address, CLIENT)
    neighbours = [
        f"neigh replace {client} lladdr {farm.mac(*edge)} dev {farm.device('director', edge[1])}",
        f"neigh replace {real} lladdr {farm.mac(*behind)} dev {farm.device('director', behind[1])}",
    ]
    on = farm.device("director", edge[1])
    alone = "" if four else " nodad preferred_lft 0"
    # Without this route a router would try to resolve the client and report it as unreachable.
    hole = [f"route add blackhole {client}/{bits}"] if farm.method == "nat" else []
    edge_host = farm.hosts[edge[0]]
    farm.director.ip(
        f"addr add {vip}/{bits} dev {on}{alone}", *[f"{each} nud permanent" for each in neighbours]
    )
    edge_host.ip(*hole)
    try:
        yield Tap(farm, client, vip, real, own)
    finally:
        edge_host.ip(*[each.replace("add", "del", 1) for each in hole])
        farm.director.ip(
            f"addr del {vip}/{bits} dev {on}",
            *[each.replace("replace", "del") for each in neighbours],
        )


def _in_network_of(address: str, host: int) -> str:
    """Return the address of HOST in the network of ADDRESS."""
    whole = ipaddress.ip_address(address)
    return str(type(whole)(int(whole) >> 8 << 8 | host))


def _own(farm: Farm, lan: str) -> str:
    return farm.layout.hosts["director"].nics[lan][0].partition("/")[0]


def frames(capture: Capture, count: int, *, limit_s: float = LIMIT_S) -> list[bytes]:
    """Return the frames from the director when there are COUNT IP frames or LIMIT_S is over.

    Only frames to CIP, VIP and RIP count. Hosts may send other packets at any time, and sockets of
    earlier tests may still be closing.
    """
    end = time.monotonic() + limit_s
    while True:
        found = [
            frame.raw for frame in capture.frames() if not frame.outgoing and _is_to_tap(frame.raw)
        ]
        if len(found) >= count or time.monotonic() > end:
            return found
        time.sleep(0.005)


def _is_to_tap(raw: bytes) -> bool:
    last = {b"\x08\x00": 33, b"\x86\xdd": 53}.get(raw[12:14])
    return last is not None and raw[last] in (VIRTUAL, REAL, CLIENT)


@contextmanager
def captured(end: tuple[Host, str]) -> Iterator[Capture]:
    """Capture at one END of the tap."""
    host, device = end
    with Capture(host, device) as capture:
        yield capture


def serve(lvs: pylvs.Manager, wires: Tap, method: str) -> None:
    """Add a service for TCP and UDP at the VIP, with the silent real server."""
    import pylvs

    port = REAL_PORT if method == "nat" else VIRTUAL_PORT
    for protocol in ("tcp", "udp"):
        service = lvs.add_service(protocol, pylvs.Endpoint(wires.vip, VIRTUAL_PORT), "rr")
        lvs.add_real(service, pylvs.Endpoint(wires.real, port), method=method)
