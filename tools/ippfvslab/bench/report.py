# SPDX-License-Identifier: GPL-2.0
"""From figures to answers; pure.

Noise only slows a round, so the best round is the figure. How far the median lies from it is the
spread. A target counts as missed only when it is missed by more than its noise: the most that its
value moves when one of its figures is replaced by that lane's median. Where not even the lane that
does nothing but the unavoidable reaches a target, it is told apart from one that is missed, as long
as ours is near that lane.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ippfvslab.bench.question import SIGN, Best, Better, Limit, Question, Target
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
class Limited:
    """How ours stands beside the lane that does only the unavoidable."""

    limit: Limit
    possible: float
    """The target's value if ours were as good as that lane."""
    share: float
    """Of that lane's speed, which ours has."""
    noise: float
    """How much SHARE may be off, a share of it."""


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
    limited: Limited | None = None
    """None when the target has no limit."""

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
        if self.limited is None or self.mark not in (NEAR_LIMIT, MISSED):
            return ""
        limit, reached = self.limited.limit, short(self.limited.possible, self.unit)
        return f"{limit.lane}: {reached}; {limit.ours} has {self.limited.share:.0%} of its speed"

    @property
    def _is_near_the_limit(self) -> bool:
        """The limit misses the target, too, and ours is as near as it must be, but for noise."""
        limited = self.limited
        if limited is None or self.target.lacks(limited.possible) <= 0:
            return False
        return limited.share * (1 + limited.noise) >= limited.limit.near


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
    best = _best(figures, target.lanes)
    single = any(figures[lane].rounds == 1 for lane in target.lanes)
    middle = target.value({lane: figures[lane].median for lane in target.lanes})
    return Verdict(
        target,
        target.value(best),
        middle,
        unit if target.unit is None else target.unit,
        None if single else _noise(target.value, best, figures),
        _limited(target, figures),
    )


def _limited(target: Target, figures: Mapping[str, Figure]) -> Limited | None:
    limit = target.limit
    if limit is None:
        return None

    def possible(values: Best) -> float:
        return target.value({**values, limit.ours: values[limit.lane]})

    def share(values: Best) -> float:
        ratio = target.value(values) / possible(values)
        return ratio if target.better == "more" else 1 / ratio

    best = _best(figures, {*target.lanes, limit.lane})
    return Limited(limit, possible(best), share(best), _noise(share, best, figures))


def _best(figures: Mapping[str, Figure], lanes: Iterable[str]) -> Best:
    return {lane: figures[lane].best for lane in lanes}


def _noise(value: Callable[[Best], float], best: Best, figures: Mapping[str, Figure]) -> float:
    """The most that VALUE of the BEST moves when one of them is its median, a share of it."""
    found = value(best)
    moved = (abs(value({**best, lane: figures[lane].median}) - found) for lane in best)
    return max(moved) / abs(found) if found else 0.0
