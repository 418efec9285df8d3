# SPDX-License-Identifier: GPL-2.0
"""New connections a second to ten services, alone or among many others."""

from __future__ import annotations

from dataclasses import dataclass

from ippfvslab.bench import lanes
from ippfvslab.bench.crowd import Crowd, by_name
from ippfvslab.bench.director import director
from ippfvslab.bench.generator import Generator
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.probes.new import send_parts
from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.rounds import Rounds, interleave

CONNECTIONS = 200_000
QUICK_CONNECTIONS = 100_000
BUSY = 10


@dataclass(frozen=True)
class Wanted(Crowd):
    """Who, with how many services, and whether all of them have clients, or only BUSY."""

    everybody: bool = False

    @property
    def lane(self) -> str:
        return f"{self.who} all {self.count:,}" if self.everybody else super().lane


@dataclass(frozen=True)
class Setting:
    """Which contestants, with how many services."""

    crowds: tuple[Wanted, ...]


def ask(question: Question, rounds: Rounds, quick: bool) -> Figures:
    """Each round starts from an empty table."""
    setting: Setting = question.setting
    crowds = by_name(setting.crowds)
    count = QUICK_CONNECTIONS if quick else CONNECTIONS
    with director(many_vips=True):
        generator = Generator("in0")
        return interleave(
            question.lanes, rounds, lambda lane: _once(generator, crowds[lane], count)
        )


def _once(generator: Generator, crowd: Wanted, count: int) -> float:
    case = Case(services=crowd.count, servers=1)
    few = Case(services=crowd.count if crowd.everybody else BUSY)
    with lanes.up(crowd.who, case) as contestant:
        figure = send_parts(generator, case, count, few.vip, few.services)
        if (made := contestant.made(case)) != count:
            raise RuntimeError(f"{crowd.lane}: {made} connections made of {count}")
        return figure
