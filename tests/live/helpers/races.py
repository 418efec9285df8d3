# SPDX-License-Identifier: GPL-2.0
"""What the tests of races share: a director fed by every CPU, rounds, and what must hold.

    in0   fed by CPU 0 ──┐
    in1   fed by CPU 1 ──┤ director ── out0        see helpers/streams.py
    back0 fed by CPU 1 ──┘

A race goes on until its time is over, because the same number of packets takes ten times as long
under the sanitizers; how many rounds it must have made at least is part of each test.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pylvs
from tests.live.helpers.module import small_table
from tests.live.helpers.streams import (
    ALL_REALS,
    CLIENTS,
    VIPS,
    Stream,
    fed_director,
)

SANITIZED = os.environ.get("IPPFVS_KERNEL") in ("sanitize", "races")
SLOW = 10 if SANITIZED else 1
"""How many times slower the kernel is that checks everything."""
RACE_S = 8 if SANITIZED else 5
LIMIT_S = 60
PORT = range(7, 8)
FLOWS = range(10_000, 10_000 + 640 // SLOW)
"""Client ports; few enough that both CPUs are often at the same connection."""
GAP_NS = 2_000 * SLOW
"""From one packet of a flood to the next, so that others get their turn on that CPU."""


@contextmanager
def raced_director(family: int = 4) -> Iterator[pylvs.Manager]:
    """Be in a director without rules, whose table is as small as can be; yield its Manager."""
    with small_table(), fed_director(family), pylvs.Manager() as lvs:
        yield lvs


def rules(*reals: str, port: int = 7) -> pylvs.Ruleset:
    """One UDP service of the director's VIP, in turns, with REALS by VS-NAT."""
    servers = tuple(pylvs.Real(pylvs.Endpoint(each, port), 1, pylvs.Method.NAT) for each in reals)
    vip = VIPS[6 if ":" in reals[0] else 4]
    service = pylvs.Service(pylvs.Protocol.UDP, pylvs.Endpoint(vip, port), "rr", servers)
    return pylvs.Ruleset((service,))


def floods(family: int = 4, flows: range = FLOWS, *, count: int = 0) -> tuple[Stream, Stream]:
    """The same FLOWS twice, by in0 on CPU 0 and by in1 on CPU 1."""
    one = Stream("in0", 0, CLIENTS[family], flows, VIPS[family], PORT, count, every_ns=GAP_NS)
    return one, dataclasses.replace(one, device="in1", cpu=1)


def answers(family: int, real: int, flows: range = FLOWS) -> Stream:
    """What REAL sends back to the client, by back0 on CPU 1."""
    source, client = ALL_REALS[family][real], CLIENTS[family]
    return Stream("back0", 1, source, PORT, client, flows, every_ns=4 * GAP_NS)


def rounds(seconds: float = RACE_S, *, least: int = 2) -> Iterator[int]:
    """Count rounds until the time is over, LEAST in any case."""
    over, number = time.monotonic() + seconds, 0
    while number < least or time.monotonic() < over:
        yield number
        number += 1


def until(condition: Callable[[], bool], what: str, lvs: pylvs.Manager | None = None) -> None:
    """Return when CONDITION holds, asked again and again; fail with WHAT after a minute.

    The failure shows the counters of LVS.

    It rests between two questions: ended entries of a client, of which few may wait, are freed by
    the worker, and that too needs a CPU.
    """
    limit = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > limit:
            shown = (lvs.stats(), lvs.drops(), lvs.config()) if lvs else ()
            raise AssertionError("\n".join(map(str, (what, *shown))))
        time.sleep(0.01)


def service_of(lvs: pylvs.Manager, family: int = 4) -> pylvs.ServiceInfo:
    """The service on port 7."""
    return lvs.service("udp", pylvs.Endpoint(VIPS[family], 7))


def servers_of_flows(lvs: pylvs.Manager) -> dict[int, str]:
    """Client port -> address of its real server; no port has two connections."""
    listed = [(each.client.port, str(each.real.address)) for each in lvs.connections()]
    assert max(Counter(port for port, _ in listed).values(), default=1) == 1
    return dict(listed)


def dropped(lvs: pylvs.Manager, *expected: str) -> int:
    """Packets that were refused for the EXPECTED reasons; fail if any was for another."""
    counted = {name: count for name, count in dataclasses.asdict(lvs.drops()).items() if count}
    assert counted.keys() <= set(expected), counted
    return sum(counted.values())


def assert_nothing_is_left(lvs: pylvs.Manager) -> None:
    """Without rules there is no connection, and the next one begins to count at one."""
    lvs.clear()
    assert lvs.config().connections == 0
    assert list(lvs.connections()) == []
