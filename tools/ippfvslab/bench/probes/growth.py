# SPDX-License-Identifier: GPL-2.0
"""How long a packet waits at most while the table grows under it, and none is lost.

        tick ═ netem ═► beat ──┐
                               ├── director ── out0
        pktgen ─► in0 ─────────┘

pktgen, from a thread, opens connections as fast as it can. Growing, the table holds softirqs off
while it moves a bucket, and so whatever packet a network card has just announced. How long that
lasts the pulse tells (waits.py): a timer interrupts again and again, and the softirq that it raises
says how long it had to wait. It counts the time that the guest's CPU worked, so what the host gave
to others is not in the figure: lateness alone, of some packet, is 4 ms on a quiet machine.

The beat: packets of known connections, one each millisecond, that a queueing discipline's timer
sends from a softirq. All must be forwarded by the connections they belong to. How late the latest
was, by whosever fault, is noted.

The lane "growing" starts with a table of 2^12 buckets, which must grow to hold all; the other has
room for all from the beginning, and so shows what else holds softirqs off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ippfvslab.bench import lanes, settings
from ippfvslab.bench.beat import FLOWS, Beat, beat
from ippfvslab.bench.director import CLIENT, director, forwarded
from ippfvslab.bench.generator import Generator
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.lanes.ippfvs import BUCKET_BITS
from ippfvslab.bench.ledger import settled
from ippfvslab.bench.opening import START_BITS, buckets, flood
from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.rounds import Rounds, interleave
from ippfvslab.bench.waits import longest_wait, pulse

GROWING, LARGE = "growing", "large from the start"
CONNECTIONS, QUICK_CONNECTIONS = 1_000_000, 600_000


@dataclass(frozen=True)
class Table:
    """How many buckets it has at the start, and how many times as many it must have at the end."""

    bits: int
    """Two to this power."""
    least: float
    most: float


TABLES = {GROWING: Table(START_BITS, 32, math.inf), LARGE: Table(20, 1, 1)}


def ask(question: Question, rounds: Rounds, quick: bool) -> Figures:
    """Each round starts from an empty table."""
    with director(), beat(CLIENT[4], Case().vip) as packets, pulse():
        generator = Generator("in0")
        return interleave(
            question.lanes, rounds, lambda lane: _once(generator, packets, lane, quick)
        )


def _once(generator: Generator, packets: Beat, lane: str, quick: bool) -> float:
    table = TABLES[lane]
    case = Case(table_bits=table.bits + BUCKET_BITS)
    opened = QUICK_CONNECTIONS if quick else CONNECTIONS
    waits = []

    def grow() -> None:
        generator.send(flood(case), opened)
        settled(buckets, still_s=1.0)

    with lanes.up("ippfvs", case) as contestant:
        packets.run(lambda: None)
        start, before = buckets(), forwarded()
        late = packets.run(lambda: waits.append(longest_wait(grow)))
        if (came := forwarded() - before) != opened + len(late):
            raise RuntimeError(f"{came} of {opened + len(late)} packets were forwarded")
        if (made := contestant.made(case)) != opened + FLOWS:
            raise RuntimeError(f"{made} connections were made")
        grown = buckets() // start
        if not table.least <= grown <= table.most:
            raise RuntimeError(f"{lane}: the table has grown {grown} times")
        settings.saw(
            lane, {"latest packet": f"{1000 * max(late):.1f} ms, the host's doing included"}
        )
        return waits[0]
