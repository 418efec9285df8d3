# SPDX-License-Identifier: GPL-2.0
"""Rounds: every lane once, then every lane again, so that noise hits all lanes alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import wrap

from ippfvslab.bench.question import Figures
from ippfvslab.say import line

WIDTH = 80
_JOINED = "\0"  # where a line must not be broken


def interleave(lanes: Sequence[str], rounds: int, once: Callable[[str], float]) -> Figures:
    """Figures of ROUNDS rounds, each of which calls ONCE with the name of each lane in turn."""
    figures: Figures = {lane: [] for lane in lanes}
    for number in range(1, rounds + 1):
        for lane in lanes:
            figures[lane].append(once(lane))
        head = f"   round {number}/{rounds}  "
        now = [f"{lane} {_short(figures[lane][-1])}".replace(" ", _JOINED) for lane in lanes]
        for text in wrap("  ".join(now), WIDTH - len(head), break_long_words=False):
            line(head + text.replace(_JOINED, " "))
            head = " " * len(head)
    return figures


def _short(figure: float) -> str:
    return f"{figure / 1e6:.2f}M" if figure >= 1e5 else f"{figure:.4g}"
