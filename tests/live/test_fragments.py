# SPDX-License-Identifier: GPL-2.0
"""Fragmented datagrams in both directions: from sockets, and crafted in any order."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest
from ippfvslab.capture import Capture
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm

from tests.live.helpers.fragments import fragment_at, fragments_of, reassemble
from tests.live.helpers.packets import UDP, PacketSpec, packed
from tests.live.helpers.wiretap import (
    LIMIT_S,
    REAL_PORT,
    VIRTUAL_PORT,
    Tap,
    captured,
    frames,
    serve,
    tap,
)

if TYPE_CHECKING:
    import pylvs

SIZES = (1472, 1473, 4000, 20000)
DATA = bytes(range(241)) * 16
ORDERS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "in order": lambda whole: whole,
    "backwards": lambda whole: whole[::-1],
    "the first one last": lambda whole: whole[1:] + whole[:1],
    "the first one twice": lambda whole: [whole[0], *whole],
}
Datagram = tuple[bytes, bytes]


def test_large_datagrams_are_answered(farm: Farm, lvs: pylvs.Manager) -> None:
    import pylvs

    port = 8000 if farm.method == "nat" else 80
    service = lvs.add_service("udp", pylvs.Endpoint(farm.vip, 80), "rr")
    family = socket.AF_INET if farm.family == 4 else socket.AF_INET6
    with ExitStack() as stack:
        for host, real in zip(farm.servers, farm.reals, strict=True):
            lvs.add_real(service, pylvs.Endpoint(real, port), method=farm.method)
            listens = real if farm.method == "nat" else farm.vip
            stack.enter_context(Echo(host, "udp", listens, port, "server"))
        sock = stack.enter_context(farm.client.socket(family, socket.SOCK_DGRAM))
        sock.settimeout(3)
        sock.connect((farm.vip, 80))
        sock.setsockopt(*NO_DISCOVERY[farm.family])
        for size in SIZES:
            assert echoed(sock, (size.to_bytes(4, "big") * size)[:size]), f"{size} bytes"


# IPv4 datagrams may be fragmented on the way, IPv6 datagrams only at the client.
NO_DISCOVERY = {4: (socket.IPPROTO_IP, 10, 0), 6: (socket.IPPROTO_IPV6, 23, 0)}


def echoed(sock: socket.socket, data: bytes) -> bool:
    """Return whether DATA is answered. The client of an IPv6 tunnel may lose one packet first."""
    for _ in range(3):
        sock.send(data)
        with suppress(TimeoutError):
            while sock.recv(65536) != b"server:" + data:
                pass
            return True
    return False


@pytest.mark.farm(methods=["nat", "tun", "dr"])
def test_fragments_in_any_order_reach_the_server(farm: Farm, lvs: pylvs.Manager) -> None:
    with tap(farm) as wires, captured(wires.behind) as capture:
        serve(lvs, wires, farm.method)
        specs = [request(wires, number) for number in range(len(ORDERS))]
        for each, order in zip(specs, ORDERS.values(), strict=True):
            wires.to_vip(*order(fragments_of(each, 1024)))
        changes = {"dest": wires.real, "dport": REAL_PORT} if farm.method == "nat" else {}
        assert datagrams(capture, farm, len(specs)) == [ends_of(each, **changes) for each in specs]


@pytest.mark.farm(methods=["tun"], families=[4])
def test_a_tunnel_fragments_datagrams_that_must_not_be_fragmented(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """The client's fragments were small enough.

    The outer fragments of two datagrams need different identifications.
    """
    with tap(farm) as wires, captured(wires.behind) as capture:
        serve(lvs, wires, "tun")
        specs = [request(wires, 30), request(wires, 31)]
        for each in specs:
            wires.to_vip(*fragments_of(each, 1024, dont_fragment=True))
        assert datagrams(capture, farm, 2) == [ends_of(each) for each in specs]
        assert len({frame[18:20] for frame in frames(capture, 0)}) == 2


@pytest.mark.farm(methods=["nat"])
def test_fragments_in_any_order_reach_the_client(farm: Farm, lvs: pylvs.Manager) -> None:
    with tap(farm) as wires, captured(wires.edge) as capture:
        serve(lvs, wires, "nat")
        specs = [answer(wires, number) for number in range(len(ORDERS))]
        for each, order in zip(specs, ORDERS.values(), strict=True):
            wires.from_real(*order(fragments_of(each, 1024)))
        expected = [ends_of(each, source=wires.vip, sport=VIRTUAL_PORT) for each in specs]
        assert datagrams(capture, farm, len(specs)) == expected


@pytest.mark.farm(methods=["nat", "tun", "dr"])
def test_incomplete_and_overlapping_fragments_are_dropped(farm: Farm, lvs: pylvs.Manager) -> None:
    """A datagram without its first fragment, or with overlapping fragments, is never complete."""
    with tap(farm) as wires, captured(wires.behind) as capture, captured(wires.edge) as edge:
        serve(lvs, wires, farm.method)
        for number, make in enumerate((request, answer if farm.method == "nat" else request)):
            spec = make(wires, 10 + number)
            send = wires.from_real if make is answer else wires.to_vip
            send(*fragments_of(spec, 1024)[1:])
            spec = spec.changed(ident=0x7000 + number)
            send(
                fragment_at(spec, 0, 1024),
                fragment_at(spec, 512, 1024),
                *fragments_of(spec, 1024)[1:],
            )
        wires.to_vip(request(wires, 20).changed(data=b"whole").raw)
        # With NAT, the datagram that opens the flow arrives, too.
        expected = 2 if farm.method == "nat" else 1
        assert len(datagrams(capture, farm, expected)) == expected
        assert not [frame for frame in frames(edge, 1, limit_s=0.1) if packed(wires.real) in frame]


def request(wires: Tap, number: int) -> PacketSpec:
    """Return a client's large datagram."""
    return PacketSpec(
        wires.client, wires.vip, UDP, 6000 + number, VIRTUAL_PORT, DATA, ident=0x4000 + number
    )


def answer(wires: Tap, number: int) -> PacketSpec:
    """Create a connection, and return a real server's large datagram for it."""
    with captured(wires.behind) as capture:
        wires.to_vip(request(wires, number).changed(data=b"open").raw)
        frames(capture, 1)
    return PacketSpec(
        wires.real, wires.client, UDP, REAL_PORT, 6000 + number, DATA, ident=0x5000 + number
    )


def ends_of(spec: PacketSpec, **changes: object) -> Datagram:
    """Return the addresses and the transport part of SPEC with CHANGES."""
    spec = spec.changed(**changes)
    return packed(spec.source) + packed(spec.dest), spec.transport


def datagrams(capture: Capture, farm: Farm, count: int) -> list[Datagram]:
    """Return the captured datagrams, reassembled and without tunnel headers."""
    end = time.monotonic() + LIMIT_S
    while True:
        found = reassemble([frame[14:] for frame in frames(capture, 0)])
        if len(found) >= count or time.monotonic() > end:
            break
        time.sleep(0.01)
    if farm.method != "tun":
        return found
    return reassemble([inner for _ends, inner in found])
