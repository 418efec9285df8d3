# SPDX-License-Identifier: GPL-2.0
"""Real hosts behind and before a director, with nginx on the servers.

client ──── director ──┬── server1 172.16.0.2      cables of veth; nginx on both servers,
198.18.0.2  10.0.0.100 └── server2 172.16.0.3      wrk in the client, a thread a connection

The director is the guest's own namespace, as for every lane; the others have one each.
"""

from __future__ import annotations

import os
from pathlib import Path

from ippfvslab import daemon, netns, nginx
from ippfvslab.bench import director
from ippfvslab.bench.programs import NGINX
from ippfvslab.bench.shell import run
from ippfvslab.bench.wrk import PORT_RANGE, Asked
from ippfvslab.netns import Host

VIP, PORT = director.VIP[4], 80
SERVERS = director.reals(4, 2)
BODY = "x" * 128
DEVICES = ("in0", "out0", "out1")
NET_DEV = "/proc/thread-self/net/dev"
THE_VIP = Asked([VIP], "1024 32999")
THE_SERVERS = Asked(SERVERS, "33000 65000")

_SERVE = (
    "http {{\n"
    + nginx.HTTP
    + """\
    keepalive_requests 100000000;
    default_type text/plain;
    server {{
        listen {address}:{port} backlog=4096;
        location / {{ return 200 "{body}"; }}
    }}
}}
"""
)


class WebFarm:
    """The hosts, up, and nginx on both servers; one for all lanes."""

    def __init__(self) -> None:
        self.client, self.director = Host("client"), Host("director")
        self.servers = [Host("server1"), Host("server2")]
        self._ports = PORT_RANGE.read_text()

    def __enter__(self) -> WebFarm:
        try:
            self._build()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _build(self) -> None:
        run("ip", "netns", "attach", self.director.name, str(os.getpid()))
        _wire(self.client, DEVICES[0], "198.18.0.2", "198.18.0.1")
        for number, server in enumerate(self.servers):
            _wire(server, DEVICES[1 + number], SERVERS[number], "172.16.0.1")
            _serve(server, SERVERS[number])
        netns.ip([f"addr add {VIP}/32 dev {DEVICES[0]}"])
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        PORT_RANGE.write_text("1024 65000")

    def _close(self) -> None:
        for host in (self.client, self.director, *self.servers):
            host.end_children()
        there = {link.name for link in Path("/sys/class/net").iterdir()}
        netns.ip([f"link del {device}" for device in DEVICES if device in there])
        hosts = (self.client, self.director, *self.servers)
        netns.ip([f"netns del {host.name}" for host in hosts if host.path.exists()])
        PORT_RANGE.write_text(self._ports)

    def delivered(self) -> list[int]:
        """How many packets each server has received so far."""
        return [
            int(server.call(Path(NET_DEV).read_text).partition("eth0:")[2].split()[1])
            for server in self.servers
        ]


def _wire(host: Host, device: str, address: str, gateway: str) -> None:
    """Make HOST and a cable to it from the director's DEVICE."""
    netns.ip(
        [
            f"netns add {host.name}",
            f"link add {device} type veth peer name eth0 netns {host.name}",
            f"link set {device} up",
            f"addr add {gateway}/32 dev {device}",
            f"route add {address}/32 dev {device} src {gateway}",
        ]
    )
    host.ip(
        *("link set lo up", "link set eth0 up", f"addr add {address}/32 dev eth0"),
        f"route add {gateway}/32 dev eth0",
        f"route add default via {gateway}",
    )


def _serve(host: Host, address: str) -> None:
    """Start nginx in HOST on ADDRESS; return when it listens."""
    home = daemon.new_home(f"nginx-{host.name}")
    config = _SERVE.format(home=home, address=address, port=PORT, body=BODY)
    nginx.start(host, NGINX.command(), home, config, [(address, PORT)])
