# SPDX-License-Identifier: GPL-2.0
"""Trials of operations that take a second or more. The variants run in turn and are compared."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ippfvslab.log import line

from bench.model import Record
from bench.stats import estimate

_STDOUT, _STDERR = Path("/tmp/output"), Path("/tmp/complaints")


def run_trials(actions: Mapping[str, Callable[[], float]], until: float, most: int) -> Record:
    """Call ACTIONS in turn until the time UNTIL, at most MOST times. Each call returns a cost.

    UNTIL is a value of time.monotonic(). The first action is compared with the others.
    """
    costs: dict[str, list[float]] = {label: [] for label in actions}
    lasted = 0.0
    for number in range(most):
        began = time.monotonic()
        if number and began + lasted > until:
            break
        for label, action in actions.items():
            costs[label].append(action())
        lasted = time.monotonic() - began
    base = next(iter(costs))
    figures = {label: estimate([each]) for label, each in costs.items()}
    ratios = {
        label: estimate([[one / ours for one, ours in zip(each, costs[base], strict=True)]])
        for label, each in costs.items()
        if label != base
    }
    for label, each in costs.items():
        more = f"  costs {ratios[label].value:.2f} times as much" if label in ratios else ""
        line(f"   {label:<24.24} {median(each):10.4g}  trials {len(each)}{more}")
    return Record("", figures, ratios)


@dataclass(frozen=True)
class Trial:
    """The duration of one command, from exec to exit."""

    seconds: float
    lines: int
    """The number of lines that it printed."""


def timed(*command: str, text: Path | None = None) -> Trial:
    """Run COMMAND with the file TEXT as its standard input. A failure raises RuntimeError."""
    # The lab makes Python write every line immediately. A user's Python does not do so.
    environment = {name: each for name, each in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with (
        (text or Path(os.devnull)).open("rb") as source,
        _STDOUT.open("wb") as printed,
        _STDERR.open("wb") as errors,
    ):
        began = time.perf_counter()
        done = subprocess.run(
            command, stdin=source, stdout=printed, stderr=errors, env=environment, check=False
        )
        seconds = time.perf_counter() - began
    if done.returncode:
        error = _STDERR.read_text(errors="replace")[:500]
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {error}")
    with _STDOUT.open("rb") as lines:
        return Trial(seconds, sum(1 for _ in lines))
