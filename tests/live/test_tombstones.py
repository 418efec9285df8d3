# SPDX-License-Identifier: GPL-2.0
"""Tombstones: packets from a removed server are dropped, whatever its client sends meanwhile."""

from __future__ import annotations

import time

import pytest
from ippfvslab.farm import Farm

import pylvs
from tests.live.helpers.module import small_table
from tests.live.helpers.packets import ACK, PSH_ACK, RST, SYN, TCP, UDP, PacketSpec
from tests.live.helpers.wiretap import Tap, captured, frames, tap

PORT, REAL_PORT = 80, 8080
REPLY = b"a reply"
SWEEP_LIMIT_S = 20
"""The worker visits all entries in about 8 seconds."""


def _serve(lvs: pylvs.Manager, wires: Tap, protocol: str) -> pylvs.Service:
    service = lvs.add_service(protocol, pylvs.Endpoint(wires.vip, PORT), "rr")
    lvs.add_real(service, pylvs.Endpoint(wires.real, REAL_PORT), method="nat")
    return service


def _open(wires: Tap, asked: PacketSpec) -> None:
    with captured(wires.behind) as capture:
        wires.to_vip(asked.raw)
        assert len(frames(capture, 1)) == 1


def _assert_dropped(lvs: pylvs.Manager, wires: Tap, answer: PacketSpec) -> None:
    """Check that a packet of the removed server is dropped and counted."""
    before = lvs.drops().server_removed
    with captured(wires.edge) as capture:
        wires.from_real(answer.raw)
        assert frames(capture, 1, limit_s=0.2) == []
    assert lvs.drops().server_removed == before + 1


