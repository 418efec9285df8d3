# SPDX-License-Identifier: GPL-2.0
"""A large rule set replaced while packets flow: none lost, every connection kept.

The figure is seconds from exec to exit of `ippfvsadm -R`, which shares the CPU with the packets.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import pylvs
from ippfvslab.bench import lanes
from ippfvslab.bench.director import CLIENT, MAC_IN, director, forwarded
from ippfvslab.bench.generator import Flood, Generator
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.probes.rules import SERVERS, SERVICES
from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.rounds import Rounds
from ippfvslab.bench.stopwatch import timed
from ippfvslab.say import line

FLOWS = 60_000
PACKETS = 1_000_000
FLOODS_MAX = 200
FILES = (Path("/tmp/rules-0"), Path("/tmp/rules-1"))


@dataclass(frozen=True)
class Setting:
    """How large a set; the first service has the traffic."""

    services: int = SERVICES
    servers: int = SERVERS


def ask(question: Question, rounds: Rounds, quick: bool) -> Figures:
    """Each round replaces the set once, by one with other weights."""
    setting: Setting = question.setting
    case = Case(services=setting.services, servers=setting.servers)
    for weight, file in enumerate(FILES, 1):
        file.write_text(case.rules.replace(" -w 1\n", f" -w {weight}\n"))
    (lane,) = question.lanes
    with director(setting.servers, many_vips=True), lanes.up(lane, case) as contestant:
        stream = Stream(Generator("in0"), Flood(MAC_IN, CLIENT[4], case.vip, FLOWS))
        stream.send(2 * FLOWS)
        made = contestant.made(case)
        figures = [_once(stream, number) for number in rounds]
        if (after := contestant.made(case)) != made or made != FLOWS:
            raise RuntimeError(f"{made} connections were made before, {after} after")
    return {lane: figures}


def _once(stream: Stream, number: int) -> float:
    weight = number % len(FILES) + 1
    with stream:
        lap = timed("ippfvsadm", "-R", text=FILES[weight - 1])
        flowing = stream.flowing
    if not flowing:
        raise RuntimeError("the packets had ended before the rules were replaced")
    with pylvs.Manager() as lvs:
        wrong = [real for each in lvs.services() for real in each.reals if real.weight != weight]
    if wrong:
        raise RuntimeError(f"{len(wrong)} real servers have not the new weight")
    line(f"   round {number}: {lap.seconds:.2f} s, {stream.sent:,} packets meanwhile")
    return lap.seconds


class Stream:
    """Packets without end from a thread of their own; none may be lost."""

    def __init__(self, generator: Generator, flood: Flood) -> None:
        self._generator = generator
        self._flood = flood
        self._stop = threading.Event()
        self._trouble: Exception | None = None
        self.sent = 0

    @property
    def flowing(self) -> bool:
        return self._thread.is_alive()

    def send(self, count: int) -> None:
        """Send COUNT packets and see all of them leave."""
        before = forwarded()
        self._generator.send(self._flood, count)
        if (came := forwarded() - before) != count:
            raise RuntimeError(f"{came} of {count} packets were forwarded")
        self.sent += count

    def __enter__(self) -> None:
        self.sent = 0
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="packets")
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._trouble:
            raise self._trouble

    def _run(self) -> None:
        try:
            for _ in range(FLOODS_MAX):
                self.send(PACKETS)
                if self._stop.is_set():
                    return
        except Exception as trouble:  # handed over in __exit__
            self._trouble = trouble
