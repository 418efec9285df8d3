# SPDX-License-Identifier: GPL-2.0
"""Datagrams in pieces, both ways: through sockets, and by hand in any order."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm
from ippfvslab.wire import Capture

from tests.live.helpers.fragments import cut, join, piece
from tests.live.helpers.packets import UDP, Made, packed
from tests.live.helpers.wiretap import (
    LIMIT_S,
    REAL_PORT,
    VIRTUAL_PORT,
    Tap,
    caught,
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
    "the first last": lambda whole: whole[1:] + whole[:1],
    "one of them twice": lambda whole: [whole[0], *whole],
}
Datagram = tuple[bytes, bytes]


def test_large_datagrams(farm: Farm, lvs: pylvs.Manager) -> None:
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


# Whole IPv4 datagrams may be cut on the way, IPv6 ones at the client only.
NO_DISCOVERY = {4: (socket.IPPROTO_IP, 10, 0), 6: (socket.IPPROTO_IPV6, 23, 0)}


def echoed(sock: socket.socket, data: bytes) -> bool:
    """Is DATA answered? A client of an IPv6 tunnel learns by a loss how narrow it is."""
    for _ in range(3):
        sock.send(data)
        with suppress(TimeoutError):
            while sock.recv(65536) != b"server:" + data:
                pass
            return True
    return False


@pytest.mark.farm(methods=["nat", "tun", "dr"])
def test_in_any_order_to_the_server(farm: Farm, lvs: pylvs.Manager) -> None:
    with tap(farm) as wires, caught(wires.behind) as capture:
        serve(lvs, wires, farm.method)
        made = [request(wires, number) for number in range(len(ORDERS))]
        for each, order in zip(made, ORDERS.values(), strict=True):
            wires.to_vip(*order(cut(each, 1024)))
        changes = {"dest": wires.real, "dport": REAL_PORT} if farm.method == "nat" else {}
        assert datagrams(capture, farm, len(made)) == [ends_of(each, **changes) for each in made]


@pytest.mark.farm(methods=["tun"], families=[4])
def test_a_tunnel_cuts_by_itself_what_must_not_be_cut(farm: Farm, lvs: pylvs.Manager) -> None:
    """Its pieces were small enough; those of different datagrams must not be mixed outside."""
    with tap(farm) as wires, caught(wires.behind) as capture:
        serve(lvs, wires, "tun")
        made = [request(wires, 30), request(wires, 31)]
        for each in made:
            wires.to_vip(*cut(each, 1024, dont_fragment=True))
        assert datagrams(capture, farm, 2) == [ends_of(each) for each in made]
        assert len({frame[18:20] for frame in frames(capture, 0)}) == 2


@pytest.mark.farm(methods=["nat"])
def test_in_any_order_to_the_client(farm: Farm, lvs: pylvs.Manager) -> None:
    with tap(farm) as wires, caught(wires.edge) as capture:
        serve(lvs, wires, "nat")
        made = [answer(wires, number) for number in range(len(ORDERS))]
        for each, order in zip(made, ORDERS.values(), strict=True):
            wires.from_real(*order(cut(each, 1024)))
        expected = [ends_of(each, source=wires.vip, sport=VIRTUAL_PORT) for each in made]
        assert datagrams(capture, farm, len(made)) == expected


@pytest.mark.farm(methods=["nat", "tun", "dr"])
def test_pieces_of_nothing_go_nowhere(farm: Farm, lvs: pylvs.Manager) -> None:
    """Without its beginning, or with pieces that overlap, there is no datagram."""
    with tap(farm) as wires, caught(wires.behind) as capture, caught(wires.edge) as edge:
        serve(lvs, wires, farm.method)
        for number, make in enumerate((request, answer if farm.method == "nat" else request)):
            made = make(wires, 10 + number)
            send = wires.from_real if make is answer else wires.to_vip
            send(*cut(made, 1024)[1:])
            made = made.but(ident=0x7000 + number)
            send(piece(made, 0, 1024), piece(made, 512, 1024), *cut(made, 1024)[1:])
        wires.to_vip(request(wires, 20).but(data=b"whole").raw)
        expected = (
            2 if farm.method == "nat" else 1
        )  # the one that opens the flow, and the whole one
        assert len(datagrams(capture, farm, expected)) == expected
        assert not [frame for frame in frames(edge, 1, limit_s=0.1) if packed(wires.real) in frame]


def request(wires: Tap, number: int) -> Made:
    """A client's large datagram."""
    return Made(
        wires.client, wires.vip, UDP, 6000 + number, VIRTUAL_PORT, DATA, ident=0x4000 + number
    )


def answer(wires: Tap, number: int) -> Made:
    """A real server's large datagram, of a connection that this makes."""
    with caught(wires.behind) as capture:
        wires.to_vip(request(wires, number).but(data=b"open").raw)
        frames(capture, 1)
    return Made(
        wires.real, wires.client, UDP, REAL_PORT, 6000 + number, DATA, ident=0x5000 + number
    )


def ends_of(made: Made, **changes: object) -> Datagram:
    """Addresses and transport of MADE with CHANGES."""
    made = made.but(**changes)
    return packed(made.source) + packed(made.dest), made.transport


def datagrams(capture: Capture, farm: Farm, count: int) -> list[Datagram]:
    """What was captured, put together, unwrapped of a tunnel."""
    end = time.monotonic() + LIMIT_S
    while True:
        found = join([frame[14:] for frame in frames(capture, 0)])
        if len(found) >= count or time.monotonic() > end:
            break
        time.sleep(0.01)
    if farm.method != "tun":
        return found
    return join([inner for _ends, inner in found])
