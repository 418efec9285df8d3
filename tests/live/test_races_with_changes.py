# SPDX-License-Identifier: GPL-2.0
"""Rules, devices, namespaces and the module change while both CPUs forward packets.

    in0   fed by CPU 0 ──┐
    in1   fed by CPU 1 ──┤ director ── out0        see helpers/races.py and helpers/streams.py
    back0 fed by CPU 1 ──┘

Both CPUs send the same flows, so they use one service, one real server and one entry at a time.
Each race runs rounds until its time is over. The counters of the director and of its devices must
agree exactly.
"""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path

import pytest
from ippfvslab import netns
from ippfvslab.netns import Host
from ippfvslab.traffic import Background

import pylvs
from tests.live.helpers.module import reload
from tests.live.helpers.races import (
    FLOWS,
    GAP_NS,
    PORT,
    answers,
    assert_nothing_is_left,
    dropped,
    floods,
    raced_director,
    rounds,
    rules,
    servers_of_flows,
    service_of,
    until,
)
from tests.live.helpers.streams import (
    ALL_REALS,
    REALS,
    SERVERS,
    VIPS,
    Stream,
    Streams,
    end_wired_director,
    feeder,
    real_server_commands,
    send,
    sent_by_device,
    wired_director,
)

FAMILIES = pytest.mark.parametrize("family", [4, 6])


def _assert_all_accounted_for(lvs: pylvs.Manager, streams: Streams, *sent: Stream) -> None:
    """Check that every received packet was forwarded or counted as dropped."""
    received = sum(streams.sent(each) for each in sent)
    assert sent_by_device("out0") + dropped(lvs, "table_full") == received


@FAMILIES
def test_flows_move_immediately_when_their_real_server_is_removed(family: int) -> None:
    first, second = ALL_REALS[family][:2]
    with raced_director(family) as lvs:
        lvs.replace(rules(first))
        service = service_of(lvs, family).rule()
        sent = floods(family)
        changes = 0
        with Streams(*sent, answers(family, 0)) as streams:
            for _ in rounds(least=3):
                lvs.add_real(service, pylvs.Endpoint(second, 7), method="nat")
                before = lvs.stats().connections
                lvs.edit_real(service, pylvs.Endpoint(first, 7), 0)
                lvs.edit_real(service, pylvs.Endpoint(first, 7), 1)
                lvs.remove_real(service, pylvs.Endpoint(first, 7))
                until(partial(_all_at, lvs, family, second), "not every flow has moved", lvs)
                assert lvs.stats().connections >= before + len(FLOWS) // 2
                lvs.add_real(service, pylvs.Endpoint(first, 7), method="nat")
                lvs.remove_real(service, pylvs.Endpoint(second, 7))
                until(partial(_all_at, lvs, family, first), "not every flow has moved back", lvs)
                changes += 2
        _assert_all_forwarded(lvs, family, streams, sent, changes)
        assert servers_of_flows(lvs) == dict.fromkeys(FLOWS, first)
        assert_nothing_is_left(lvs)


def _all_at(lvs: pylvs.Manager, family: int, real: str) -> bool:
    """Return whether every flow has a connection to REAL, the only real server."""
    (server,) = service_of(lvs, family).reals
    return str(server.endpoint.address) == real and server.inactive >= len(FLOWS)


def _assert_all_forwarded(
    lvs: pylvs.Manager, family: int, streams: Streams, sent: tuple[Stream, ...], changes: int
) -> None:
    """Check the counters. For each removed server, each CPU may count one packet too late."""
    refused = lvs.drops().table_full  # more ended entries of one client than may wait
    received = sum(streams.sent(each) for each in sent) - refused
    dropped(lvs, "table_full", "server_removed")
    assert received - 2 * changes <= lvs.stats().packets_in <= received
    if family == 4:  # the IPv6 stack also sends other packets
        assert sent_by_device("out0") == received
    service = service_of(lvs, family)
    assert (service.active, service.inactive) == (0, len(FLOWS))


@FAMILIES
@pytest.mark.parametrize("others", [True, False], ids=["among others", "the last"])
def test_a_removed_service_takes_its_connections_along(family: int, others: bool) -> None:
    real = ALL_REALS[family][0]
    with raced_director(family) as lvs:
        if others:
            lvs.add_service("tcp", pylvs.Endpoint(VIPS[family], 80))
        service = rules(real).services[0]
        removed = 0
        with Streams(*floods(family)):
            for _ in rounds(least=3):
                lvs.add_real(service, pylvs.Endpoint(real, 7), method="nat", create=True)
                until(partial(_serves, lvs, family), "too few connections", lvs)
                lvs.remove_service(service)
                removed += 1
        # For each removed service, each CPU may have held one packet that was counted too late.
        if family == 4:
            assert (
                sent_by_device("out0") - 2 * removed
                <= lvs.stats().packets_in
                <= sent_by_device("out0")
            )
        assert lvs.stats().connections >= removed * (len(FLOWS) - 2)
        dropped(lvs, "table_full")  # more ended entries of one client than may wait
        assert_nothing_is_left(lvs)


