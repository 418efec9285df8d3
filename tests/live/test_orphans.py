# SPDX-License-Identifier: GPL-2.0
"""A removed server is not heard, whatever its client has said since; and who was too many."""

from __future__ import annotations

import time

import pytest
from ippfvslab.farm import Farm

import pylvs
from tests.live.helpers.module import small_table
from tests.live.helpers.packets import ACK, PSH_ACK, RST, SYN, TCP, UDP, Made
from tests.live.helpers.wiretap import Tap, caught, frames, tap

PORT, REAL_PORT = 80, 8080
SECRET = b"from behind"
SWEPT_S = 20
"""All entries are looked at once in about 8 seconds."""


def _serve(lvs: pylvs.Manager, wires: Tap, protocol: str) -> pylvs.Service:
    service = lvs.add_service(protocol, pylvs.Endpoint(wires.vip, PORT), "rr")
    lvs.add_real(service, pylvs.Endpoint(wires.real, REAL_PORT), method="nat")
    return service


def _open(wires: Tap, asked: Made) -> None:
    with caught(wires.behind) as capture:
        wires.to_vip(asked.raw)
        assert len(frames(capture, 1)) == 1


def _dropped(lvs: pylvs.Manager, wires: Tap, answer: Made) -> None:
    """What the removed server sends goes nowhere, and is counted."""
    before = lvs.drops().server_removed
    with caught(wires.edge) as capture:
        wires.from_real(answer.raw)
        assert frames(capture, 1, limit_s=0.2) == []
    assert lvs.drops().server_removed == before + 1


@pytest.mark.farm(methods=["nat"])
def test_after_its_client_was_refused(farm: Farm, lvs: pylvs.Manager) -> None:
    with tap(farm) as wires:
        service = _serve(lvs, wires, "tcp")
        opening = Made(wires.client, wires.vip, TCP, 4000, PORT, flags=SYN)
        answer = Made(wires.real, wires.client, TCP, REAL_PORT, 4000, SECRET, flags=PSH_ACK)
        _open(wires, opening)
        _open(wires, opening.but(flags=ACK))
        lvs.remove_real(service, pylvs.Endpoint(wires.real, REAL_PORT))
        _dropped(lvs, wires, answer)
        with caught(wires.edge) as capture:
            wires.to_vip(opening.but(flags=PSH_ACK, data=b"hello").raw)
            assert len(frames(capture, 1)) == 1  # the RST
        assert list(lvs.connections()) == []
        _dropped(lvs, wires, answer)
        _dropped(lvs, wires, answer)


@pytest.mark.farm(methods=["nat"])
def test_after_its_client_went_to_another(farm: Farm, lvs: pylvs.Manager) -> None:
    with tap(farm) as wires:
        service = _serve(lvs, wires, "udp")
        asked = Made(wires.client, wires.vip, UDP, 4000, PORT, b"ask")
        answer = Made(wires.real, wires.client, UDP, REAL_PORT, 4000, SECRET)
        _open(wires, asked)
        lvs.remove_real(service, pylvs.Endpoint(wires.real, REAL_PORT))
        lvs.add_real(service, pylvs.Endpoint(wires.real, REAL_PORT + 1), method="nat")
        _open(wires, asked)
        _dropped(lvs, wires, answer)
        with caught(wires.edge) as capture:
            wires.from_real(answer.but(sport=REAL_PORT + 1).raw)
            assert len(frames(capture, 1)) == 1  # the other one is heard


@pytest.mark.farm(methods=["nat"])
def test_it_is_heard_again_once_it_is_back(farm: Farm, lvs: pylvs.Manager) -> None:
    with tap(farm) as wires:
        service = _serve(lvs, wires, "udp")
        asked = Made(wires.client, wires.vip, UDP, 4000, PORT, b"ask")
        answer = Made(wires.real, wires.client, UDP, REAL_PORT, 4000, b"welcome")
        for _ in range(12):  # more than may wait
            _open(wires, asked)
            lvs.remove_real(service, pylvs.Endpoint(wires.real, REAL_PORT))
            wires.to_vip(asked.raw)  # orphans it, finds no server
            lvs.add_real(service, pylvs.Endpoint(wires.real, REAL_PORT), method="nat")
        _open(wires, asked)
        with caught(wires.edge) as capture:
            wires.from_real(answer.raw)
            assert len(frames(capture, 1)) == 1
        # Those that were too many are dead like any other.
        limit = time.monotonic() + SWEPT_S
        while lvs.config().connections > 1 + 9:
            assert time.monotonic() < limit
            time.sleep(0.1)


