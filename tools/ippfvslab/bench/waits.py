# SPDX-License-Identifier: GPL-2.0
"""How long softirqs wait behind their interrupts, measured by the module pulse (pulse/pulse.c)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ippfvslab.bench.shell import run

PARAMETERS = Path("/sys/module/pulse/parameters")
PERIOD_S = 200e-6
LEAST_SHARE = 0.25
"""Of the beats that the time had room for: a host that is busy with others swallows some."""


@contextmanager
def pulse() -> Iterator[None]:
    """The module's timer strikes meanwhile."""
    run("insmod", os.environ["PULSE_MODULE"])
    try:
        yield
    finally:
        run("rmmod", "pulse")


def longest_wait(work: Callable[[], object]) -> float:
    """Seconds that a softirq waited at most, while WORK was done."""
    began, before = time.monotonic(), _read("beats")
    (PARAMETERS / "worst").write_text("0")
    work()
    worst, beats = _read("worst"), _read("beats") - before
    if not worst or beats < LEAST_SHARE * (time.monotonic() - began) / PERIOD_S:
        raise RuntimeError(f"the pulse struck {beats} times only, and waited {worst} ns at most")
    return worst / 1e9


def _read(name: str) -> int:
    return int((PARAMETERS / name).read_text())