def test_readers_see_one_set_or_the_other_while_rules_are_replaced() -> None:
    one, other = rules(*REALS[:2]), rules(*REALS[1:4])
    with raced_director() as lvs, pylvs.Manager() as reader:
        lvs.replace(one)
        sent = floods()

        def read() -> None:
            if reader.rules().services not in (one.services, other.services):
                raise OSError("a reader saw parts of two sets")

        with Streams(*sent) as streams, Background(read) as readers:
            for number in rounds(least=10):
                wanted = other if number % 2 else one
                lvs.replace(wanted)
                assert lvs.rules().services == wanted.services
                created = lvs.stats().connections
                assert lvs.stats().connections >= created
        assert readers.faults == []
        assert readers.rounds
        _assert_all_accounted_for(lvs, streams, *sent)
        lvs.replace(one)
        send(floods(count=len(FLOWS))[0])
        assert set(servers_of_flows(lvs)) == set(FLOWS)
        assert set(servers_of_flows(lvs).values()) <= set(REALS[:2])
        assert_nothing_is_left(lvs)


@FAMILIES
def test_the_module_serves_again_after_a_reload_under_traffic(family: int) -> None:
    with raced_director(family), Streams(*floods(family)):
        for _ in rounds(least=3):
            with pylvs.Manager() as lvs:
                assert lvs.services() == []
                before = sent_by_device("out0")
                lvs.replace(rules(*ALL_REALS[family]))
                until(partial(_serves, lvs, family), "too few connections", lvs)
                assert sent_by_device("out0") > before
                assert dropped(lvs) == 0
            reload()


def _serves(lvs: pylvs.Manager, family: int) -> bool:
    return service_of(lvs, family).inactive >= len(FLOWS)


@FAMILIES
def test_a_namespace_is_destroyed_under_traffic_and_frees_its_connections(family: int) -> None:
    """The namespace has rules, connections and packets. Its share of the limit must be freed."""
    limit = Path("/sys/module/ippfvs/parameters/conn_limit")
    sent = [
        Stream(f"feed{cpu}", cpu, each.source, FLOWS, each.dest, PORT, 0, 1, GAP_NS, True)
        for cpu, each in enumerate(floods(family))
    ]
    with feeder() as feeding:
        for _ in rounds(least=3):
            director = wired_director(feeding, family)
            with contextlib.ExitStack() as stack:
                stack.callback(_end_if_it_exists, director.path, director)
                stack.enter_context(Streams(*sent))
                with pylvs.Manager(
                    str(director.path)
                ) as lvs:  # its socket references the namespace
                    lvs.replace(rules(*ALL_REALS[family]))
                    until(partial(_serves, lvs, family), "too few connections", lvs)
                end_wired_director(director)
    with raced_director() as lvs:
        limit.write_text("4")
        try:
            lvs.replace(rules(*REALS))
            send(floods(flows=range(10_000, 10_008), count=8)[0])
            assert (service_of(lvs).inactive, lvs.drops().table_full) == (4, 4)
        finally:
            limit.write_text("0")


def _end_if_it_exists(path: Path, director: Host) -> None:
    if path.exists():
        end_wired_director(director)


@FAMILIES
def test_flows_keep_their_servers_when_a_device_is_removed_and_added_again(family: int) -> None:
    with raced_director(family) as lvs:
        netns.ip([f"route del {SERVERS[family]} dev back0"])  # nobody replies
        lvs.replace(rules(*ALL_REALS[family]))
        with Streams(*floods(family)), pylvs.Manager() as reader:
            until(partial(_serves, lvs, family), "too few connections", lvs)
            before = servers_of_flows(reader)
            for _ in rounds(least=3):
                lost = lvs.drops().no_route
                netns.ip(["link del out0"])  # the kernel logs a device that is held for 10 s
                until(partial(_lost_more_than, lvs, lost), "no packet is refused")
                new = ["link add out0 type dummy", "link set out0 up"]
                netns.ip([*new, *real_server_commands(family)])
                until(lambda: sent_by_device("out0") > 100, "the new device sends nothing")
        assert servers_of_flows(lvs) == before
        assert dropped(lvs, "no_route")
        assert_nothing_is_left(lvs)


def _lost_more_than(lvs: pylvs.Manager, lost: int) -> bool:
    return lvs.drops().no_route > lost
