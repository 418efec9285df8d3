# SPDX-License-Identifier: GPL-2.0
"""From figures to answers; pure.

Noise only slows a round, so the best round is the figure. How far the median lies from it is the
spread. A target counts as missed only when it is missed by more than its noise: the most that its
value moves when one of its figures is replaced by that lane's median. Where not even the lane that
does nothing but the unavoidable reaches a target, it is told apart from one that is missed, as long
as ours is near that lane.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ippfvslab.bench.question import SIGN, Better, Question, Target
from ippfvslab.bench.units import short

REACHED, WITHIN, NEAR_LIMIT, MISSED = "✓", "≈", "▲", "✗"
MEANINGS = {
    WITHIN: "missed by less than the noise",
    NEAR_LIMIT: "missed, as the limit misses it, which we are near",
    MISSED: "missed by more than the noise",
}
"""Of the marks that do not speak for themselves; REACHED does."""


@dataclass(frozen=True)
class Figure:
    """What was measured of one lane."""

    best: float
    median: float
    rounds: int

    @property
    def spread(self) -> float:
        """How far the median lies from the best, a share of the best."""
        return abs(self.best - self.median) / self.best


@dataclass(frozen=True)
class Verdict:
    """Whether a target was reached."""

    target: Target
    value: float
    """Of the best rounds."""
    middle: float
    """Of the medians."""
    unit: str
    noise: float | None
    """How much the value may be off, a share of it; None: a single round does not tell."""
    possible: float | None = None
    """The value if ours were as good as the target's limit; None when it has none."""

    @property
    def mark(self) -> str:
        lacks = self.target.lacks(self.value)
        if lacks <= 0:
            return REACHED
        if lacks <= (self.noise or 0) * abs(self.value):
            return WITHIN
        return NEAR_LIMIT if self._is_near_the_limit else MISSED

    @property
    def texts(self) -> tuple[str, str, str]:
        """The value, its bound and its noise, for people."""
        bound = f"{SIGN[self.target.better]} {short(self.target.bound, self.unit)}"
        noise = "?" if self.noise is None else f"{self.noise:.0%}"
        return short(self.value, self.unit), bound, noise

    @property
    def remark(self) -> str:
        """What the limit reaches and how near ours is, where a target is missed; for people."""
        limit = self.target.limit
        if limit is None or self.possible is None or self.mark not in (NEAR_LIMIT, MISSED):
            return ""
        reached = short(self.possible, self.unit)
        near = self._nearness(self.possible)
        return f"{limit.lane}: {reached}; {limit.ours} has {near:.0%} of its speed"

    @property
    def _is_near_the_limit(self) -> bool:
        """The limit misses the target, too, and ours is as near as it must be, but for noise."""
        limit = self.target.limit
        if limit is None or self.possible is None or self.target.lacks(self.possible) <= 0:
            return False
        return self._nearness(self.possible) * (1 + (self.noise or 0)) >= limit.near

    def _nearness(self, possible: float) -> float:
        more = self.target.better == "more"
        return self.value / possible if more else possible / self.value


@dataclass(frozen=True)
class Answer:
    """What was measured of one question, and what that means."""

    question: Question
    figures: Mapping[str, Figure]
    verdicts: tuple[Verdict, ...]

    @property
    def missed(self) -> bool:
        return any(verdict.mark == MISSED for verdict in self.verdicts)


def judge(measured: Iterable[tuple[Question, Mapping[str, Sequence[float]]]]) -> list[Answer]:
    """The answer to each question, of the figures of its lanes."""
    return [_answer(question, figures) for question, figures in measured]


def _answer(question: Question, measured: Mapping[str, Sequence[float]]) -> Answer:
    figures = {lane: _figure(measured[lane], question.better) for lane in question.lanes}
    verdicts = tuple(_verdict(target, question.unit, figures) for target in question.targets)
    return Answer(question, figures, verdicts)


def _figure(rounds: Sequence[float], better: Better) -> Figure:
    best = max(rounds) if better == "more" else min(rounds)
    return Figure(best, median(rounds), len(rounds))


def _verdict(target: Target, unit: str, figures: Mapping[str, Figure]) -> Verdict:
    """The noise of a value: the most that it moves when one of its figures is its median."""
    best = {lane: figures[lane].best for lane in target.lanes}
    value = target.value(best)
    moved = (
        abs(target.value({**best, lane: figures[lane].median}) - value) for lane in target.lanes
    )
    noise = max(moved) / abs(value) if value else 0.0
    single = any(figures[lane].rounds == 1 for lane in target.lanes)
    middle = target.value({lane: figures[lane].median for lane in target.lanes})
    unit = unit if target.unit is None else target.unit
    possible = _possible(target, figures)
    return Verdict(target, value, middle, unit, None if single else noise, possible)


def _possible(target: Target, figures: Mapping[str, Figure]) -> float | None:
    """What TARGET's value would be if ours were as good as the limit's lane."""
    if target.limit is None:
        return None
    best = {lane: figures[lane].best for lane in target.lanes}
    return target.value({**best, target.limit.ours: figures[target.limit.lane].best})
