# SPDX-License-Identifier: GPL-2.0
"""A flood of spoofed packets fills the table, and honest clients do not notice.

    client ─┐                          ┌─ servers       farm.service(7): real TCP connections
            ├── director (VIP, tap) ───┤
    edge ───┘   conn_max = CAP         └─ behind        wires.vip: a silent real server

The flood comes from the silent address of helpers/wiretap.py, from another port for each
connection, and goes to a service of its own. It shares the connection table with the farm's real
clients.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients
from ippfvslab.farm import Farm
from ippfvslab.traffic import Background

import pylvs
from tests.live.helpers.packets import ACK, PSH_ACK, RST, SYN_ACK, TCP, UDP, PacketSpec
from tests.live.helpers.wiretap import REAL_PORT, VIRTUAL_PORT, Tap, captured, frames, serve, tap

if TYPE_CHECKING:
    from tests.live.conftest import Balance, Echoes, Ippfvsadm

CAP = 1000
FLOOD = 10 * CAP
CHUNK = 50
SPARE = CAP // 16
"""The numbers of connections on several CPUs are added up exactly only up to this difference."""
ESTABLISHED = 6
MINUTE, QUARTER = 60, 900
LIMIT_S = 20
SEVERAL = 4
"""So many further packets, each 0.4 s after the one before it, confirm a client."""


def _spoofed(wires: Tap) -> Iterator[list[bytes]]:
    """Yield the packets of one spoofed connection after the other: SYN and ACK, or one of UDP."""
    ports = itertools.cycle(range(1024, 65_536))
    one = PacketSpec(wires.client, wires.vip, TCP, 1, VIRTUAL_PORT)
    for number, port in enumerate(ports):
        if number % 3 == 2:
            yield [one.changed(protocol=UDP, sport=port, data=b"flood").raw]
        else:
            yield [one.changed(sport=port).raw, one.changed(sport=port, flags=ACK).raw]


class Flood:
    """Sends spoofed connections, CHUNK of them each time that it is called."""

    def __init__(self, wires: Tap) -> None:
        self._wires = wires
        self._flows = _spoofed(wires)
        self.opened = 0

    def __call__(self) -> None:
        chunk = list(itertools.islice(self._flows, CHUNK))
        self._wires.to_vip(*itertools.chain.from_iterable(chunk))
        self.opened += CHUNK


@contextlib.contextmanager
def _confirmed(farm: Farm) -> Iterator[list[socket.socket]]:
    """Yield TCP connections whose client has sent enough packets over more than a second."""
    socks = [clients.connect(farm.client, "tcp", farm.vip, 7) for _ in range(ESTABLISHED)]
    try:
        for _ in range(SEVERAL):
            time.sleep(0.4)
            for sock in socks:
                clients.request(sock)
        yield socks
    finally:
        for sock in socks:
            clients.reset(sock)


def _survive(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes, ippfvsadm: Ippfvsadm
) -> None:
    names = {server.name for server in echoes("tcp", 7)}
    balance("tcp", 7)
    with tap(farm) as wires:
        serve(lvs, wires, farm.method)
        lvs.configure(conn_max=CAP)
        lvs.zero()
        flood = Flood(wires)
        honest = reset = most = 0
        with _confirmed(farm) as socks, Background(flood):
            while flood.opened < FLOOD:
                for sock in socks:
                    assert clients.request(sock) in names
                # On a slow machine the flood may fill the table before the client has sent enough.
                try:
                    assert clients.request_once(farm.client, "tcp", farm.vip, 7) in names
                    honest += 1
                except ConnectionResetError:
                    reset += 1
                most = max(most, lvs.config().connections)
            for sock in socks:
                assert clients.request(sock) in names
        assert CAP / 2 < most <= CAP + SPARE
        assert honest > max(3, 2 * reset)
        drops, evictions = lvs.drops(), lvs.evictions()
        assert drops.table_full == 0
        assert evictions.pressure >= FLOOD - CAP - SPARE
        assert f"pressure  {evictions.pressure} " in ippfvsadm("--drops").stdout
        lvs.zero()
        assert lvs.evictions() == pylvs.Evictions()


@pytest.mark.farm(methods=["nat", "tun", "dr"], families=[4])
def test_established_and_new_connections_go_on_during_a_flood(
    farm: Farm, ippfvsadm: Ippfvsadm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    _survive(farm, lvs, balance, echoes, ippfvsadm)


@pytest.mark.farm(methods=["dr"], families=[6])
def test_connections_over_ipv6_go_on_during_a_flood(
    farm: Farm, ippfvsadm: Ippfvsadm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    _survive(farm, lvs, balance, echoes, ippfvsadm)


@pytest.mark.farm(methods=["nat"], families=[4])
def test_many_flows_of_one_client_port_make_room_like_others(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """They are linked by their five-tuple, twice each."""
    with tap(farm) as wires:
        service = lvs.add_service("udp", pylvs.Endpoint(wires.vip, 0), "rr")
        lvs.add_real(service, pylvs.Endpoint(wires.real, 0), method="nat")
        lvs.configure(conn_max=100)
        lvs.zero()
        one = PacketSpec(wires.client, wires.vip, UDP, 4000, 1, b"flood")
        for first in range(1000, 2000, CHUNK):
            wires.to_vip(*(one.changed(dport=port).raw for port in range(first, first + CHUNK)))
            assert lvs.config().connections <= 100
        assert lvs.drops().table_full == 0
        assert lvs.evictions().pressure >= 900
        lvs.clear()
        assert lvs.config().connections == 0


# What is confirmed


def _until_expiry(
    lvs: pylvs.Manager, wanted: Callable[[float], bool], limit_s: float = LIMIT_S
) -> None:
    """Wait until the only connection expires as WANTED."""
    limit = time.monotonic() + limit_s
    while True:
        expiries = [each.expires_s for each in lvs.connections()]
        if len(expiries) == 1 and wanted(expiries[0]):
            return
        assert time.monotonic() < limit, expiries
        time.sleep(0.01)


def _in_a_minute(seconds: float) -> bool:
    return MINUTE - LIMIT_S < seconds <= MINUTE


def _in_two_hours(seconds: float) -> bool:
    return seconds > 7000


def _to_server(wires: Tap, *packets: PacketSpec) -> None:
    """Send packets of the client, which the director forwards."""
    with captured(wires.behind) as capture:
        wires.to_vip(*(each.raw for each in packets))
        assert len(frames(capture, len(packets))) == len(packets)


@pytest.mark.farm(methods=["tun", "dr"], families=[4])
def test_a_client_is_confirmed_by_several_packets_over_a_second(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    with tap(farm) as wires:
        serve(lvs, wires, farm.method)
        opening = PacketSpec(wires.client, wires.vip, TCP, 4000, VIRTUAL_PORT)
        more = opening.changed(flags=ACK)
        wires.to_vip(opening.raw)
        _until_expiry(lvs, _in_a_minute)
        wires.to_vip(*[more.raw] * 20)
        _until_expiry(lvs, lambda seconds: QUARTER - LIMIT_S < seconds <= QUARTER)
        for _ in range(2):
            time.sleep(0.4)
            wires.to_vip(more.raw)
        time.sleep(0.4)
        wires.to_vip(opening.raw)  # a SYN tells nothing
        _until_expiry(lvs, lambda seconds: QUARTER - LIMIT_S < seconds <= QUARTER)
        wires.to_vip(more.raw)
        _until_expiry(lvs, _in_two_hours)


@pytest.mark.farm(methods=["nat"], families=[4])
def test_a_client_is_confirmed_by_an_ack_that_the_server_accepts(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    with tap(farm) as wires:
        serve(lvs, wires, farm.method)
        opening = PacketSpec(wires.client, wires.vip, TCP, 4000, VIRTUAL_PORT)
        accepting = PacketSpec(wires.real, wires.client, TCP, REAL_PORT, 4000, flags=SYN_ACK)
        more = opening.changed(flags=ACK)
        wires.to_vip(opening.raw, more.raw, more.raw)
        _until_expiry(lvs, _in_a_minute)
        wires.from_real(accepting.raw)
        _until_expiry(lvs, _in_a_minute)
        wires.to_vip(more.raw)
        _until_expiry(lvs, _in_two_hours)
        time.sleep(0.3)
        wires.from_real(accepting.raw)  # the server has not accepted the ACK
        _until_expiry(lvs, _in_a_minute)
        wires.to_vip(more.raw)
        _until_expiry(lvs, _in_two_hours)


@pytest.mark.farm(methods=["nat", "dr"], families=[4])
def test_a_udp_client_is_confirmed_by_several_packets_over_a_second(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    with tap(farm) as wires:
        serve(lvs, wires, farm.method)
        one = PacketSpec(wires.client, wires.vip, UDP, 4000, VIRTUAL_PORT, b"one")
        wires.to_vip(one.raw)
        _until_expiry(lvs, _in_a_minute)
        if farm.method == "nat":
            answer = PacketSpec(wires.real, wires.client, UDP, REAL_PORT, 4000, b"answer")
            wires.from_real(*[answer.raw] * 9)
            wires.to_vip(one.raw)
            _until_expiry(lvs, _in_a_minute)
        for _ in range(3):
            time.sleep(0.4)
            wires.to_vip(one.raw)
        _until_expiry(lvs, lambda seconds: 300 - LIMIT_S < seconds <= 300)
        lvs.configure(udp_timeout_s=3000)
        _until_expiry(lvs, lambda seconds: 3000 - LIMIT_S < seconds <= 3000)


# What a limit does


@pytest.mark.farm(methods=["nat"], families=[4])
def test_timeouts_shrink_while_the_table_is_more_than_half_full(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    with tap(farm) as wires:
        serve(lvs, wires, farm.method)
        opening = PacketSpec(wires.client, wires.vip, TCP, 4000, VIRTUAL_PORT)
        accepting = PacketSpec(
            wires.real,
            wires.client,
            TCP,
            REAL_PORT,
            4000,
            flags=SYN_ACK,
            acknowledged=opening.sequence + 1,
        )
        _to_server(wires, opening)
        wires.from_real(accepting.raw)
        time.sleep(0.1)
        _to_server(wires, opening.changed(flags=ACK))
        _until_expiry(lvs, lambda seconds: 7400 < seconds <= 7500)
        lvs.configure(conn_max=2)
        time.sleep(1)
        _until_expiry(lvs, lambda seconds: 7400 < seconds <= 7500)
        lvs.configure(conn_max=1)
        _until_expiry(lvs, lambda seconds: 7500 / 8 - LIMIT_S < seconds <= 7500 / 8 + 1)
        lvs.configure(conn_max=0)
        _until_expiry(lvs, lambda seconds: 7400 < seconds <= 7500)


@pytest.mark.farm(methods=["nat"], families=[4])
def test_a_closed_connection_makes_room_and_a_confirmed_one_does_not(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    with tap(farm) as wires:
        serve(lvs, wires, farm.method)
        opening = PacketSpec(wires.client, wires.vip, TCP, 4000, VIRTUAL_PORT)
        accepting = PacketSpec(
            wires.real,
            wires.client,
            TCP,
            REAL_PORT,
            4000,
            flags=SYN_ACK,
            acknowledged=opening.sequence + 1,
        )
        _to_server(wires, opening)
        with captured(wires.edge) as capture:
            wires.from_real(accepting.raw)
            assert len(frames(capture, 1)) == 1
        _to_server(wires, opening.changed(flags=PSH_ACK, data=b"hello"))
        lvs.configure(conn_max=1)
        lvs.zero()
        wires.to_vip(*(opening.changed(sport=port).raw for port in range(5000, 5400)))
        limit = time.monotonic() + LIMIT_S
        while lvs.drops().table_full < 400:
            assert time.monotonic() < limit, lvs.drops()
            time.sleep(0.01)
        assert [each.client.port for each in lvs.connections()] == [4000]
        _to_server(wires, opening.changed(flags=RST))
        # Only 256 buckets are searched, so not every port finds the closed connection.
        while not lvs.evictions().pressure:
            assert time.monotonic() < limit, lvs.drops()
            wires.to_vip(*(opening.changed(sport=port).raw for port in range(5400, 5800)))
        assert lvs.config().connections == 1
        assert 4000 not in [each.client.port for each in lvs.connections()]
