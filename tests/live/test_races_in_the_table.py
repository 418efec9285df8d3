# SPDX-License-Identifier: GPL-2.0
"""The connection table on two CPUs: concurrent lookups, insertions, expiry, resizing and listing.

    in0   fed by CPU 0 ──┐
    in1   fed by CPU 1 ──┤ director ── out0        see helpers/races.py and helpers/streams.py
    back0 fed by CPU 1 ──┘

The tests compare exact counters: of each real server, of the devices, and of created connections.
If a lookup misses a known flow once, the flow is scheduled again, to a real server that gets
nothing else. On a kernel with one CPU a single thread feeds all devices in turn. The worker, which
moves and ends entries, still runs between any two packets.
"""

from __future__ import annotations

import dataclasses
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

import pylvs
from tests.live.helpers.module import SMALL_BITS
from tests.live.helpers.races import (
    FLOWS,
    GAP_NS,
    PORT,
    RACE_S,
    SLOW,
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
    CLIENTS,
    REALS,
    VIP,
    VIPS,
    Stream,
    Streams,
    send,
    sent_by_device,
)

SHRINK_LIMIT_S = 120
SEED = int(os.environ.get("IPPFVS_SEED", "1999"))
RACED = range(1_024, 61_023)
"""59,999 ports and 4 addresses have no common divisor, so each pair comes once in four rounds."""
EVERY_PORT = range(1_000, 1_000 + 2_000 // SLOW)
UDP_TIMEOUT_S = 3
CAP = 2_000
FAMILIES = pytest.mark.parametrize("family", [4, 6])


@pytest.fixture
def director() -> Iterator[pylvs.Manager]:
    """Yield the Manager of a director with the smallest table."""
    with raced_director() as lvs:
        yield lvs


@FAMILIES
def test_known_flows_are_never_missed_while_the_table_grows_and_shrinks(family: int) -> None:
    home, stray, other = ALL_REALS[family][:3]
    with raced_director(family) as lvs:
        lvs.replace(rules(home))
        kept = service_of(lvs, family).rule()
        others = lvs.add_service("udp", pylvs.Endpoint(VIPS[family], 8), "rr")
        lvs.add_real(others, pylvs.Endpoint(other, 8), method="nat")
        known, _ = floods(family)
        send(dataclasses.replace(known, count=len(FLOWS)))
        lvs.edit_real(kept, pylvs.Endpoint(home, 7), 0)
        lvs.add_real(kept, pylvs.Endpoint(stray, 7), method="nat")
        lvs.configure(udp_timeout_s=UDP_TIMEOUT_S)

        received, back = len(FLOWS), 0
        sizes = []
        new = Stream("in1", 1, CLIENTS[family], RACED, VIPS[family], range(8, 9), every_ns=GAP_NS)
        answered = answers(family, 0)
        with Streams(known, answered, new) as streams:  # the table grows
            for _ in rounds(least=2):
                assert set(ports_of(lvs, kept)) == set(FLOWS)
                sizes.append(lvs.config().buckets)
        made = streams.sent(new)
        received, back = received + streams.sent(known), back + streams.sent(answered)
        grown = max(sizes)
        assert lvs.service("udp", pylvs.Endpoint(VIPS[family], 8)).stats.packets_in == made
        assert grown > 1 << SMALL_BITS
        with Streams(known, answered) as streams:  # the table shrinks
            readings = 0
            limit = time.monotonic() + SHRINK_LIMIT_S
            while lvs.config().buckets >= grown or not readings:
                assert set(ports_of(lvs, kept)) == set(FLOWS)
                assert time.monotonic() < limit, "the table does not shrink"
                readings += 1
        received, back = received + streams.sent(known), back + streams.sent(answered)
        assert lvs.config().buckets < grown

        kept_real, missed = service_of(lvs, family).reals
        assert (kept_real.stats.connections, missed.stats.connections) == (len(FLOWS), 0)
        assert (kept_real.stats.packets_in, kept_real.stats.packets_out) == (received, back)
        if family == 4:  # IPv6 also sends packets of its own
            assert (sent_by_device("in0"), sent_by_device("out0")) == (back, received + made)
        assert dropped(lvs) == 0
        until(lambda: not lvs.config().connections, "connections do not expire")
        assert [each.inactive for each in lvs.services()] == [0, 0]


def ports_of(lvs: pylvs.Manager, service: pylvs.Service) -> list[int]:
    """Return the client ports of SERVICE's connections. Each must be listed once."""
    listed = [each.client.port for each in lvs.connections(service)]
    assert len(set(listed)) == len(listed)
    return listed


@FAMILIES
def test_a_flow_that_two_cpus_create_at_once_is_one_connection(family: int) -> None:
    """The second CPU finds the connection and is faster, so both soon process the same flow."""
    flows = range(1_024, 1_024 + 20_000 // SLOW)
    first, second = (
        dataclasses.replace(each, every_ns=0) for each in floods(family, flows, count=len(flows))
    )
    grew = False
    with raced_director(family) as lvs:
        for _ in rounds():
            lvs.replace(rules(*ALL_REALS[family][:2]))
            lvs.zero()
            before = sent_by_device("out0")
            with Streams(first, second) as streams:
                streams.wait(first)
                streams.wait(second)
            info = service_of(lvs, family)
            assert info.stats.connections == info.inactive == len(flows)
            assert info.stats.packets_in == 2 * len(flows)
            if family == 4:
                assert sent_by_device("out0") - before == 2 * len(flows)
            for real in (
                info.reals
            ):  # the shares differ, because the CPU that comes second has picked a server in vain
                assert real.stats.connections > len(flows) // 4
                assert real.stats.packets_in == 2 * real.stats.connections
            assert lvs.config().connections == len(flows)
            assert dropped(lvs) == 0
            grew |= lvs.config().buckets > 1 << SMALL_BITS
            assert_nothing_is_left(lvs)
    assert grew


@FAMILIES
def test_flows_of_one_client_port_are_one_connection_each(family: int) -> None:
    """They share one bucket, which has few slots. Both CPUs link the others by five-tuple hash."""
    source = range(4_000, 4_001)
    one = Stream(
        "in0", 0, CLIENTS[family], source, VIPS[family], EVERY_PORT, len(EVERY_PORT), every_ns=0
    )
    both = one, dataclasses.replace(one, device="in1", cpu=1)
    with raced_director(family) as lvs:
        for _ in rounds():
            service = lvs.add_service("udp", pylvs.Endpoint(VIPS[family], 0), "rr")
            for real in ALL_REALS[family][:2]:
                lvs.add_real(service, pylvs.Endpoint(real, 0), method="nat")
            lvs.zero()
            with Streams(*both) as streams:
                for each in both:
                    streams.wait(each)
            listed = Counter(each.virtual.port for each in lvs.connections())
            assert listed == dict.fromkeys(EVERY_PORT, 1)
            assert lvs.stats().connections == len(EVERY_PORT)
            assert lvs.stats().packets_in == 2 * len(EVERY_PORT)
            assert dropped(lvs) == 0
            assert_nothing_is_left(lvs)


def test_entries_are_evicted_and_reused_while_they_are_read(director: pylvs.Manager) -> None:
    """Both CPUs send the same flows, and their server is removed repeatedly.

    Each flow is created again.
    """
    flows = range(10_000, 10_064)
    one, other = rules(REALS[0]), rules(REALS[1])
    director.replace(one)
    first, second = (dataclasses.replace(each, every_ns=1_000) for each in floods(flows=flows))
    swaps = most = 0
    with Streams(first, second) as streams:
        for number in rounds(2 * RACE_S, least=10):
            swaps += 1
            enough = service_of(director).stats.connections + len(flows)
            director.replace(one if number % 2 else other)
            until(partial(_has_created, director, enough), "flows are not created again")
            most = max(most, director.config().connections)
            time.sleep(0.1)  # 100 ended entries of a client may wait for the worker
    info = service_of(director)
    sent = streams.sent(first) + streams.sent(second)
    assert sent_by_device("out0") == sent
    # A server's counters are summed up when it is removed. Each CPU may then have one packet for
    # it.
    assert sent - 2 * swaps <= info.stats.packets_in <= sent
    assert info.stats.connections >= swaps * len(flows)
    assert (info.active, info.inactive) == (0, len(flows))
    last = str(info.reals[0].endpoint.address)
    assert servers_of_flows(director) == dict.fromkeys(flows, last)
    assert dropped(director) == 0
    # The evicted entries are freed, and the others expire later.
    director.configure(udp_timeout_s=1)
    until(lambda: not director.config().connections, "connections do not expire")
    assert service_of(director).inactive == 0
    assert most > len(flows)


def _has_created(lvs: pylvs.Manager, connections: int) -> bool:
    return service_of(lvs).stats.connections >= connections


def test_a_full_table_is_evicted_on_both_cpus_while_it_is_read(director: pylvs.Manager) -> None:
    """Each packet is of a new flow. No entry is lost, and none is freed twice."""
    director.replace(rules(REALS[0]))
    director.configure(conn_max=CAP)
    one = Stream("in0", 0, "198.18.1.1", RACED, VIP, PORT, 0, 4, every_ns=GAP_NS)
    other = dataclasses.replace(one, device="in1", cpu=1, source="198.19.1.1")
    most = listed = 0
    with Streams(one, other) as streams:
        for _ in rounds(2 * RACE_S):
            until(partial(_has_created, director, 10 * CAP), "the flood does not come", director)
            most = max(most, director.config().connections)
            listed = max(listed, len(list(director.connections())))
    sent = streams.sent(one) + streams.sent(other)
    refused = dropped(director, "table_full")
    opened, evicted = director.stats().connections, director.evictions()
    print(f"sent {sent}, opened {opened}, {evicted}, refused {refused}, most {most}")
    assert sent_by_device("out0") + refused == sent
    assert refused < sent / 10
    assert CAP / 2 < most <= CAP + CAP / 16
    assert listed <= CAP + CAP / 16
    assert evicted.pressure >= opened - CAP - CAP / 16
    assert evicted.conflict == 0
    assert service_of(director).inactive == director.config().connections
    assert_nothing_is_left(director)


def test_zeroing_a_service_loses_no_packet_of_the_total(director: pylvs.Manager) -> None:
    """The service has many real servers, so zeroing takes a while. Packets meanwhile count once."""
    idle = [
        pylvs.Real(pylvs.Endpoint(f"172.17.{host >> 8}.{host & 255}", 7), 0, pylvs.Method.NAT)
        for host in range(1, 2_000 // SLOW)
    ]
    busy = pylvs.Real(pylvs.Endpoint(REALS[0], 7), 1, pylvs.Method.NAT)
    service = dataclasses.replace(rules(REALS[0]).services[0], reals=(busy, *idle))
    director.replace(pylvs.Ruleset((service,)))
    flows = range(10_000, 10_016)
    one, other = floods(flows=flows)
    with Streams(one, other) as streams:
        for _ in rounds(least=10):
            director.zero(service)
    assert (
        director.stats().packets_in
        == streams.sent(one) + streams.sent(other)
        == sent_by_device("out0")
    )
    assert director.stats().connections == len(flows)


def test_the_table_is_destroyed_while_it_grows(director: pylvs.Manager) -> None:
    """The last service is removed while the worker may use both arrays of buckets."""
    rng = random.Random(SEED)
    one = Stream("in0", 0, "198.18.1.1", RACED, VIP, PORT, 0, 4, every_ns=1_000 * SLOW)
    other = dataclasses.replace(one, device="in1", cpu=1, source="198.19.1.1")
    sizes = []
    print(f"IPPFVS_SEED={SEED}")
    with Streams(one, other):
        for _ in rounds(2 * RACE_S, least=4):
            director.replace(rules(REALS[0]))
            enough = rng.randrange(300, 40_000 // SLOW)
            until(partial(_holds, director, enough), "too few connections")
            sizes.append(director.config().buckets)
            assert_nothing_is_left(director)
    assert max(sizes) > 1 << SMALL_BITS
    assert dropped(director) == 0


def _holds(lvs: pylvs.Manager, connections: int) -> bool:
    return lvs.config().connections >= connections
