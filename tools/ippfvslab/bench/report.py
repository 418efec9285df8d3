# SPDX-License-Identifier: GPL-2.0
"""From figures to answers; pure.

Noise only slows a round, so the best round is the figure. How far the median lies from it is the
spread. A target counts as missed only when it is missed by more than its noise: the most that its
value moves when one of its figures is replaced by that lane's median.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ippfvslab.bench.question import SIGN, Better, Question, Target
from ippfvslab.bench.units import short

REACHED, WITHIN, MISSED = "✓", "≈", "✗"
"""Reached; missed by less than the noise; missed."""


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

    @property
    def mark(self) -> str:
        bound, slack = self.target.bound, (self.noise or 0) * abs(self.value)
        lacks = bound - self.value if self.target.better == "more" else self.value - bound
        return REACHED if lacks <= 0 else WITHIN if lacks <= slack else MISSED

    def texts(self, question: Question) -> tuple[str, str, str]:
        """The value, its bound and its noise, for people."""
        unit = question.unit if self.target.unit == "own" else self.target.unit
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
    return Verdict(target, value, None if single else noise)
