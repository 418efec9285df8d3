# SPDX-License-Identifier: GPL-2.0
"""All connections listed: seconds from exec to exit, or the most memory held meanwhile.

Who lists is a command, or "pylvs": a program that goes through the manager's iterator.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from ippfvslab.bench import lanes
from ippfvslab.bench.crowd import Crowd, by_name
from ippfvslab.bench.director import director
from ippfvslab.bench.generator import Generator
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.opening import open_connections
from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.rounds import Rounds, interleave
from ippfvslab.bench.stopwatch import peak_bytes, timed

TABLE_BITS = 24
HEAD_LINES = {"ippfvsadm": 1, "ipvsadm": 2}
_PROGRAM = """
import pylvs
with pylvs.Manager() as lvs:
    print(sum(connection.client.port > 0 for connection in lvs.connections()))
"""


@dataclass(frozen=True)
class Setting:
    """Who lists how many connections, and whether the figure is seconds, or bytes."""

    crowds: tuple[Crowd, ...]
    memory: bool = False


def ask(question: Question, rounds: Rounds, quick: bool) -> Figures:
    """Each round makes the connections anew."""
    setting: Setting = question.setting
    crowds = by_name(setting.crowds)
    with director():
        generator = Generator("in0")
        return interleave(
            question.lanes,
            rounds,
            lambda lane: _once(generator, crowds[lane], memory=setting.memory),
        )


def _once(generator: Generator, crowd: Crowd, *, memory: bool) -> float:
    who, count = crowd.who, crowd.count
    case = Case(table_bits=TABLE_BITS)
    with lanes.up("IPVS" if who == "ipvsadm" else "ippfvs", case) as contestant:
        open_connections(generator, case, count)
        command = _COMMANDS[who]()
        peak, lap = peak_bytes(*command) if memory else (0, timed(*command))
        listed = int(lap.last) if who == "pylvs" else lap.lines - HEAD_LINES[who]
        if listed != count or contestant.made(case) != count:
            raise RuntimeError(f"{who} listed {listed} of {count} connections")
        return peak if memory else lap.seconds


_COMMANDS: dict[str, Callable[[], list[str]]] = {
    "ippfvsadm": lambda: ["ippfvsadm", "-L", "-n", "-c"],
    "ipvsadm": lambda: [os.environ["IPVSADM"], "-L", "-n", "-c"],
    "pylvs": lambda: [os.environ["PYTHON"], "-c", _PROGRAM],
}