@pytest.mark.farm(methods=["nat"])
def test_a_removed_server_is_dropped_after_its_client_was_refused(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    with tap(farm) as wires:
        service = _serve(lvs, wires, "tcp")
        opening = PacketSpec(wires.client, wires.vip, TCP, 4000, PORT, flags=SYN)
        answer = PacketSpec(wires.real, wires.client, TCP, REAL_PORT, 4000, REPLY, flags=PSH_ACK)
        _open(wires, opening)
        _open(wires, opening.changed(flags=ACK))
        lvs.remove_real(service, pylvs.Endpoint(wires.real, REAL_PORT))
        _assert_dropped(lvs, wires, answer)
        with captured(wires.edge) as capture:
            wires.to_vip(opening.changed(flags=PSH_ACK, data=b"hello").raw)
            assert len(frames(capture, 1)) == 1  # the RST
        assert list(lvs.connections()) == []
        _assert_dropped(lvs, wires, answer)
        _assert_dropped(lvs, wires, answer)


@pytest.mark.farm(methods=["nat"])
def test_a_removed_server_is_dropped_after_its_client_moved_to_another(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    with tap(farm) as wires:
        service = _serve(lvs, wires, "udp")
        asked = PacketSpec(wires.client, wires.vip, UDP, 4000, PORT, b"ask")
        answer = PacketSpec(wires.real, wires.client, UDP, REAL_PORT, 4000, REPLY)
        _open(wires, asked)
        lvs.remove_real(service, pylvs.Endpoint(wires.real, REAL_PORT))
        lvs.add_real(service, pylvs.Endpoint(wires.real, REAL_PORT + 1), method="nat")
        _open(wires, asked)
        _assert_dropped(lvs, wires, answer)
        with captured(wires.edge) as capture:
            wires.from_real(answer.changed(sport=REAL_PORT + 1).raw)
            assert len(frames(capture, 1)) == 1  # the other server's reply is forwarded


@pytest.mark.farm(methods=["nat"])
def test_a_server_that_was_added_again_is_served(farm: Farm, lvs: pylvs.Manager) -> None:
    with tap(farm) as wires:
        service = _serve(lvs, wires, "udp")
        asked = PacketSpec(wires.client, wires.vip, UDP, 4000, PORT, b"ask")
        answer = PacketSpec(wires.real, wires.client, UDP, REAL_PORT, 4000, b"welcome")
        for _ in range(12):  # more tombstones than may wait
            _open(wires, asked)
            lvs.remove_real(service, pylvs.Endpoint(wires.real, REAL_PORT))
            wires.to_vip(asked.raw)  # creates the tombstone and finds no server
            lvs.add_real(service, pylvs.Endpoint(wires.real, REAL_PORT), method="nat")
        _open(wires, asked)
        with captured(wires.edge) as capture:
            wires.from_real(answer.raw)
            assert len(frames(capture, 1)) == 1
        # The tombstones above the limit expire like other ended entries.
        limit = time.monotonic() + SWEEP_LIMIT_S
        while lvs.config().connections > 1 + 9:
            assert time.monotonic() < limit
            time.sleep(0.1)


@pytest.mark.farm(methods=["nat"])
def test_tombstones_of_one_client_port_drop_every_reply(farm: Farm, lvs: pylvs.Manager) -> None:
    """All connections after the fourth are linked by their five-tuple hash."""
    with tap(farm) as wires:
        service = lvs.add_service("udp", pylvs.Endpoint(wires.vip, 0), "rr")
        lvs.add_real(service, pylvs.Endpoint(wires.real, 0), method="nat")
        ports = range(1000, 1008)
        asked = {
            port: PacketSpec(wires.client, wires.vip, UDP, 4000, port, b"ask") for port in ports
        }
        for each in asked.values():
            _open(wires, each)
        lvs.remove_real(service, pylvs.Endpoint(wires.real, 0))
        wires.to_vip(*(each.raw for each in asked.values()))
        for port in ports:
            _assert_dropped(
                lvs, wires, PacketSpec(wires.real, wires.client, UDP, port, 4000, REPLY)
            )
        lvs.configure(udp_timeout_s=1)
        limit = time.monotonic() + SWEEP_LIMIT_S
        while lvs.config().connections:
            assert time.monotonic() < limit, "tombstones do not expire"
            time.sleep(0.1)


@pytest.mark.farm(methods=["nat"])
def test_a_client_reaches_its_server_by_another_service(farm: Farm, lvs: pylvs.Manager) -> None:
    """The tombstone of the first connection does not collide with the second one."""
    with tap(farm) as wires:
        service = _serve(lvs, wires, "udp")
        other = lvs.add_service("udp", pylvs.Endpoint(wires.vip, PORT + 1), "rr")
        lvs.add_real(other, pylvs.Endpoint(wires.real, REAL_PORT), method="nat")
        asked = PacketSpec(wires.client, wires.vip, UDP, 4000, PORT, b"ask")
        _open(wires, asked)
        lvs.remove_real(service, pylvs.Endpoint(wires.real, REAL_PORT))
        _open(wires, asked.changed(dport=PORT + 1))
        (connection,) = lvs.connections()
        assert connection.virtual.port == PORT + 1
        assert lvs.drops().tuple_in_use == 0


@pytest.mark.farm(methods=["nat"], families=[4])
def test_tombstones_use_at_most_an_eighth_of_the_connections(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """An eighth of conn_max may be tombstones."""
    with tap(farm) as wires:
        service = _serve(lvs, wires, "udp")
        lvs.configure(conn_max=80)
        asked = [
            PacketSpec(wires.client, wires.vip, UDP, 4000 + n, PORT, b"ask") for n in range(20)
        ]
        for each in asked:
            _open(wires, each)
        lvs.remove_real(service, pylvs.Endpoint(wires.real, REAL_PORT))
        wires.to_vip(*(each.raw for each in asked))
        before = lvs.drops().server_removed
        wires.from_real(
            *(
                PacketSpec(wires.real, wires.client, UDP, REAL_PORT, each.sport).raw
                for each in asked
            )
        )
        limit = time.monotonic() + SWEEP_LIMIT_S
        while lvs.drops().server_removed < before + 10:
            assert time.monotonic() < limit
        time.sleep(0.2)
        assert lvs.drops().server_removed == before + 10


@pytest.mark.parametrize("established", [0, 4])
@pytest.mark.farm(methods=["nat"], families=[4])
def test_a_client_that_opens_and_resets_forever_leaves_slots_to_others(
    farm: Farm, established: int
) -> None:
    with small_table(), tap(farm) as wires, farm.director.inside(), pylvs.Manager() as lvs:
        service = lvs.add_service("tcp", pylvs.Endpoint(wires.vip, 0), "rr")
        lvs.add_real(service, pylvs.Endpoint(wires.real, 0), method="nat")
        opening = PacketSpec(wires.client, wires.vip, TCP, 6000, 1, flags=SYN)
        for port in range(1, established + 1):
            _open(wires, opening.changed(dport=port))
        for port in range(100, 104):
            one = opening.changed(sport=6000 if established else 6000 + port, dport=port)
            wires.to_vip(*[one.raw, one.changed(flags=RST).raw] * 300)
        refused = lvs.drops().table_full
        assert refused > 4 * 150
        others = [opening.changed(sport=port, dport=50).raw for port in range(10_000, 12_000)]
        wires.to_vip(*others)
        assert lvs.drops().table_full == refused
        lvs.clear()
