# SPDX-License-Identifier: GPL-2.0
"""New connections a second among few servers and among many."""

from __future__ import annotations

from dataclasses import dataclass

from ippfvslab.bench.crowd import Crowd, by_name
from ippfvslab.bench.director import director
from ippfvslab.bench.generator import Generator
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.probes.new import measure
from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.rounds import Rounds, interleave

CONNECTIONS = 200_000
QUICK_CONNECTIONS = 50_000


@dataclass(frozen=True)
class Setting:
    """By which scheduler, and which contestants with how many servers."""

    scheduler: str
    crowds: tuple[Crowd, ...]


def ask(question: Question, rounds: Rounds, quick: bool) -> Figures:
    """Each round starts from an empty table."""
    setting: Setting = question.setting
    count = QUICK_CONNECTIONS if quick else CONNECTIONS
    crowds = by_name(setting.crowds)
    with director(max(crowd.count for crowd in setting.crowds)):
        generator = Generator("in0")

        def once(lane: str) -> float:
            case = Case(scheduler=setting.scheduler, servers=crowds[lane].count)
            return measure(generator, crowds[lane].who, case, count)

        return interleave(question.lanes, rounds, once)
