# SPDX-License-Identifier: GPL-2.0
"""What takes a second or more: laps of each variant in turn, paired lap by lap."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ippfvslab.say import line

from bench.model import Record
from bench.stats import estimate

_OUTPUT, _COMPLAINTS = Path("/tmp/output"), Path("/tmp/complaints")


def take(actions: Mapping[str, Callable[[], float]], until: float, most: int) -> Record:
    """Have each of ACTIONS return a cost in turn, MOST times or until time.monotonic() is UNTIL.

    The first one is compared with the others.
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
        line(f"   {label:<24.24} {median(each):10.4g}  laps {len(each)}{more}")
    return Record("", figures, ratios)


@dataclass(frozen=True)
class Lap:
    """How one run of a command went, from exec to exit."""

    seconds: float
    lines: int
    """Lines that it printed."""


def timed(*command: str, text: Path | None = None) -> Lap:
    """Run COMMAND with the file TEXT as its standard input; a failure raises."""
    # The lab has Python write every line at once; a user has not.
    environment = {name: each for name, each in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with (
        (text or Path(os.devnull)).open("rb") as source,
        _OUTPUT.open("wb") as printed,
        _COMPLAINTS.open("wb") as said,
    ):
        began = time.perf_counter()
        done = subprocess.run(
            command, stdin=source, stdout=printed, stderr=said, env=environment, check=False
        )
        seconds = time.perf_counter() - began
    if done.returncode:
        complaint = _COMPLAINTS.read_text(errors="replace")[:500]
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {complaint}")
    with _OUTPUT.open("rb") as lines:
        return Lap(seconds, sum(1 for _ in lines))
