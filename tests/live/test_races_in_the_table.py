# SPDX-License-Identifier: GPL-2.0
"""The connection table under every CPU at once: found, made, ended, moved and listed meanwhile.

The proof is in exact counters: of each real server, of the devices, of connections made. A known
flow that is missed once is scheduled anew, and for that there is a real server that takes nothing
but strays. On a kernel with one CPU its thread feeds all devices in turn, and the worker that moves
and ends entries still comes between any two packets.
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
from tests.live.helpers.module import reload
from tests.live.helpers.streams import (
    CLIENT,
    REALS,
    VIP,
    Stream,
    Streams,
    fed_director,
    left,
    send,
)

SEED = int(os.environ.get("IPPFVS_SEED", "1999"))
SMALL_BITS = 8
LIMIT_S = 60
RACED = range(1_024, 61_023)
"""59,999 ports and 4 addresses have no common divisor: each pair comes once in four rounds."""
PORT = range(7, 8)
SLOW = 10 if os.environ.get("IPPFVS_KERNEL") == "sanitize" else 1
"""How many times slower the kernel is that checks everything."""
KNOWN = range(10_000, 10_000 + 500 // SLOW)
"""So few that the table, once they are alone, is too large for them."""


@pytest.fixture
def director() -> Iterator[pylvs.Manager]:
    """Hands on a director whose table is as small as can be at its start."""
    reload(conn_tab_bits=SMALL_BITS)
    try:
        with fed_director(), pylvs.Manager() as lvs:
            yield lvs
    finally:
        reload()


def _service(lvs: pylvs.Manager, port: int, *reals: str) -> pylvs.Service:
    service = lvs.add_service("udp", f"{VIP}:{port}", "rr")
    for real in reals:
        lvs.add_real(service, f"{real}:{port}", method="nat")
    return service


def _only(lvs: pylvs.Manager, port: int) -> pylvs.ServiceInfo:
    return lvs.service("udp", f"{VIP}:{port}")


def _no_drops(lvs: pylvs.Manager) -> None:
    assert not any(dataclasses.asdict(lvs.drops()).values())


def _until(lvs: pylvs.Manager, connections: int) -> None:
    """Wait until no more than so many entries are left."""
    limit = time.monotonic() + LIMIT_S
    while lvs.config().connections > connections:
        assert time.monotonic() < limit
        time.sleep(0.2)


def _from(lvs: pylvs.Manager, connections: int) -> None:
    """Wait until at least so many entries are there, no longer."""
    limit = time.monotonic() + LIMIT_S
    while lvs.config().connections < connections:
        assert time.monotonic() < limit


def test_known_flows_are_never_missed_while_the_table_grows_and_shrinks(
    director: pylvs.Manager,
) -> None:
    home, stray, other = REALS[:3]
    kept = _service(director, 7, home)
    _service(director, 8, other)
    known = Stream("in0", 0, CLIENT, KNOWN, VIP, PORT, len(KNOWN))
    send(known)
    director.edit_real(kept, f"{home}:7", 0)
    director.add_real(kept, f"{stray}:7", method="nat")
    director.configure(udp_timeout_s=3 if SLOW == 1 else 15)  # all new ones at the same time

    asked = dataclasses.replace(known, count=0, every_ns=20_000 * SLOW)
    answered = Stream("back0", 1, home, PORT, CLIENT, KNOWN, every_ns=50_000 * SLOW)
    new = Stream(
        "in1", 1, "198.18.1.1", RACED, VIP, range(8, 9), 60_000 // SLOW, 4, every_ns=200_000 * SLOW
    )
    sizes = []
    with Streams(asked, answered, new) as streams:
        while streams.sent(new) < new.count or director.config().connections > 2 * len(KNOWN):
            listed = [each.client.port for each in director.connections(kept)]
            assert sorted(listed) == list(KNOWN)
            sizes.append(director.config().buckets)
        streams.until(lambda: director.config().buckets < max(sizes))
        sizes.append(director.config().buckets)

    info, others = _only(director, 7), _only(director, 8)
    at_home, astray = info.reals
    assert (at_home.stats.connections, astray.stats.connections) == (len(KNOWN), 0)
    assert at_home.stats.packets_in == len(KNOWN) + streams.sent(asked)
    assert at_home.stats.packets_out == streams.sent(answered) == left("in0")
    assert others.stats.connections == others.stats.packets_in == new.count
    assert left("out0") == at_home.stats.packets_in + new.count
    _no_drops(director)
    assert sizes[0] < max(sizes) > sizes[-1]
    _until(director, 0)


def test_a_flow_that_two_cpus_meet_first_is_one_connection(director: pylvs.Manager) -> None:
    """Who comes second knows the flow and is faster: soon both are at the same one."""
    _service(director, 7, *REALS[:2])
    count = 120_000 // SLOW
    first = Stream("in0", 0, "198.18.1.1", RACED, VIP, PORT, count, 4)
    second = dataclasses.replace(first, device="in1", cpu=1)
    with Streams(first, second) as streams:
        streams.wait(first)
        streams.wait(second)
    info = _only(director, 7)
    assert info.stats.connections == count
    assert info.stats.packets_in == left("out0") == 2 * count
    for real in info.reals:  # not half and half: who comes second has picked one for nothing
        assert real.stats.connections > count // 4
        assert real.stats.packets_in == 2 * real.stats.connections
    assert info.inactive == director.config().connections == count
    assert director.config().buckets > 1 << SMALL_BITS
    _no_drops(director)


def test_entries_give_way_and_are_used_again_under_their_readers(director: pylvs.Manager) -> None:
    """Both CPUs send the same flows, whose server goes again and again: each is made anew."""
    flows, seconds = range(10_000, 10_064), 20
    one, other = (_rules(real) for real in REALS[:2])
    director.replace(one)
    first = Stream("in0", 0, CLIENT, flows, VIP, PORT)
    second = dataclasses.replace(first, device="in1", cpu=1)
    swaps, over = 0, time.monotonic() + seconds
    most = 0
    with Streams(first, second) as streams:
        while time.monotonic() < over:
            swaps += 1
            enough = _only(director, 7).stats.connections + len(flows)
            director.replace(other if swaps % 2 else one)
            streams.until(partial(_has_made, director, enough))
            most = max(most, director.config().connections)
            time.sleep(0.1)  # 100 ended entries of a client's end may wait for the worker
    info = _only(director, 7)
    assert swaps > 20
    sent = streams.sent(first) + streams.sent(second)
    assert director.drops().table_full == 0
    assert left("out0") == sent
    # A server's counters are summed up when it goes; each CPU may just have had a packet for it.
    assert sent - 2 * swaps <= info.stats.packets_in <= sent
    assert info.stats.connections >= swaps * len(flows)
    assert (info.active, info.inactive) == (0, len(flows))
    listed = Counter((each.client.port, each.real.address) for each in director.connections())
    assert listed == Counter({(port, info.reals[0].endpoint.address): 1 for port in flows})
    _no_drops(director)
    # Those that gave way are freed, and the living end in their turn.
    director.configure(udp_timeout_s=1)
    _until(director, 0)
    assert _only(director, 7).inactive == 0
    assert most > len(flows)


def _has_made(lvs: pylvs.Manager, connections: int) -> bool:
    return _only(lvs, 7).stats.connections >= connections


def _rules(real: str) -> pylvs.Ruleset:
    server = pylvs.Real(pylvs.Endpoint(real, 7), 1, pylvs.Method.NAT)
    service = pylvs.Service(pylvs.Protocol.UDP, pylvs.Endpoint(VIP, 7), "rr", (server,))
    return pylvs.Ruleset((service,), pylvs.Config())


def test_zeroing_a_service_loses_no_packet_of_the_total(director: pylvs.Manager) -> None:
    """Among many real servers, so that it takes a while; what comes meanwhile counts once."""
    idle = [
        pylvs.Real(pylvs.Endpoint(f"172.17.{host >> 8}.{host & 255}", 7), 0, pylvs.Method.NAT)
        for host in range(1, 2_000 // SLOW)
    ]
    busy = pylvs.Real(pylvs.Endpoint(REALS[0], 7), 1, pylvs.Method.NAT)
    service = dataclasses.replace(_rules(REALS[0]).services[0], reals=(busy, *idle))
    director.replace(pylvs.Ruleset((service,)))
    flows = range(10_000, 10_016)
    one = Stream("in0", 0, CLIENT, flows, VIP, PORT, every_ns=1_000 * SLOW)
    other = dataclasses.replace(one, device="in1", cpu=1)
    zeroed, over = 0, time.monotonic() + 8
    with Streams(one, other) as streams:
        while time.monotonic() < over:
            director.zero(service)
            zeroed += 1
    assert zeroed > 10
    assert director.stats().packets_in == streams.sent(one) + streams.sent(other) == left("out0")
    assert director.stats().connections == len(flows)


def test_the_table_stops_while_it_grows(director: pylvs.Manager) -> None:
    """The last service goes when the worker may have both arrays in its hands."""
    chance = random.Random(SEED)
    one = Stream("in0", 0, "198.18.1.1", RACED, VIP, PORT, 0, 4, every_ns=1_000 * SLOW)
    other = dataclasses.replace(one, device="in1", cpu=1, source="198.19.1.1")
    sizes = []
    print(f"IPPFVS_SEED={SEED}")
    with Streams(one, other):
        for _ in range(40 // SLOW):
            director.replace(_rules(REALS[0]))
            enough = chance.randrange(300, 40_000 // SLOW)
            _from(director, enough)
            sizes.append(director.config().buckets)
            director.clear()
            assert director.config().connections == 0
    assert max(sizes) > 1 << SMALL_BITS
