# SPDX-License-Identifier: GPL-2.0
"""Bytes of memory for a connection, its share of the table included.

Those of ippfvs differ with the number of connections: a table that has just doubled is emptier than
one that is about to.
"""

from __future__ import annotations

from dataclasses import dataclass

from ippfvslab.bench import lanes
from ippfvslab.bench.crowd import Crowd, by_name
from ippfvslab.bench.director import director
from ippfvslab.bench.generator import Generator
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.lanes.ippfvs import BUCKET_BITS
from ippfvslab.bench.ledger import Ledger, settled
from ippfvslab.bench.opening import START_BITS, buckets, connections, open_connections
from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.rounds import Rounds, interleave


@dataclass(frozen=True)
class Setting:
    """Which contestants, with how many connections."""

    crowds: tuple[Crowd, ...]


def ask(question: Question, rounds: Rounds, quick: bool) -> Figures:
    """Each round starts from an empty table; that of ippfvs has 2^12 buckets and must grow."""
    setting: Setting = question.setting
    crowds = by_name(setting.crowds)
    with director():
        generator = Generator("in0")
        return interleave(question.lanes, rounds, lambda lane: _once(generator, crowds[lane]))


def _once(generator: Generator, crowd: Crowd) -> float:
    count, grows = crowd.count, lanes.LANES[crowd.who].grows
    case = Case(table_bits=START_BITS + BUCKET_BITS) if grows else Case()
    with lanes.up(crowd.who, case) as contestant:
        # One connection: what is made once, with the first, is nobody's share.
        open_connections(generator, case, 1)
        before = Ledger.read()
        table = buckets() << BUCKET_BITS if grows else 1 << case.table_bits
        open_connections(generator, case, count)
        if grows:
            settled(buckets)
        taken = Ledger.read().taken_since(before)
        if (made := contestant.made(case)) != count:
            raise RuntimeError(f"{crowd.lane}: {made} connections were made")
        if grows and (held := connections()) != count:
            raise RuntimeError(f"{crowd.lane}: {held} connections are there")
        return (taken + table) / count
