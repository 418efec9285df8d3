# SPDX-License-Identifier: GPL-2.0
"""Connections by the million, and how many ippfvs has, in how large a table."""

from __future__ import annotations

import pylvs
from ippfvslab.bench.director import CLIENT, MAC_IN, forwarded
from ippfvslab.bench.generator import Flood, Generator
from ippfvslab.bench.lanes.case import Case

PORTS, ADDRESSES = 60_000, 131_071
"""Without a common factor: 7,864,260,000 packets until a pair comes again."""
START_BITS = 12
"""Of a table that grows: two to this power buckets."""


def open_connections(generator: Generator, case: Case, count: int) -> float:
    """Have the first COUNT connections made or found; answer how many packets a second went."""
    before = forwarded()
    rate = generator.send(flood(case), count)
    if (came := forwarded() - before) != count:
        raise RuntimeError(f"{came} of {count} packets were forwarded")
    return rate


def flood(case: Case) -> Flood:
    """Packets each of which is of another connection."""
    return Flood(MAC_IN, CLIENT[4], case.vip, PORTS, ADDRESSES)


def buckets() -> int:
    """How large ippfvs's table is."""
    with pylvs.Manager() as lvs:
        return lvs.config().buckets


def connections() -> int:
    """How many connections ippfvs has."""
    with pylvs.Manager() as lvs:
        return lvs.config().connections