@pytest.mark.farm(methods=["nat"])
def test_one_of_many_that_its_client_has(farm: Farm, lvs: pylvs.Manager) -> None:
    """The fifth of one client's port and all further ones are linked elsewhere in the table."""
    with tap(farm) as wires:
        service = lvs.add_service("udp", pylvs.Endpoint(wires.vip, 0), "rr")
        lvs.add_real(service, pylvs.Endpoint(wires.real, 0), method="nat")
        ports = range(1000, 1008)
        asked = {port: Made(wires.client, wires.vip, UDP, 4000, port, b"ask") for port in ports}
        for each in asked.values():
            _open(wires, each)
        lvs.remove_real(service, pylvs.Endpoint(wires.real, 0))
        wires.to_vip(*(each.raw for each in asked.values()))
        for port in ports:
            _dropped(lvs, wires, Made(wires.real, wires.client, UDP, port, 4000, SECRET))
        lvs.configure(udp_timeout_s=1)
        limit = time.monotonic() + SWEPT_S
        while lvs.config().connections:
            assert time.monotonic() < limit, "orphans stay"
            time.sleep(0.1)


@pytest.mark.farm(methods=["nat"])
def test_a_client_that_meets_its_server_by_another_service(farm: Farm, lvs: pylvs.Manager) -> None:
    """What is left of the first connection is not in its way, though answers look alike."""
    with tap(farm) as wires:
        service = _serve(lvs, wires, "udp")
        other = lvs.add_service("udp", pylvs.Endpoint(wires.vip, PORT + 1), "rr")
        lvs.add_real(other, pylvs.Endpoint(wires.real, REAL_PORT), method="nat")
        asked = Made(wires.client, wires.vip, UDP, 4000, PORT, b"ask")
        _open(wires, asked)
        lvs.remove_real(service, pylvs.Endpoint(wires.real, REAL_PORT))
        _open(wires, asked.but(dport=PORT + 1))
        (connection,) = lvs.connections()
        assert connection.virtual.port == PORT + 1
        assert lvs.drops().tuple_in_use == 0


@pytest.mark.farm(methods=["nat"], families=[4])
def test_orphans_leave_room_for_the_living(farm: Farm, lvs: pylvs.Manager) -> None:
    """At most an eighth of the connections that there may be."""
    with tap(farm) as wires:
        service = _serve(lvs, wires, "udp")
        lvs.configure(conn_max=80)
        asked = [Made(wires.client, wires.vip, UDP, 4000 + n, PORT, b"ask") for n in range(20)]
        for each in asked:
            _open(wires, each)
        lvs.remove_real(service, pylvs.Endpoint(wires.real, REAL_PORT))
        wires.to_vip(*(each.raw for each in asked))
        before = lvs.drops().server_removed
        wires.from_real(
            *(Made(wires.real, wires.client, UDP, REAL_PORT, each.sport).raw for each in asked)
        )
        limit = time.monotonic() + SWEPT_S
        while lvs.drops().server_removed < before + 10:
            assert time.monotonic() < limit
        time.sleep(0.2)
        assert lvs.drops().server_removed == before + 10


@pytest.mark.parametrize("living", [0, 4])
@pytest.mark.farm(methods=["nat"], families=[4])
def test_who_opens_and_ends_for_ever_leaves_places_to_others(farm: Farm, living: int) -> None:
    with small_table(), tap(farm) as wires, farm.director.inside(), pylvs.Manager() as lvs:
        service = lvs.add_service("tcp", pylvs.Endpoint(wires.vip, 0), "rr")
        lvs.add_real(service, pylvs.Endpoint(wires.real, 0), method="nat")
        opening = Made(wires.client, wires.vip, TCP, 6000, 1, flags=SYN)
        for port in range(1, living + 1):
            _open(wires, opening.but(dport=port))
        for port in range(100, 104):
            one = opening.but(sport=6000 if living else 6000 + port, dport=port)
            wires.to_vip(*[one.raw, one.but(flags=RST).raw] * 300)
        refused = lvs.drops().table_full
        assert refused > 4 * 150
        others = [opening.but(sport=port, dport=50).raw for port in range(10_000, 12_000)]
        wires.to_vip(*others)
        assert lvs.drops().table_full == refused
        lvs.clear()
