# SPDX-License-Identifier: GPL-2.0
"""Rounds: every lane once, then every lane again, so that noise hits all lanes alike.

Each round begins with another lane than the one before, so that none has its place among the
others, and what they leave behind, in all rounds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from textwrap import wrap

from ippfvslab.bench.question import Figures
from ippfvslab.say import line

LEAST = 2
"""Rounds without which nothing is known of the noise."""
WIDTH = 80
_JOINED = "\0"  # where a line must not be broken


@dataclass(frozen=True)
class Rounds:
    """The numbers of the rounds to come: 1, 2 ... MOST."""

    most: int
    until: float = field(default=math.inf, compare=False)
    """Of time.monotonic(): after LEAST of them, no round begins that would end later."""

    def __iter__(self) -> Iterator[int]:
        began = time.monotonic()
        for number in range(1, self.most + 1):
            yield number
            now = time.monotonic()
            if number >= LEAST and now + (now - began) / number > self.until:
                return


def interleave(lanes: Sequence[str], rounds: Rounds, once: Callable[[str], float]) -> Figures:
    """Figures of ROUNDS, each of which calls ONCE with the name of each lane in turn."""
    figures: Figures = {lane: [] for lane in lanes}
    for number in rounds:
        first = (number - 1) % len(lanes)
        for lane in (*lanes[first:], *lanes[:first]):
            figures[lane].append(once(lane))
        head = f"   round {number}/{rounds.most}  "
        now = [f"{lane} {_short(figures[lane][-1])}".replace(" ", _JOINED) for lane in lanes]
        for text in wrap("  ".join(now), WIDTH - len(head), break_long_words=False):
            line(head + text.replace(_JOINED, " "))
            head = " " * len(head)
    return figures


def _short(figure: float) -> str:
    return f"{figure / 1e6:.2f}M" if figure >= 1e5 else f"{figure:.4g}"
