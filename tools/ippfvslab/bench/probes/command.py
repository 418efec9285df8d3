# SPDX-License-Identifier: GPL-2.0
"""One command that adds a real server, from exec to exit; and how long Python itself takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from statistics import median

import pylvs
from ippfvslab.bench.lanes import ippfvs, ipvs
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.rounds import Rounds, interleave
from ippfvslab.bench.shell import run
from ippfvslab.bench.stopwatch import timed

RUNS = 5
"""In a round, whose figure is their median."""
LIBRARIES = "import dataclasses, enum, socket, struct\nfrom pylvs import _pyroute2"
"""Of pyroute2 the message classes alone, without the rest that its package would import."""


def ask(question: Question, rounds: Rounds, quick: bool) -> Figures:
    """Both modules are there all the time, each with a service to add to."""
    case = Case()
    new = map("172.16.1.{}".format, range(1, 255))
    ippfvs.start(case)
    ipvs.start(case)
    try:
        return interleave(question.lanes, rounds, lambda lane: _LANES[lane](case, new))
    finally:
        ipvs.end(case)
        ippfvs.end(case)


def _ippfvs(case: Case, new: Iterator[str]) -> float:
    reals = [next(new) for _ in range(RUNS)]
    figure = _added("ippfvsadm", case, reals)
    with pylvs.Manager() as lvs:
        there = {real.endpoint.address for real in lvs.service("udp", f"{case.vip}:80").reals}
    return _checked(figure, reals, there)


def _ipvs(case: Case, new: Iterator[str]) -> float:
    reals = [next(new) for _ in range(RUNS)]
    figure = _added(os.environ["IPVSADM"], case, reals)
    listed = run(os.environ["IPVSADM"], "-S", "-n").split()
    return _checked(figure, reals, {word.removesuffix(":80") for word in listed})


def _python(case: Case, new: Iterator[str]) -> float:
    return _started("pass")


def _libraries(case: Case, new: Iterator[str]) -> float:
    return _started(LIBRARIES)


def _started(program: str) -> float:
    """Seconds that Python takes for PROGRAM, from exec to exit."""
    return median(timed(os.environ["PYTHON"], "-c", program).seconds for _ in range(RUNS))


def _added(command: str, case: Case, reals: list[str]) -> float:
    """Seconds that it took to add one of REALS."""
    service = ("-a", "-u", f"{case.vip}:80")
    return median(timed(command, *service, "-r", f"{real}:80", "-m").seconds for real in reals)


def _checked(figure: float, reals: list[str], there: set[str]) -> float:
    if missing := set(reals) - there:
        raise RuntimeError(f"{len(missing)} real servers were not added")
    return figure


_LANES: dict[str, Callable[[Case, Iterator[str]], float]] = {
    "ippfvs": _ippfvs,
    "IPVS": _ipvs,
    "Python": _python,
    "libraries": _libraries,
}
