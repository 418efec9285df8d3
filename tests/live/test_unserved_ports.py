# SPDX-License-Identifier: GPL-2.0
"""Packets to other ports of a virtual address that no host has are answered and never loop.

client ── router ── director ── server1, server2        the farm of VS-NAT
          route: VIP via director, whose default route leads to the router
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients
from ippfvslab.capture import Capture
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm, endpoint

import pylvs
from tests.live.helpers.packets import checksum

if TYPE_CHECKING:
    from tests.live.conftest import Ippfvsadm

LIMIT_S = 10
GRE = 47
REQUEST = {4: 8, 6: 128}
REPLY = {4: 0, 6: 129}
ECHO_ID = 77


@pytest.fixture
def vip(farm: Farm) -> Iterator[str]:
    """Return a VIP that the router sends to the director, and that no host has."""
    address = virtual(farm)
    with farm.hosts["router"].added(f"route add {address} via {farm.vip}"):
        yield address


def virtual(farm: Farm) -> str:
    return "198.51.100.9" if farm.family == 4 else "2001:db8:51:100::9"


def serve(farm: Farm, lvs: pylvs.Manager, vip: str) -> None:
    """Balance port 80 of the VIP over TCP and UDP."""
    for protocol in ("tcp", "udp"):
        service = lvs.add_service(protocol, endpoint(vip, 80), "rr")
        lvs.add_real(service, endpoint(farm.reals[0], 80), method="nat")


@pytest.mark.farm(methods=["nat"])
@pytest.mark.parametrize("size", [56, 3000])
def test_a_ping_is_answered_once(farm: Farm, lvs: pylvs.Manager, vip: str, size: int) -> None:
    serve(farm, lvs, vip)
    data = bytes(range(250)) * (size // 250 + 1)
    with Capture(farm.director) as capture:
        assert echo(farm, vip, data[:size]) == data[:size]
        frames = [
            frame for frame, packet in capture.packets() if vip in (packet.source, packet.dest)
        ]
    assert len(frames) == 2 * (1 if size < 1400 else 3)
    assert lvs.drops() == pylvs.Drops()


@pytest.mark.farm(methods=["nat"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_other_ports_are_refused(farm: Farm, lvs: pylvs.Manager, vip: str, protocol: str) -> None:
    serve(farm, lvs, vip)
    with Echo(farm.servers[0], protocol, farm.reals[0], 80):
        assert clients.request_once(farm.client, protocol, vip, 80) == farm.servers[0].name
    with Capture(farm.director) as capture, pytest.raises(ConnectionRefusedError):
        clients.request_once(farm.client, protocol, vip, 81, limit_s=LIMIT_S)
    arrived = [packet for frame, packet in capture.packets() if packet.dest == vip]
    assert [packet.ports and packet.ports[1] for packet in arrived] == [81]
    assert lvs.drops() == pylvs.Drops(no_service=1)


@pytest.mark.farm(methods=["nat"])
def test_other_protocols_and_stray_errors_are_dropped(
    farm: Farm, lvs: pylvs.Manager, vip: str
) -> None:
    serve(farm, lvs, vip)
    family = clients.family_of(vip)
    with (
        Capture(farm.director) as capture,
        farm.client.socket(family, socket.SOCK_RAW, GRE) as sock,
    ):
        sock.sendto(bytes(40), (vip, 0))
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end and not any(
            packet.dest == vip for _, packet in capture.packets()
        ):
            time.sleep(0.01)
        echo(farm, farm.vip, b"later")
    assert [packet.protocol for _, packet in capture.packets() if packet.dest == vip] == [GRE]
    assert lvs.drops() == pylvs.Drops(no_service=1)


@pytest.mark.farm(methods=["nat"])
def test_an_address_that_a_host_behind_the_director_has_is_left_to_it(
    farm: Farm, lvs: pylvs.Manager, vip: str
) -> None:
    serve(farm, lvs, vip)
    server, bits = farm.servers[0], 32 if farm.family == 4 else 128
    holds = f"addr add {vip}/{bits} dev lo"
    with (
        farm.director.added(f"route add {vip} via {farm.reals[0]}"),
        server.added(holds),
        Echo(server, "tcp", vip, 81, "the host itself"),
    ):
        assert clients.request_once(farm.client, "tcp", vip, 81) == "the host itself"
        assert echo(farm, vip, b"ping") == b"ping"
    assert lvs.drops() == pylvs.Drops()


@pytest.mark.farm(methods=["dr"])
def test_the_command_warns_when_no_route_leads_to_the_vip(farm: Farm, ippfvsadm: Ippfvsadm) -> None:
    address = virtual(farm)
    for port, rest in ((80, ()), (81, ("-R", farm.reals[0]))):
        service = endpoint(address, port)
        assert ippfvsadm("-A", "-t", service, *rest).stderr == (
            f"ippfvsadm: warning: tcp {service}: no route leads to the virtual address: "
            "add one with ip route add local VIP dev lo\n"
        )
    with farm.director.added(f"route add local {address} dev lo"):
        assert ippfvsadm("-A", "-t", endpoint(address, 82)).stderr == ""
    assert ippfvsadm("-A", "-t", farm.service(80)).stderr == ""


def echo(farm: Farm, address: str, data: bytes) -> bytes:
    """Send an echo request with DATA from the client, and return the data of the reply."""
    family, protocol = clients.family_of(address), socket.IPPROTO_ICMP
    if family == socket.AF_INET6:
        protocol = socket.IPPROTO_ICMPV6
    plain = struct.pack("!BBHHH", REQUEST[farm.family], 0, 0, ECHO_ID, 1) + data
    if farm.family == 4:
        plain = plain[:2] + struct.pack("!H", checksum(plain)) + plain[4:]
    with farm.client.socket(family, socket.SOCK_RAW, protocol) as sock:
        sock.settimeout(LIMIT_S)
        sock.sendto(plain, (address, 0))
        while True:
            received, source = sock.recvfrom(65536)
            message = received[20:] if farm.family == 4 else received
            kind, _, found, ident, _ = struct.unpack_from("!BBHHH", message)
            if kind == REPLY[farm.family] and source[0] == address and ident == ECHO_ID:
                assert farm.family == 6 or checksum(message) == 0, hex(found)
                return message[8:]
