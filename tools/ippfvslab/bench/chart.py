# SPDX-License-Identifier: GPL-2.0
"""An answer as a chart: a bar a lane, each round a mark on it, the target a line. SVG."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ippfvslab.bench.question import SIGN, Bound, Question, Ratio
from ippfvslab.bench.report import Answer
from ippfvslab.bench.units import short

_OURS, _THEIRS, _REST = "#1b4f8a", "#e3a54a", "#c9ced4"
_LOOKS = {"ippfvs": (_OURS, ""), "IPVS": (_THEIRS, "////")}


def draw(answer: Answer, rounds: dict[str, list[float]], file: Path) -> None:
    """Draw ANSWER, which was made of ROUNDS, into FILE."""
    question = answer.question
    # The salt, and no date: the same figures make the same file, whenever it is drawn.
    with mpl.rc_context({"svg.hashsalt": "ippfvs", "font.size": 9.5, "hatch.linewidth": 0.6}):
        canvas = Canvas(figsize=(7.6, 1.25 + 0.42 * len(answer.figures)), layout="constrained")
        axes = canvas.subplots()
        _bars(axes, answer)
        _marks(axes, answer, rounds)
        _targets(axes, answer)
        _frame(axes, question)
        canvas.savefig(file, format="svg", metadata={"Date": None, "Creator": None})


def _bars(axes: Axes, answer: Answer) -> None:
    """Told apart by name, place and hatching, not by colour alone."""
    unit = answer.question.unit
    widest = max(figure.best for figure in answer.figures.values())
    for place, (lane, figure) in enumerate(answer.figures.items()):
        colour, hatch = _LOOKS.get(lane.partition(" ")[0], (_REST, ""))
        axes.barh(place, figure.best, 0.62, color=colour, hatch=hatch, edgecolor="white", zorder=2)
        axes.text(
            figure.best + widest * 0.015,
            place,
            short(figure.best, unit),
            va="center",
            fontweight="bold" if colour == _OURS else "normal",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
            zorder=5,
        )
    axes.set_xlim(0, widest * 1.16)


def _marks(axes: Axes, answer: Answer, rounds: dict[str, list[float]]) -> None:
    for place, lane in enumerate(answer.figures):
        measured = rounds[lane]
        axes.plot(
            measured,
            [place] * len(measured),
            "o",
            markersize=3.6,
            markerfacecolor="white",
            markeredgecolor="#222222",
            markeredgewidth=0.7,
            zorder=4,
        )


def _targets(axes: Axes, answer: Answer) -> None:
    for place, text in _lines(answer):
        if place > axes.get_xlim()[1]:
            axes.set_xlim(0, place * 1.08)
        axes.axvline(place, color="#b3261e", linestyle=(0, (4, 2)), linewidth=1.4, zorder=3)
        axes.annotate(
            text,
            (place, 1),
            (0, 2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="bottom",
            color="#b3261e",
            fontsize=8.5,
        )


def _lines(answer: Answer) -> Iterator[tuple[float, str]]:
    """Where a lane's own bar must reach to; other targets have no place on the axis."""
    for target in (verdict.target for verdict in answer.verdicts):
        sign = SIGN[target.better]
        if isinstance(target, Ratio):
            place = target.bound * answer.figures[target.theirs].best
            yield place, f"target: {target.ours} {sign} {target.bound:g} × {target.theirs}"
        elif isinstance(target, Bound):
            bound = short(target.bound, answer.question.unit)
            yield target.bound, f"target: {target.lane} {sign} {bound}"


def _frame(axes: Axes, question: Question) -> None:
    axes.set_title(question.title, loc="left", fontsize=10.5, fontweight="bold", pad=18)
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
