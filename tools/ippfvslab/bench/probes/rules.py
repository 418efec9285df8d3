# SPDX-License-Identifier: GPL-2.0
"""A large rule set loaded, listed and saved: seconds from exec to exit of each one's command."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pylvs
from ippfvslab.bench.lanes import ippfvs, ipvs
from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.rounds import interleave
from ippfvslab.bench.shell import run
from ippfvslab.bench.stopwatch import Lap, timed

TABLE_BITS = 18
RULES = Path("/tmp/rules")
IPVS_HEAD_LINES = 3
"""Above its listings, in /proc too."""
SETTINGS_LINES = 3
"""ippfvs saves the default method, the timeouts and the most connections, too."""


@dataclass(frozen=True)
class Setting:
    """How large a set, and what is done with it."""

    work: Literal["load", "list", "save"]
    services: int = 10_000
    servers: int = 10

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


def ask(question: Question, rounds: int, quick: bool) -> Figures:
    """Each round begins with a module without rules."""
    setting: Setting = question.setting
    RULES.write_text("".join(f"{line}\n" for line in setting.rules))
    return interleave(question.lanes, rounds, lambda lane: _LANES[lane](setting))


def _ippfvs(setting: Setting) -> float:
    ippfvs.load(TABLE_BITS)
    try:
        lap = _work(setting, "ippfvs", "ippfvsadm")
        with pylvs.Manager() as lvs:
            services = lvs.services()
        there = len(services) + sum(len(service.reals) for service in services)
        if there != setting.size:
            raise RuntimeError(f"{there} rules are there, of {setting.size}")
        return lap.seconds
    finally:
        run("rmmod", "ippfvs")


def _ipvs(setting: Setting) -> float:
    ipvs.load(TABLE_BITS)
    try:
        lap = _work(setting, "IPVS", os.environ["IPVSADM"])
        there = len(Path("/proc/net/ip_vs").read_text().splitlines()) - IPVS_HEAD_LINES
        if there != setting.size:
            raise RuntimeError(f"{there} rules are there, of {setting.size}")
        return lap.seconds
    finally:
        ipvs.unload("rr")


def _work(setting: Setting, lane: str, command: str) -> Lap:
    load = timed(command, "-R", text=RULES)
    if setting.work == "load":
        return load
    lap = timed(command, "-L" if setting.work == "list" else "-S", "-n")
    if lap.lines != (lines := _lines(setting, lane)):
        raise RuntimeError(f"{lane} printed {lap.lines} lines, not {lines}")
    return lap


def _lines(setting: Setting, lane: str) -> int:
    """How many lines there are to print."""
    if lane == "IPVS":
        return setting.size + (IPVS_HEAD_LINES if setting.work == "list" else 0)
    if setting.work == "list":  # a service shares the line of its first server
        return 1 + setting.services * setting.servers
    return setting.size + SETTINGS_LINES


_LANES: dict[str, Callable[[Setting], float]] = {"ippfvs": _ippfvs, "IPVS": _ipvs}
