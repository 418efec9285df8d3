# SPDX-License-Identifier: GPL-2.0
"""Path MTU: the sender learns a small MTU anywhere in the path, and transfers complete.

    client ── director ══ tunnel, or a link with a small MTU ══ server1
      small MTU to the client:  server1 ── server3 ── client     (TUN, DR; for NAT, the router)
      small MTU to the server:  director ── server2 ── server1   (the error comes from outside)

The small MTU is a locked MTU in the route of a host that forwards.

A forged error about an echo reply of the VIP comes from the client's side of a tap (wiretap.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

import pytest
from ippfvslab.capture import Capture, Packet
from ippfvslab.farm import Farm
from ippfvslab.netns import Host

from tests.live.helpers.packets import ICMP, ICMPV6, UDP, PacketSpec, error
from tests.live.helpers.transfer import TransferServer, exchange
from tests.live.helpers.wiretap import (
    REAL_PORT,
    VIRTUAL_PORT,
    Tap,
    captured,
    frames,
    tap,
)
from tests.live.helpers.wiretap import serve as serve_tap

if TYPE_CHECKING:
    import pylvs

MB = 1 << 20
ETHERNET_MTU, SMALL_MTU, IPV6_MIN = 1500, 1400, 1280
OVERHEAD = {4: 20, 6: 40}
FORGED_MTU = 1300
# Below its minimum the IPv4 stack locks the MTU of the path.
FORGED_MTUS = {4: (FORGED_MTU, 68), 6: (FORGED_MTU,)}


@pytest.fixture(autouse=True)
def _no_learned_mtus(farm: Farm) -> Iterator[None]:
    flush_learned_mtus(farm)
    yield
    flush_learned_mtus(farm)


def flush_learned_mtus(farm: Farm) -> None:
    """Remove the MTUs that the hosts have learned."""
    for host in farm.hosts.values():
        host.run("ip", f"-{farm.family}", "route", "flush", "cache")


def serve(farm: Farm, lvs: pylvs.Manager) -> TransferServer:
    """Add one real server for port 80 and start a transfer server on it."""
    import pylvs

    port = 8000 if farm.method == "nat" else 80
    service = lvs.add_service("tcp", pylvs.Endpoint(farm.vip, 80), "rr")
    lvs.add_real(service, pylvs.Endpoint(farm.reals[0], port), method=farm.method)
    listens = farm.reals[0] if farm.method == "nat" else farm.vip
    return TransferServer(farm.servers[0], listens, port)


def received_mtus(capture: Capture) -> set[int]:
    """Return the MTUs of the received "fragmentation needed" and "packet too big" errors."""
    incoming = [packet for frame, packet in capture.packets() if not frame.outgoing]
    return {mtu for packet in incoming if (mtu := mtu_in(packet))}


def mtu_in(packet: Packet) -> int:
    if packet.protocol == 1 and packet.payload[:2] == b"\3\4":
        return int.from_bytes(packet.payload[6:8], "big")
    if packet.protocol == 58 and packet.payload[:2] == b"\2\0":
        return int.from_bytes(packet.payload[4:8], "big")
    return 0


@contextmanager
def small_mtu(farm: Farm, via: Host, to: str) -> Iterator[None]:
    """Make VIA forward packets of at most SMALL_MTU bytes to TO."""
    bits = 32 if farm.family == 4 else 128
    with forwarding(via), via.added(f"route add {to}/{bits} dev eth0 mtu lock {SMALL_MTU}"):
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
    """Route packets of HOST to TO through VIA."""
    return host.added(f"route add {to}/{128 if ':' in to else 32} via {via}")


@pytest.mark.farm(methods=["tun"])
def test_the_client_learns_the_size_of_the_tunnels_header(farm: Farm, lvs: pylvs.Manager) -> None:
    with serve(farm, lvs), Capture(farm.client) as capture:
        exchange(farm.client, farm.vip, 80, 20 * MB, 0)
        assert received_mtus(capture) == {ETHERNET_MTU - OVERHEAD[farm.family]}


@pytest.mark.farm(methods=["tun", "nat"])
def test_the_client_learns_a_small_mtu_behind_the_director(farm: Farm, lvs: pylvs.Manager) -> None:
    """A router's error quotes the outer packet, or goes to the client itself."""
    with (
        serve(farm, lvs),
        routed(farm.director, farm.reals[0], farm.reals[1]),
        small_mtu(farm, farm.servers[1], farm.reals[0]),
        Capture(farm.client) as capture,
    ):
        exchange(farm.client, farm.vip, 80, 4 * MB, 0)
        fits = SMALL_MTU - OVERHEAD[farm.family] if farm.method == "tun" else SMALL_MTU
        assert fits in received_mtus(capture)


