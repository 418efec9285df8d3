# SPDX-License-Identifier: GPL-2.0
"""New connections a second to ten services, alone or among many others."""

from __future__ import annotations

from dataclasses import dataclass

from ippfvslab.bench import lanes
from ippfvslab.bench.director import director
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.pktgen import Generator
from ippfvslab.bench.probes.new import send
from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.rounds import interleave

CONNECTIONS = 200_000
QUICK_CONNECTIONS = 100_000


@dataclass(frozen=True)
class Setting:
    """A lane is called by a contestant and its number of services; "all" of them have clients."""

    busy: int = 10
    """How many services have clients otherwise."""


def ask(question: Question, rounds: int, quick: bool) -> Figures:
    """Each round starts from an empty table."""
    setting: Setting = question.setting
    count = QUICK_CONNECTIONS if quick else CONNECTIONS
    with director(many_vips=True):
        generator = Generator("in0")
        return interleave(
            question.lanes, rounds, lambda lane: _once(generator, lane, setting.busy, count)
        )


def _once(generator: Generator, lane: str, busy: int, count: int) -> float:
    name, *everybody, services = lane.split()
    case = Case(services=int(services.replace(",", "")), servers=1)
    few = Case(services=case.services if everybody else busy)
    with lanes.up(name, case) as contestant:
        figure = send(generator, case, count, few.vip, few.services)
        if (made := contestant.made(case)) != count:
            raise RuntimeError(f"{lane}: {made} connections made of {count}")
        return figure
