# SPDX-License-Identifier: GPL-2.0
"""Helpers of the race tests: a director that every CPU feeds, rounds, and common assertions.

    in0   fed by CPU 0 ──┐
    in1   fed by CPU 1 ──┤ director ── out0        see helpers/streams.py
    back0 fed by CPU 1 ──┘

A race lasts a fixed time, because the same number of packets takes ten times as long with the
sanitizers. Each test has a minimum number of rounds.
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

CHECKS = os.environ.get("IPPFVS_CHECKS") == "1"
SLOW = 10 if CHECKS else 1
"""The factor by which a kernel with all checks is slower."""
RACE_S = 8 if CHECKS else 5
LIMIT_S = 60
PORT = range(7, 8)
FLOWS = range(10_000, 10_000 + 640 // SLOW)
"""Client ports. There are so few ports that both CPUs often process the same connection."""
GAP_NS = 2_000 * SLOW
"""The time between two packets of a flood, so that other tasks run on that CPU, too."""


@contextmanager
def raced_director(family: int = 4) -> Iterator[pylvs.Manager]:
    """Enter the namespace of a director without rules, with the smallest table. Yield a Manager."""
    with small_table(), fed_director(family), pylvs.Manager() as lvs:
        yield lvs


def rules(*reals: str, port: int = 7) -> pylvs.Ruleset:
    """Return a UDP service of the director's VIP, with the scheduler rr and REALS by VS-NAT."""
    servers = tuple(pylvs.Real(pylvs.Endpoint(each, port), 1, pylvs.Method.NAT) for each in reals)
    vip = VIPS[6 if ":" in reals[0] else 4]
    service = pylvs.Service(pylvs.Protocol.UDP, pylvs.Endpoint(vip, port), "rr", servers)
    return pylvs.Ruleset((service,))


def floods(family: int = 4, flows: range = FLOWS, *, count: int = 0) -> tuple[Stream, Stream]:
    """Return two streams of the same FLOWS: through in0 on CPU 0 and through in1 on CPU 1."""
    one = Stream("in0", 0, CLIENTS[family], flows, VIPS[family], PORT, count, every_ns=GAP_NS)
    return one, dataclasses.replace(one, device="in1", cpu=1)


def answers(family: int, real: int, flows: range = FLOWS) -> Stream:
    """Return the replies of REAL to the client, which back0 receives on CPU 1."""
    source, client = ALL_REALS[family][real], CLIENTS[family]
    return Stream("back0", 1, source, PORT, client, flows, every_ns=4 * GAP_NS)


def rounds(seconds: float = RACE_S, *, least: int = 2) -> Iterator[int]:
    """Yield round numbers until the time is over, but at least LEAST of them."""
    over, number = time.monotonic() + seconds, 0
    while number < least or time.monotonic() < over:
        yield number
        number += 1


def until(condition: Callable[[], bool], what: str, lvs: pylvs.Manager | None = None) -> None:
    """Return when CONDITION holds. Fail with WHAT and the counters of LVS after LIMIT_S.

    It sleeps between two checks, because the worker needs CPU time, too. The worker must free ended
    entries, of which only a limited number per client may wait.
    """
    limit = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > limit:
            shown = (lvs.stats(), lvs.drops(), lvs.config()) if lvs else ()
            raise AssertionError("\n".join(map(str, (what, *shown))))
        time.sleep(0.01)


def service_of(lvs: pylvs.Manager, family: int = 4) -> pylvs.ServiceInfo:
    """Return the service on port 7."""
    return lvs.service("udp", pylvs.Endpoint(VIPS[family], 7))


def servers_of_flows(lvs: pylvs.Manager) -> dict[int, str]:
    """Return the real server of each client port. Fail if a port has two connections."""
    listed = [(each.client.port, str(each.real.address)) for each in lvs.connections()]
    assert max(Counter(port for port, _ in listed).values(), default=1) == 1
    return dict(listed)


def dropped(lvs: pylvs.Manager, *expected: str) -> int:
    """Return the number of packets dropped for the EXPECTED reasons. Fail for other reasons."""
    counted = {name: count for name, count in dataclasses.asdict(lvs.drops()).items() if count}
    assert counted.keys() <= set(expected), counted
    return sum(counted.values())


def assert_nothing_is_left(lvs: pylvs.Manager) -> None:
    """Remove the rules, and check that no connection is left."""
    lvs.clear()
    assert lvs.config().connections == 0
    assert list(lvs.connections()) == []
