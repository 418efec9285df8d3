# SPDX-License-Identifier: GPL-2.0
"""Real HTTP: nginx behind a director, wrk before it, all on one CPU at native speed.

Client, director and servers share the CPU, which is never idle meanwhile, so the rate says what one
request costs all of them together; against plain routing, what the balancer adds to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from ippfvslab.bench import lanes, settings, wrk
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.proxies import PROXIES
from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.rounds import Rounds, interleave
from ippfvslab.bench.webfarm import BODY, PORT, SERVERS, THE_SERVERS, THE_VIP, VIP, WebFarm
from ippfvslab.bench.wrk import CONNECTIONS, Asked, Seen

CASE = Case(protocol="tcp", servers=len(SERVERS))
SECONDS = 1
"""Of one run: a short one has a chance not to be disturbed."""
LEAST_SHARE = 0.25
HEADER_LIMIT = 400

What = Literal["rate", "p50", "p99", "cpu"]


@dataclass(frozen=True)
class Setting:
    """Which figure of a run, and whether every request has a connection of its own."""

    what: What
    close: bool


@dataclass(frozen=True)
class Run:
    """One round of one lane."""

    seen: Seen
    busy_s: float
    """Seconds that the CPU was not idle."""

    def figure(self, what: What) -> float:
        """What a question wants to know of it."""
        figures: dict[What, float] = {
            "rate": self.seen.rate,
            "p50": self.seen.p50_us / 1e6,
            "p99": self.seen.p99_us / 1e6,
            "cpu": self.busy_s / self.seen.requests,
        }
        return figures[what]


@dataclass(frozen=True)
class Way:
    """How requests come to the servers."""

    asked: Asked
    made: Callable[[], int | None]
    """Tells the connections that were made on the way; None where nobody counts them."""


def ask(question: Question, rounds: Rounds, quick: bool) -> Figures:
    """Questions about the same runs are answered from one measurement."""
    setting: Setting = question.setting
    runs = _measure(question.lanes, rounds, setting.close)
    return {
        lane: [run.figure(setting.what) for run in each]
        for lane, each in zip(question.lanes, runs, strict=True)
    }


@cache
def _measure(names: tuple[str, ...], rounds: Rounds, close: bool) -> list[list[Run]]:
    """The runs of each lane."""
    runs: dict[str, list[Run]] = {name: [] for name in names}
    settings.note("wrk", {"words": " ".join(wrk.options(SECONDS, close=close))})
    with WebFarm() as farm:

        def once(name: str) -> float:
            runs[name].append(_once(farm, name, close))
            return runs[name][-1].seen.rate

        interleave(names, rounds, once)
    return [runs[name] for name in names]


def _once(farm: WebFarm, name: str, close: bool) -> Run:
    """It counts only when every request was answered by a server, through the lane's director."""
    with _up(farm, name) as way:
        before, was_busy = farm.delivered(), _busy()
        seen = wrk.ask(farm.client, way.asked, PORT, SECONDS, close=close)
        busy = _busy() - was_busy
        came = [after - was for was, after in zip(before, farm.delivered(), strict=True)]
        judge(name, seen, came, way.made(), close=close)
        return Run(seen, busy)


@contextmanager
def _up(farm: WebFarm, name: str) -> Iterator[Way]:
    """The contestant does its work meanwhile."""
    if name in PROXIES:
        PROXIES[name](farm.director, (VIP, PORT), [f"{each}:{PORT}" for each in SERVERS])
        before = _accepted()
        try:
            yield Way(THE_VIP, lambda: _accepted() - before)
        finally:
            farm.director.end_children()
        return
    lane = lanes.LANES[name]
    with lanes.up(name, CASE) as contestant:
        yield Way(
            THE_SERVERS if lane.direct else THE_VIP,
            lambda: contestant.made(CASE) if lane.counts else None,
        )


def judge(name: str, seen: Seen, came: list[int], made: int | None, *, close: bool) -> None:
    """Raise when not all of the work was done: CAME packets to each server, MADE connections."""
    if seen.errors or not seen.requests:
        raise RuntimeError(f"{name}: {seen.errors} errors in {seen.requests} requests")
    if not len(BODY) < seen.bytes / seen.requests < len(BODY) + HEADER_LIMIT:
        raise RuntimeError(f"{name}: {seen.requests} answers of {seen.bytes} bytes in all")
    if min(came) < LEAST_SHARE * sum(came) or min(came) < LEAST_SHARE * seen.requests:
        raise RuntimeError(f"{name}: {came} packets for {seen.requests} requests")
    needed = seen.requests if close else CONNECTIONS
    # The client opens a few that come to no request.
    if made is not None and not needed <= made <= needed + 3 * CONNECTIONS:
        raise RuntimeError(f"{name}: {made} connections for {seen.requests} requests")


def _accepted() -> int:
    """How many connections programs of the director were given."""
    names, values = (
        line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if "Tcp:" in line
    )
    return int(values[names.index("PassiveOpens")])


def _busy() -> float:
    """Seconds that the CPUs have worked since the boot."""
    user, nice, system, _idle, _iowait, irq, softirq, *_ = map(
        int, Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / 100
