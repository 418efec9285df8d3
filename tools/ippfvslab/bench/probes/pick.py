# SPDX-License-Identifier: GPL-2.0
"""New connections a second among few servers and among many."""

from __future__ import annotations

from dataclasses import dataclass

from ippfvslab.bench.director import director
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.pktgen import Generator
from ippfvslab.bench.probes.new import measure
from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.rounds import interleave

CONNECTIONS = 200_000
QUICK_CONNECTIONS = 50_000


@dataclass(frozen=True)
class Setting:
    """Who picks; a lane is called by a contestant and its number of servers."""

    scheduler: str


def ask(question: Question, rounds: int, quick: bool) -> Figures:
    """Each round starts from an empty table."""
    setting: Setting = question.setting
    count = QUICK_CONNECTIONS if quick else CONNECTIONS
    servers = {lane: int(lane.rpartition(" ")[2].replace(",", "")) for lane in question.lanes}
    with director(max(servers.values())):
        generator = Generator("in0")

        def once(lane: str) -> float:
            case = Case(scheduler=setting.scheduler, servers=servers[lane])
            return measure(generator, lane.rpartition(" ")[0], case, count)

        return interleave(question.lanes, rounds, once)
