# SPDX-License-Identifier: GPL-2.0
"""All connections listed: seconds from exec to exit, or the most memory held meanwhile.

A lane is called by who lists and how many there are: "pylvs" is a program that goes through the
manager's iterator, the others are the commands.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from ippfvslab.bench import lanes
from ippfvslab.bench.director import director
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.pktgen import Generator
from ippfvslab.bench.probes.memory import open_connections
from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.rounds import interleave
from ippfvslab.bench.stopwatch import Lap, timed

TABLE_BITS = 24
IPVS_HEAD_LINES = 2
_PROGRAM = """
import pylvs
with pylvs.Manager() as lvs:
    print(sum(connection.client.port > 0 for connection in lvs.connections()))
"""


@dataclass(frozen=True)
class Setting:
    """What the figure is."""

    figure: Literal["seconds", "peak_bytes"]


def ask(question: Question, rounds: int, quick: bool) -> Figures:
    """Each round makes the connections anew."""
    setting: Setting = question.setting
    with director():
        generator = Generator("in0")
        return interleave(
            question.lanes,
            rounds,
            lambda lane: float(getattr(_once(generator, lane), setting.figure)),
        )


def _once(generator: Generator, lane: str) -> Lap:
    who, number = lane.split()
    count = int(number.replace(",", ""))
    case = Case(table_bits=TABLE_BITS)
    with lanes.up("IPVS" if who == "ipvsadm" else "ippfvs", case) as contestant:
        open_connections(generator, case, count)
        lap, listed = _LISTERS[who]()
        if listed != count or contestant.made(case) != count:
            raise RuntimeError(f"{who} listed {listed} of {count} connections")
        return lap


def _ippfvsadm() -> tuple[Lap, int]:
    lap = timed("ippfvsadm", "-L", "-n", "-c")
    return lap, lap.lines - 1


def _ipvsadm() -> tuple[Lap, int]:
    lap = timed(os.environ["IPVSADM"], "-L", "-n", "-c")
    return lap, lap.lines - IPVS_HEAD_LINES


def _pylvs() -> tuple[Lap, int]:
    lap = timed(os.environ["PYTHON"], "-c", _PROGRAM)
    return lap, int(lap.last)


_LISTERS = {"ippfvsadm": _ippfvsadm, "ipvsadm": _ipvsadm, "pylvs": _pylvs}
