# SPDX-License-Identifier: GPL-2.0
"""Packets a second of known connections."""

from __future__ import annotations

from dataclasses import dataclass

from ippfvslab.bench import lanes
from ippfvslab.bench.director import CLIENT, director, forwarded
from ippfvslab.bench.generator import Flood, Generator
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.rounds import Rounds, interleave

FLOODS = 6
"""In each round, of which the fastest counts: a short one has a chance not to be disturbed."""
PACKETS = 100_000
QUICK_PACKETS = 50_000
TABLE_BITS = 20
"""1 MiB: 16,384 cache lines with seven places each, or 131,072 chain heads."""


@dataclass(frozen=True)
class Setting:
    """One way of forwarding, and over how many connections the packets spread."""

    method: str = "nat"
    family: int = 4
    flows: int = 1


def ask(question: Question, rounds: Rounds, quick: bool) -> Figures:
    """Each round sets a lane up, makes its connections, and measures."""
    setting: Setting = question.setting
    case = Case(setting.method, setting.family, table_bits=TABLE_BITS)
    packets = QUICK_PACKETS if quick else PACKETS
    with director(case.servers):
        generator = Generator("in0")

        def once(name: str) -> float:
            return _once(generator, name, case, setting.flows, packets)

        return interleave(question.lanes, rounds, once)


def _once(generator: Generator, name: str, case: Case, flows: int, packets: int) -> float:
    lane = lanes.LANES[name]
    flood = Flood(lane.mac, CLIENT[case.family], lane.dest(case), flows)
    with lanes.up(name, case) as contestant:
        generator.send(flood, max(3 * flows, 100_000))
        made = contestant.made(case)
        before = forwarded()
        figure = max(generator.send(flood, packets) for _ in range(FLOODS))
        came = forwarded() - before
        lane.judge(name, sent=FLOODS * packets, came=came, flows=flows, made=made)
        if contestant.made(case) != made:
            raise RuntimeError(f"{name} made connections while it should know all of them")
        return figure