@pytest.mark.farm(methods=["nat", "dr"])
def test_the_client_learns_a_small_mtu_of_the_directors_route(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """The director knows this MTU itself."""
    lan = "inside" if farm.method == "nat" else "lan"
    bits = 32 if farm.family == 4 else 128
    route = f"route add {farm.reals[0]}/{bits} dev {farm.device('director', lan)} mtu {SMALL_MTU}"
    with farm.director.added(route), serve(farm, lvs), Capture(farm.client) as capture:
        exchange(farm.client, farm.vip, 80, 4 * MB, 0)
        assert received_mtus(capture) == {SMALL_MTU}


@pytest.mark.farm(methods=["tun"], families=[6])
def test_a_tunnel_carries_1280_bytes_over_the_minimum_ipv6_mtu(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """The outer packets are fragmented (RFC 2473, 7.2)."""
    device = farm.device("director", "lan")
    route = f"route add {farm.reals[0]}/128 dev {device} mtu {IPV6_MIN}"
    with farm.director.added(route), serve(farm, lvs), Capture(farm.client) as capture:
        exchange(farm.client, farm.vip, 80, MB, 0)
        assert received_mtus(capture) == {IPV6_MIN}


@pytest.mark.farm(methods=["nat"])
def test_a_nat_server_learns_a_small_mtu_to_the_client(farm: Farm, lvs: pylvs.Manager) -> None:
    """The router's error goes to the VIP, and then to the server that sends too large packets."""
    router = farm.hosts["router"]
    with (
        serve(farm, lvs),
        small_mtu(farm, router, farm.layout.client),
        Capture(farm.servers[0]) as capture,
    ):
        exchange(farm.client, farm.vip, 80, 0, 4 * MB)
        assert received_mtus(capture) == {SMALL_MTU}


@pytest.mark.farm(methods=["tun", "dr"])
def test_a_tun_or_dr_server_learns_a_small_mtu_to_the_client(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """The server's reply comes from the VIP, so the ICMP error about it arrives at the director."""
    with (
        serve(farm, lvs),
        routed(farm.servers[0], farm.layout.client, farm.reals[2]),
        without_vip(farm, farm.servers[2]),
        small_mtu(farm, farm.servers[2], farm.layout.client),
        Capture(farm.servers[0]) as capture,
    ):
        exchange(farm.client, farm.vip, 80, 0, 4 * MB)
        packets = [packet for frame, packet in capture.packets() if not frame.outgoing]
        inner = [packet.inner or packet for packet in packets]
        assert SMALL_MTU in {mtu_in(packet) for packet in inner}


def forge_mtu(wires: Tap, to: str, mtu: int) -> None:
    """Make the director's stack learn the path MTU towards TO.

    The forged error quotes an echo reply from the VIP, which anyone can make up.
    """
    four = wires.farm.family == 4
    replied = error(PacketSpec(wires.vip, to), 0 if four else 129, 0, b"pong", 0xBEEF0001)
    kind, code = (3, 4) if four else (2, 0)
    teller = PacketSpec(wires.client, wires.vip, ICMP if four else ICMPV6)
    wires.to_vip(error(teller, kind, code, replied, mtu))
    end = time.monotonic() + 10
    director = wires.farm.director
    while " mtu " not in director.run("ip", "route", "get", to).stdout:
        assert time.monotonic() < end, "the director's stack learned no MTU"


@pytest.mark.farm(methods=["nat", "dr"])
def test_a_forged_mtu_to_a_server_does_not_refuse_a_clients_packets(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    with tap(farm) as wires:
        serve_tap(lvs, wires, farm.method)
        for port, mtu in enumerate(FORGED_MTUS[farm.family], 4000):
            flush_learned_mtus(farm)
            forge_mtu(wires, wires.real, mtu)
            large = PacketSpec(
                wires.client, wires.vip, UDP, port, VIRTUAL_PORT, bytes(FORGED_MTU + 100)
            )
            with captured(wires.behind) as capture:
                wires.to_vip(large.raw)
                assert [len(each) for each in frames(capture, 1)] == [14 + len(large.raw)]
        assert lvs.drops().too_big == 0


@pytest.mark.farm(methods=["nat"])
def test_a_forged_mtu_to_a_client_does_not_refuse_a_servers_packets(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    with tap(farm) as wires:
        serve_tap(lvs, wires, farm.method)
        first = PacketSpec(wires.client, wires.vip, UDP, 4000, VIRTUAL_PORT)
        wires.to_vip(first.raw)
        for mtu in FORGED_MTUS[farm.family]:
            flush_learned_mtus(farm)
            forge_mtu(wires, wires.client, mtu)
            large = PacketSpec(
                wires.real, wires.client, UDP, REAL_PORT, 4000, bytes(FORGED_MTU + 100)
            )
            with captured(wires.edge) as capture:
                wires.from_real(large.raw)
                assert [len(each) for each in frames(capture, 1)] == [14 + len(large.raw)]
        assert lvs.drops().too_big == 0


@pytest.mark.farm(methods=["nat"], families=[4])
def test_ip_forward_use_pmtu_makes_the_director_use_learned_mtus(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    with tap(farm) as wires:
        serve_tap(lvs, wires, farm.method)
        forge_mtu(wires, wires.real, FORGED_MTU)
        large = PacketSpec(
            wires.client, wires.vip, UDP, 4000, VIRTUAL_PORT, bytes(FORGED_MTU + 100)
        )
        farm.director.sysctl("ipv4.ip_forward_use_pmtu", 1)
        try:
            with captured(wires.edge) as capture:
                wires.to_vip(large.raw)
                (told,) = frames(capture, 1)
        finally:
            farm.director.sysctl("ipv4.ip_forward_use_pmtu", 0)
        assert int.from_bytes(told[14 + 20 + 6 : 14 + 20 + 8], "big") == FORGED_MTU
        assert lvs.drops().too_big == 1


@contextmanager
def without_vip(farm: Farm, server: Host) -> Iterator[None]:
    """Remove the VIP from SERVER, which is a router in this test, and restore it at exit."""
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
