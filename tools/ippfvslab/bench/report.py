# SPDX-License-Identifier: GPL-2.0
"""From figures to answers and a table; pure.

Noise only slows a round, so the best round is the figure. How far the rounds lie apart is told by
the median, and a target counts as missed only when it is missed by more than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ippfvslab.bench.questions import QUESTIONS, Question

Figures = Mapping[str, Mapping[str, Sequence[float]]]


@dataclass(frozen=True)
class Answer:
    """What was measured of one question."""

    question: Question
    best: dict[str, float]
    spread: dict[str, float]
    """How far the median lies below the best, a share of the best."""

    @property
    def ratio(self) -> float:
        """Ippfvs against the peer that the target names."""
        return self.best["ippfvs"] / self.best[self.question.against]

    @property
    def noise(self) -> float:
        """The larger spread of the two that are compared."""
        return max(self.spread["ippfvs"], self.spread[self.question.against])

    @property
    def reached(self) -> bool:
        return self.ratio >= self.question.target * (1 - self.noise)


def judge(figures: Figures) -> list[Answer]:
    """The answer to each question that was asked."""
    return [
        Answer(
            question,
            {name: max(rounds) for name, rounds in figures[question.name].items()},
            {name: 1 - median(rounds) / max(rounds) for name, rounds in lanes.items()},
        )
        for question in QUESTIONS
        if (lanes := figures.get(question.name))
    ]


def table(answers: Sequence[Answer]) -> Iterator[str]:
    """Lines of at most 80 columns: figures in millions a second, then the ratio and its target."""
    yield f"{'millions a second':38}{'ippfvs':>8}{'IPVS':>7}{'plain':>7}{'floor':>7}  ratio"
    for answer in answers:
        cells = [
            f"{answer.best[name] / 1e6:.2f}" if name in answer.best else ""
            for name in ("ippfvs", "IPVS", "plain", "floor")
        ]
        mark = "✓" if answer.reached else "✗"
        title = answer.question.title
        yield f"{title:38}{cells[0]:>8}{cells[1]:>7}{cells[2]:>7}{cells[3]:>7}  {answer.ratio:.2f}"
        against, target = answer.question.against, answer.question.target
        yield f"   {mark} against {against}: target {target:.1f}, noise {answer.noise:.0%}"
