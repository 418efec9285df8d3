# SPDX-License-Identifier: GPL-2.0
"""A large rule set loaded, listed and saved: seconds from exec to exit of each one's command.

Three questions are answered from one measurement, since ipvsadm loads such a set for a minute.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import pylvs
from ippfvslab.bench.lanes import ippfvs, ipvs
from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.rounds import Rounds, interleave
from ippfvslab.bench.shell import run
from ippfvslab.bench.stopwatch import timed

TABLE_BITS = 18
SERVICES, SERVERS = 10_000, 10
RULES = Path("/tmp/rules")
IPVS_HEAD_LINES = 3
"""Above its listings, in /proc too."""
TRIES = 2
Work = Literal["load", "list", "save"]
Laps = dict[Work, list[float]]
"""Seconds of each work, as often as it was done."""
SETTINGS_LINES = 3
"""ippfvs saves the default method, the timeouts and the most connections, too."""


@dataclass(frozen=True)
class Setting:
    """How large a set, and what is done with it."""

    work: Work
    services: int = SERVICES
    servers: int = SERVERS

    @property
    def rules(self) -> list[str]:
        """As `ipvsadm -S -n` writes it; both balancers read it. No server is in it twice."""
        lines = []
        for service in range(self.services):
            virtual = f"10.{service >> 8}.{service & 255}.1:80"
            lines.append(f"-A -t {virtual} -s rr")
            for server in range(self.servers):
                number = service * self.servers + server
                real = f"172.{16 + (number >> 16)}.{number >> 8 & 255}.{number & 255}:80"
                lines.append(f"-a -t {virtual} -r {real} -m -w 1")
        return lines

    @property
    def size(self) -> int:
        """How many rules there are."""
        return self.services * (1 + self.servers)


def ask(question: Question, rounds: Rounds, quick: bool) -> Figures:
    """Each round begins with a module without rules."""
    setting: Setting = question.setting
    runs = _measure(question.lanes, rounds, setting.services, setting.servers)
    return {
        lane: [seconds for laps in each for seconds in laps[setting.work]]
        for lane, each in runs.items()
    }


@cache
def _measure(
    names: tuple[str, ...], rounds: Rounds, services: int, servers: int
) -> dict[str, list[Laps]]:
    """What each round of each lane took."""
    setting = Setting("load", services, servers)
    RULES.write_text("".join(f"{line}\n" for line in setting.rules))
    runs: dict[str, list[Laps]] = {name: [] for name in names}

    def once(name: str) -> float:
        runs[name].append(_LANES[name](setting))
        return runs[name][-1]["load"][-1]

    interleave(names, rounds, once)
    return runs


def _ippfvs(setting: Setting) -> Laps:
    ippfvs.load(TABLE_BITS)
    try:
        laps = _laps(setting, "ippfvs", "ippfvsadm")
        with pylvs.Manager() as lvs:
            services = lvs.services()
        there = len(services) + sum(len(service.reals) for service in services)
        if there != setting.size:
            raise RuntimeError(f"{there} rules are there, of {setting.size}")
        return laps
    finally:
        run("rmmod", "ippfvs")


def _ipvs(setting: Setting) -> Laps:
    ipvs.load(TABLE_BITS)
    try:
        laps = _laps(setting, "IPVS", os.environ["IPVSADM"])
        there = len(Path("/proc/net/ip_vs").read_text().splitlines()) - IPVS_HEAD_LINES
        if there != setting.size:
            raise RuntimeError(f"{there} rules are there, of {setting.size}")
        return laps
    finally:
        ipvs.unload("rr")


def _laps(setting: Setting, lane: str, command: str) -> Laps:
    """Load once; list and save what was loaded several times, since these are quick."""
    laps: Laps = {"load": [timed(command, "-R", text=RULES).seconds]}
    works: tuple[tuple[Work, str], ...] = (("list", "-L"), ("save", "-S"))
    for work, flag in works:
        tries = [timed(command, flag, "-n") for _ in range(TRIES)]
        for lap in tries:
            if lap.lines != (lines := _lines(setting, lane, work)):
                raise RuntimeError(f"{lane} printed {lap.lines} lines, not {lines}")
        laps[work] = [lap.seconds for lap in tries]
    return laps


def _lines(setting: Setting, lane: str, work: Work) -> int:
    """How many lines there are to print."""
    if lane == "IPVS":
        return setting.size + (IPVS_HEAD_LINES if work == "list" else 0)
    if work == "list":  # a service shares the line of its first server
        return 1 + setting.services * setting.servers
    return setting.size + SETTINGS_LINES


_LANES: dict[str, Callable[[Setting], Laps]] = {"ippfvs": _ippfvs, "IPVS": _ipvs}
