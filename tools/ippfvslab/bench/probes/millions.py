# SPDX-License-Identifier: GPL-2.0
"""Ten million connections: made, found again, expired, and their memory given back.

The figure is packets a second of connections that are known. What else must be true is checked, and
how long it took is noted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import pylvs
from ippfvslab.bench import lanes, settings
from ippfvslab.bench.crowd import Crowd, by_name
from ippfvslab.bench.director import director
from ippfvslab.bench.generator import Generator
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.lanes.ippfvs import BUCKET_BITS
from ippfvslab.bench.ledger import Ledger, settled
from ippfvslab.bench.opening import START_BITS, buckets, connections, open_connections
from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.rounds import Rounds, interleave

LEAST_PACKETS = 1_000_000
PASSES = 3
"""Of which the fastest counts."""
IDLE_S = 2000
"""Nothing expires while it is measured."""
EXPIRY_LIMIT_S = 120
SHRINKING_LIMIT_S = 300
GIVE_BACK_LIMIT_S = 30
NOISE_BYTES = 8 << 20
"""What this program and the kernel may take for themselves meanwhile."""
KEPT_SHARE = 0.01
"""Of the memory that was taken: what may be missing afterwards, half-empty slabs above all."""


@dataclass(frozen=True)
class Setting:
    """Which contestants, with how many connections."""

    crowds: tuple[Crowd, ...]


def ask(question: Question, rounds: Rounds, quick: bool) -> Figures:
    """Each round starts from an empty table of 2^12 buckets, and ends with one."""
    setting: Setting = question.setting
    crowds = by_name(setting.crowds)
    with director():
        generator = Generator("in0")
        return interleave(question.lanes, rounds, lambda lane: _once(generator, crowds[lane]))


def _once(generator: Generator, crowd: Crowd) -> float:
    lane, name, count = crowd.lane, crowd.who, crowd.count
    case = Case(table_bits=START_BITS + BUCKET_BITS)
    with lanes.up(name, case) as contestant, pylvs.Manager() as lvs:
        lvs.configure(udp_timeout_s=IDLE_S)
        open_connections(generator, case, 1)
        before, start = Ledger.read(), buckets()
        rate = open_connections(generator, case, count)
        grown = settled(buckets)
        taken = Ledger.read().taken_since(before)
        figure = _look_up(generator, case, count)
        if (made := contestant.made(case)) != count:
            raise RuntimeError(f"{lane}: {made} connections were made")
        if (held := connections()) != count:
            raise RuntimeError(f"{lane}: {held} connections are there")
        expired = _expire(lvs)
        shrunk = _wait(lambda: buckets() <= start, SHRINKING_LIMIT_S, "the table did not shrink")
        left = _left(before, taken)
    told = {
        "made": f"{rate:,.0f} a second; {grown:,} buckets",
        "memory": f"{taken >> 20:,} MiB, {taken / count:.0f} bytes each",
        "expired": f"within {expired:.0f} s of a timeout of 1 s; table shrunk {shrunk:.0f} s later",
        "memory kept then": f"{left / (1 << 20):.1f} MiB",
    }
    settings.saw(lane, told)
    return figure


def _look_up(generator: Generator, case: Case, count: int) -> float:
    """Packets a second, each of the next connection; few connections are gone through again."""
    open_connections(generator, case, count)
    return max(_pass(generator, case, count) for _ in range(PASSES))


def _pass(generator: Generator, case: Case, count: int) -> float:
    times = max(1, LEAST_PACKETS // count)
    rates = [open_connections(generator, case, count) for _ in range(times)]
    return len(rates) / sum(1 / rate for rate in rates)


def _expire(lvs: pylvs.Manager) -> float:
    """Shorten the timeout, and answer after how many seconds no connection was left."""
    lvs.configure(udp_timeout_s=1)
    return _wait(lambda: not connections(), EXPIRY_LIMIT_S, "connections did not expire")


def _wait(over: Callable[[], bool], limit_s: float, complaint: str) -> float:
    began = time.monotonic()
    while not over():
        if time.monotonic() - began > limit_s:
            raise RuntimeError(f"{complaint} within {limit_s:.0f} s")
        time.sleep(0.1)
    return time.monotonic() - began


def _left(before: Ledger, taken: int) -> int:
    """Bytes that were not given back; slabs and old arrays go with a grace period."""
    most = KEPT_SHARE * taken + NOISE_BYTES
    over = time.monotonic() + GIVE_BACK_LIMIT_S
    while (left := (now := Ledger.read()).taken_since(before)) > most:
        if time.monotonic() > over:
            raise RuntimeError(f"{left:,} of {taken:,} bytes are kept: {now}, before: {before}")
        time.sleep(0.2)
    return max(0, left)
