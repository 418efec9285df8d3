# SPDX-License-Identifier: GPL-2.0
"""How late packets come out while the table grows under them, and none is lost.

        tick ═ netem ═► beat ──┐
                               ├── director ── out0, captured with the kernel's times
        pktgen ─► in0 ─────────┘

The beat: packets of known connections, one every PERIOD_S. A queueing discipline lets each go when
its timer fires, so they come in a softirq and interrupt whatever runs, as a network card's do; it
holds to its own schedule, so a packet that leaves the director late was delayed. Meanwhile pktgen,
from a thread, opens connections as fast as it can.

The lane "growing" starts with a table of 2^12 buckets, which must grow to hold them; the lane
"grown" has room for all from the beginning, and so shows what this machine delays anyhow. A round's
figure is the worst delay of its packets.
"""

from __future__ import annotations

from ippfvslab.bench import lanes
from ippfvslab.bench.beat import FLOWS, PERIOD_S, Beat, beat
from ippfvslab.bench.director import CLIENT, director, forwarded
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.lanes.ippfvs import BUCKET_BITS
from ippfvslab.bench.ledger import settled
from ippfvslab.bench.pktgen import Generator
from ippfvslab.bench.probes.memory import START_BITS, buckets, flood
from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.rounds import interleave

CONNECTIONS = 1_000_000
BEAT_S = 12.0
START = {"growing": START_BITS, "grown": 20}
LEAST_GROWTH = 32
"""Times."""


def ask(question: Question, rounds: int, quick: bool) -> Figures:
    """Each round starts from an empty table."""
    with director(), beat(CLIENT[4], Case().vip) as packets:
        generator = Generator("in0")
        return interleave(question.lanes, rounds, lambda lane: _once(generator, packets, lane))


def _once(generator: Generator, packets: Beat, lane: str) -> float:
    case = Case(table_bits=START[lane] + BUCKET_BITS)

    def grow() -> None:
        generator.send(flood(case), CONNECTIONS)
        settled(buckets, still_s=1.0)

    with lanes.up("ippfvs", case) as contestant:
        packets.run(FLOWS, lambda: None)
        start, before = buckets(), forwarded()
        count = round(BEAT_S / PERIOD_S)
        late = packets.run(count, grow)
        if (came := forwarded() - before) != CONNECTIONS + count:
            raise RuntimeError(f"{came} of {CONNECTIONS + count} packets were forwarded")
        if (made := contestant.made(case)) != CONNECTIONS + FLOWS:
            raise RuntimeError(f"{made} connections were made")
        grown = buckets() // start
        if grown < LEAST_GROWTH if lane == "growing" else grown != 1:
            raise RuntimeError(f"{lane}: the table has grown {grown} times")
        return max(late)
