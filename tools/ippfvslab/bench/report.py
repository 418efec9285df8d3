# SPDX-License-Identifier: GPL-2.0
"""From figures to answers; pure.

Noise only slows a round, so the best round is the figure. How far the median lies from it is the
spread. A target counts as missed only when it is missed by more than its noise: the most that its
value moves when one of its figures is replaced by that lane's median. Where not even the lane that
does nothing but the unavoidable reaches a target, it is said to be beyond the machine, and counts
as missed only when ours is not near that lane.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ippfvslab.bench.question import SIGN, Better, Question, Target
from ippfvslab.bench.units import short

REACHED, WITHIN, BEYOND, MISSED = "✓", "≈", "▲", "✗"
"""Reached; missed by less than the noise; beyond the limit, which we are near; missed."""


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
    noise: float | None
    """How much the value may be off, a share of it; None: a single round does not tell."""
    limit: float | None = None
    """What the limit's lane reached, where the target has one."""

    @property
    def mark(self) -> str:
        lacks = self.target.lacks(self.value)
        if lacks <= 0:
            return REACHED
        if lacks <= (self.noise or 0) * abs(self.value):
            return WITHIN
        return BEYOND if self._is_near_a_limit() else MISSED

    def remarks(self, question: Question) -> Iterator[str]:
        """What the limit reaches and how near ours is, where the target is missed; for people."""
        limit = self.target.limit
        if limit is None or self.limit is None or self.mark not in (BEYOND, MISSED):
            return
        reached = short(self.limit, self._unit(question))
        yield f"the {limit.lane} reaches {reached}; {limit.ours} is at {self._near:.0%} of it"

    def _unit(self, question: Question) -> str:
        return question.unit if self.target.unit == "own" else self.target.unit

    @property
    def _near(self) -> float:
        """How near to the limit ours is, a share: 1 is there."""
        assert self.limit is not None
        more = self.target.better == "more"
        return self.value / self.limit if more else self.limit / self.value

    def _is_near_a_limit(self) -> bool:
        if self.target.limit is None or self.limit is None:
            return False
        return self.target.lacks(self.limit) > 0 and self._near >= self.target.limit.near

    def texts(self, question: Question) -> tuple[str, str, str]:
        """The value, its bound and its noise, for people."""
        unit = self._unit(question)
        bound = f"{SIGN[self.target.better]} {short(self.target.bound, unit)}"
        noise = "?" if self.noise is None else f"{self.noise:.0%}"
        return short(self.value, unit), bound, noise


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
    verdicts = tuple(_verdict(target, figures) for target in question.targets)
    return Answer(question, figures, verdicts)


def _figure(rounds: Sequence[float], better: Better) -> Figure:
    best = max(rounds) if better == "more" else min(rounds)
    return Figure(best, median(rounds), len(rounds))


def _verdict(target: Target, figures: Mapping[str, Figure]) -> Verdict:
    """The noise of a value: the most that it moves when one of its figures is its median."""
    best = {lane: figures[lane].best for lane in target.lanes}
    value = target.value(best)
    moved = (
        abs(target.value({**best, lane: figures[lane].median}) - value) for lane in target.lanes
    )
    noise = max(moved) / abs(value) if value else 0.0
    single = any(figures[lane].rounds == 1 for lane in target.lanes)
    return Verdict(target, value, None if single else noise, _limit(target, figures))


def _limit(target: Target, figures: Mapping[str, Figure]) -> float | None:
    """What TARGET's value were if ours were as good as the limit's lane."""
    if target.limit is None:
        return None
    best = {lane: figures[lane].best for lane in target.lanes}
    return target.value({**best, target.limit.ours: figures[target.limit.lane].best})
