# SPDX-License-Identifier: GPL-2.0
"""Answers as a table of at most 80 columns; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from ippfvslab.bench.report import MEANINGS, Answer, Verdict
from ippfvslab.bench.units import short

WIDTH = 80
_CELL = 25


def table(answers: Sequence[Answer]) -> Iterator[str]:
    """For each question its figures, best of the rounds ± the spread, and its targets."""
    title = "best of the rounds ± how far the median is off"
    yield f"{title:50}{'value':>8}{'target':>11}{'noise':>7}"
    for answer in answers:
        yield from wrap(f"{answer.question.title}: {answer.question.unit}", WIDTH)
        yield from _figures(answer)
        for verdict in answer.verdicts:
            yield _target(verdict)
            if verdict.remark:
                yield f"   {verdict.remark}"
    marks = {verdict.mark for answer in answers for verdict in answer.verdicts}
    yield from (f" {mark} {meaning}" for mark, meaning in MEANINGS.items() if mark in marks)


def _figures(answer: Answer) -> Iterator[str]:
    cells = [
        f"{lane} {short(figure.best, answer.question.unit)} ±{figure.spread:.0%}"
        for lane, figure in answer.figures.items()
    ]
    width = max(_CELL, 2 + max(map(len, cells)))
    each = max(1, (WIDTH - 1) // width)
    for start in range(0, len(cells), each):
        yield "   " + "".join(f"{cell:{width}}" for cell in cells[start : start + each]).rstrip()


def _target(verdict: Verdict) -> str:
    value, bound, noise = verdict.texts
    return f" {verdict.mark} {verdict.target.says[:46]:47}{value:>8}{bound:>11}{noise:>7}"
