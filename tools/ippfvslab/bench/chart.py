# SPDX-License-Identifier: GPL-2.0
"""An answer as a chart: a bar a lane, each round a mark on it, the target a line. SVG."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ippfvslab.bench.question import SIGN, Bound, Question, Ratio
from ippfvslab.bench.report import Answer
from ippfvslab.bench.units import short

_OURS, _THEIRS, _REST = ("#1b4f8a", ""), ("#e3a54a", "////"), ("#c9ced4", "")
_LOOKS = {
    **dict.fromkeys(("ippfvs", "ippfvsadm", "pylvs"), _OURS),
    **dict.fromkeys(("IPVS", "ipvsadm"), _THEIRS),
}
_FAR = 2.2
"""Rounds that are so many times the longest bar are not shown, but told of by an arrow."""
_LABEL_POINTS = 12


def draw(answer: Answer, rounds: Mapping[str, Sequence[float]], file: Path) -> None:
    """Draw ANSWER, which was made of ROUNDS, into FILE."""
    places = list(_targets(answer))
    size = 7.6, 1.1 + 0.15 * len(places) + 0.42 * len(answer.figures)
    # The salt, and no date: the same figures make the same file, whenever it is drawn.
    with mpl.rc_context({"svg.hashsalt": "ippfvs", "font.size": 9.5, "hatch.linewidth": 0.6}):
        canvas = Canvas(figsize=size, layout="constrained")
        axes = canvas.subplots()
        reach = _bars(axes, answer, rounds)
        axes.set_xlim(0, max(1.16 * reach, *(1.08 * place for place, _ in places), 0))
        for number, (place, text) in enumerate(places):
            _target(axes, place, text, number)
        _frame(axes, answer.question, len(places))
        canvas.savefig(file, format="svg", metadata={"Date": None, "Creator": None})


def _bars(axes: Axes, answer: Answer, rounds: Mapping[str, Sequence[float]]) -> float:
    """Bars told apart by name, place and hatching, not by colour alone; answers how far they go."""
    far = _FAR * max(figure.best for figure in answer.figures.values())
    shown = {lane: [each for each in rounds[lane] if each <= far] for lane in answer.figures}
    reach = max(map(max, shown.values()))
    for place, (lane, figure) in enumerate(answer.figures.items()):
        looks = _LOOKS.get(re.split(r"\W", lane)[0], _REST)
        colour, hatch = looks
        axes.barh(place, figure.best, 0.62, color=colour, hatch=hatch, edgecolor="white", zorder=2)
        _marks(axes, place, shown[lane])
        arrow = " ○→" if len(shown[lane]) < len(rounds[lane]) else ""
        axes.text(
            max(shown[lane]) + reach * 0.015,
            place,
            short(figure.best, answer.question.unit) + arrow,
            va="center",
            fontweight="bold" if looks == _OURS else "normal",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
            zorder=5,
        )
    return reach


def _marks(axes: Axes, place: int, rounds: Sequence[float]) -> None:
    axes.plot(
        rounds,
        [place] * len(rounds),
        "o",
        markersize=3.6,
        markerfacecolor="white",
        markeredgecolor="#222222",
        markeredgewidth=0.7,
        zorder=4,
    )


def _target(axes: Axes, place: float, text: str, number: int) -> None:
    axes.axvline(place, color="#b3261e", linestyle=(0, (4, 2)), linewidth=1.4, zorder=3)
    axes.annotate(
        text,
        (place, 1),
        (0, 2 + number * _LABEL_POINTS),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
        va="bottom",
        color="#b3261e",
        fontsize=8.5,
    )


def _targets(answer: Answer) -> Iterator[tuple[float, str]]:
    """Where a lane's own bar must reach to; other targets have no place on the axis."""
    for target in (verdict.target for verdict in answer.verdicts):
        sign = SIGN[target.better]
        if isinstance(target, Ratio):
            place = target.bound * answer.figures[target.theirs].best
            yield place, f"target: {target.ours} {sign} {target.bound:g} × {target.theirs}"
        elif isinstance(target, Bound):
            bound = short(target.bound, answer.question.unit)
            yield target.bound, f"target: {target.lane} {sign} {bound}"


def _frame(axes: Axes, question: Question, targets: int) -> None:
    axes.set_title(
        question.title,
        loc="left",
        fontsize=10.5,
        fontweight="bold",
        pad=6 + targets * _LABEL_POINTS,
    )
    axes.set_yticks(range(len(question.lanes)), question.lanes)
    axes.set_ylim(len(question.lanes) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, question.unit)))
    better = "more" if question.better == "more" else "less"
    axes.set_xlabel(f"{question.unit}, {better} is better; ○ each round")
    axes.grid(axis="x", color="#e4e6e9", linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
    axes.tick_params(left=False)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _tick(value: float, unit: str) -> str:
    text = "0" if value == 0 else short(value, unit)
    number, _, prefix = text.partition(" ")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return f"{number} {prefix}".strip()
