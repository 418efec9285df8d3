# SPDX-License-Identifier: GPL-2.0
"""Path MTU: whoever is narrow on the way, the sender learns what fits, and transfers complete.

    client ── director ══ tunnel, or a narrow cable ══ server1
      narrow way back:   server1 ── server3 ── client      (TUN and DR; by NAT, the router)
      narrow way there:  director ── server2 ── server1    (the error comes from outside)

A narrow way is a locked MTU in the route of a host that forwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

import pytest
from ippfvslab.farm import Farm
from ippfvslab.netns import Host
from ippfvslab.wire import Capture, Packet

from tests.live.helpers.transfer import Depot, exchange

if TYPE_CHECKING:
    import pylvs

MB = 1 << 20
WIDE, NARROW, IPV6_MIN = 1500, 1400, 1280
OVERHEAD = {4: 20, 6: 40}


@pytest.fixture(autouse=True)
def _nothing_learned_before_or_after(farm: Farm) -> Iterator[None]:
    forget(farm)
    yield
    forget(farm)


def forget(farm: Farm) -> None:
    """Drop what the hosts have learned of paths."""
    for host in farm.hosts.values():
        host.run("ip", f"-{farm.family}", "route", "flush", "cache")


def serve(farm: Farm, lvs: pylvs.Manager) -> Depot:
    """One real server behind port 80, and a depot on it."""
    import pylvs

    port = 8000 if farm.method == "nat" else 80
    service = lvs.add_service("tcp", pylvs.Endpoint(farm.vip, 80), "rr")
    lvs.add_real(service, pylvs.Endpoint(farm.reals[0], port), method=farm.method)
    listens = farm.reals[0] if farm.method == "nat" else farm.vip
    return Depot(farm.servers[0], listens, port)


def told(capture: Capture) -> set[int]:
    """The MTUs of "fragmentation needed" and "packet too big" that came in."""
    incoming = [packet for frame, packet in capture.packets() if not frame.outgoing]
    return {mtu for packet in incoming if (mtu := mtu_in(packet))}


def mtu_in(packet: Packet) -> int:
    if packet.protocol == 1 and packet.payload[:2] == b"\3\4":
        return int.from_bytes(packet.payload[6:8], "big")
    if packet.protocol == 58 and packet.payload[:2] == b"\2\0":
        return int.from_bytes(packet.payload[4:8], "big")
    return 0


@contextmanager
def narrow(farm: Farm, via: Host, to: str) -> Iterator[None]:
    """VIA forwards no more than NARROW bytes at a time towards TO."""
    bits = 32 if farm.family == 4 else 128
    with forwarding(via), via.added(f"route add {to}/{bits} dev eth0 mtu lock {NARROW}"):
        yield


@contextmanager
def forwarding(host: Host) -> Iterator[None]:
    names = ("ipv4.ip_forward", "ipv6.conf.all.forwarding")
    with host.inside():
        before = [read(name) for name in names]
    for name in names:
        host.sysctl(name, 1)
    try:
        yield
    finally:
        for name, value in zip(names, before, strict=True):
            host.sysctl(name, value)


def read(name: str) -> str:
    with open(f"/proc/sys/net/{name.replace('.', '/')}") as file:
        return file.read().strip()


def routed(host: Host, to: str, via: str) -> AbstractContextManager[None]:
    """HOST reaches TO by way of VIA."""
    return host.added(f"route add {to}/{128 if ':' in to else 32} via {via}")


@pytest.mark.farm(methods=["tun"])
def test_the_tunnels_own_header(farm: Farm, lvs: pylvs.Manager) -> None:
    with serve(farm, lvs), Capture(farm.client) as capture:
        exchange(farm.client, farm.vip, 80, 20 * MB, 0)
        assert told(capture) == {WIDE - OVERHEAD[farm.family]}


@pytest.mark.farm(methods=["tun", "nat"])
def test_a_narrow_way_to_the_server(farm: Farm, lvs: pylvs.Manager) -> None:
    """A router behind the director speaks of the outer packet, or to the client itself."""
    with (
        serve(farm, lvs),
        routed(farm.director, farm.reals[0], farm.reals[1]),
        narrow(farm, farm.servers[1], farm.reals[0]),
        Capture(farm.client) as capture,
    ):
        exchange(farm.client, farm.vip, 80, 4 * MB, 0)
        fits = NARROW - OVERHEAD[farm.family] if farm.method == "tun" else NARROW
        assert fits in told(capture)


@pytest.mark.farm(methods=["nat", "dr"])
def test_a_narrow_cable_behind(farm: Farm, lvs: pylvs.Manager) -> None:
    """The director knows by itself that it does not fit."""
    lan = "inside" if farm.method == "nat" else "lan"
    bits = 32 if farm.family == 4 else 128
    route = f"route add {farm.reals[0]}/{bits} dev {farm.device('director', lan)} mtu {NARROW}"
    with farm.director.added(route), serve(farm, lvs), Capture(farm.client) as capture:
        exchange(farm.client, farm.vip, 80, 4 * MB, 0)
        assert told(capture) == {NARROW}


@pytest.mark.farm(methods=["tun"], families=[6])
def test_the_narrowest_way_that_ipv6_allows(farm: Farm, lvs: pylvs.Manager) -> None:
    """It must carry 1280 bytes, also within a tunnel: they are cut outside (RFC 2473, 7.2)."""
    device = farm.device("director", "lan")
    route = f"route add {farm.reals[0]}/128 dev {device} mtu {IPV6_MIN}"
    with farm.director.added(route), serve(farm, lvs), Capture(farm.client) as capture:
        exchange(farm.client, farm.vip, 80, MB, 0)
        assert told(capture) == {IPV6_MIN}


@pytest.mark.farm(methods=["nat"])
def test_a_narrow_way_to_the_client_by_nat(farm: Farm, lvs: pylvs.Manager) -> None:
    """The router's error goes to the VIP, and on to the server that sends too much."""
    router = farm.hosts["router"]
    with (
        serve(farm, lvs),
        narrow(farm, router, farm.layout.client),
        Capture(farm.servers[0]) as capture,
    ):
        exchange(farm.client, farm.vip, 80, 0, 4 * MB)
        assert told(capture) == {NARROW}


@pytest.mark.farm(methods=["tun", "dr"])
def test_a_narrow_way_to_the_client_past_the_director(farm: Farm, lvs: pylvs.Manager) -> None:
    """The error about the server's answer goes to its source, the VIP: to the director."""
    with (
        serve(farm, lvs),
        routed(farm.servers[0], farm.layout.client, farm.reals[2]),
        without_vip(farm, farm.servers[2]),
        narrow(farm, farm.servers[2], farm.layout.client),
        Capture(farm.servers[0]) as capture,
    ):
        exchange(farm.client, farm.vip, 80, 0, 4 * MB)
        packets = [packet for frame, packet in capture.packets() if not frame.outgoing]
        inner = [packet.inner or packet for packet in packets]
        assert NARROW in {mtu_in(packet) for packet in inner}


@contextmanager
def without_vip(farm: Farm, server: Host) -> Iterator[None]:
    """SERVER, a router for once, leaves the VIP to the director."""
    holds = next(
        line
        for name, line in commands(farm)
        if server.name == farm.prefix + name and line.startswith("addr add")
    )
    server.ip(holds.replace("addr add", "addr del").replace(" nodad", ""))
    try:
        yield
    finally:
        server.ip(holds)


def commands(farm: Farm) -> Iterator[tuple[str, str]]:
    for name, spec in farm.layout.hosts.items():
        for line in spec.commands:
            yield name, line
