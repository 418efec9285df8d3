# SPDX-License-Identifier: GPL-2.0
"""An answer as a chart: a bar a lane, its rounds as marks below it, targets as lines. SVG.

On a ground of its own, so that it reads the same in a dark theme, and with letters that are still
letters when the page is 640 pixels wide.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from ippfvslab.bench.question import SIGN, Bound, Question, Ratio
from ippfvslab.bench.report import Answer
from ippfvslab.bench.units import KIB, MIB, short

_OURS, _THEIRS, _REST = ("#1b4f8a", ""), ("#e3a54a", "////"), ("#c9ced4", "")
_LOOKS = {
    **dict.fromkeys(("ippfvs", "ippfvsadm", "pylvs"), _OURS),
    **dict.fromkeys(("IPVS", "ipvsadm"), _THEIRS),
}
_GROUND, _INK, _TARGET = "white", "#222222", "#b3261e"
_DASHES = ((0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
"""Targets lie close to each other: their lines differ."""
_BAR, _BAR_AT, _MARKS_AT = 0.5, -0.1, 0.29
"""Height of a bar, and where it and its marks lie in a row of height 1."""
_FAR = 2.2
"""Rounds that are so many times the longest bar are not shown, but told of by an arrow."""
_INCHES, _ROW_INCHES, _LINE_INCHES = 7.2, 0.45, 0.18
_TICKS = 6


def draw(answer: Answer, rounds: Mapping[str, Sequence[float]], file: Path) -> None:
    """Draw ANSWER, which was made of ROUNDS, into FILE."""
    targets = list(_targets(answer))
    height = 0.95 + _LINE_INCHES * len(targets) + _ROW_INCHES * len(answer.figures)
    # The salt, and no date: the same figures make the same file, whenever it is drawn.
    with mpl.rc_context({"svg.hashsalt": "ippfvs", "font.size": 9.5, "hatch.linewidth": 0.6}):
        canvas = Canvas(figsize=(_INCHES, height), layout="constrained", facecolor=_GROUND)
        axes = canvas.subplots()
        reach = _reach(answer, rounds)
        axes.set_xlim(0, max(1.17 * reach, *(1.04 * place for place, _ in targets), 0))
        for row, lane in enumerate(answer.figures):
            _bar(axes, answer, row, lane)
            _marks(axes, row, rounds[lane], reach)
        for number, (place, text) in enumerate(targets):
            dashes = _DASHES[number % len(_DASHES)]
            axes.axvline(place, color=_TARGET, linestyle=dashes, lw=1.4, zorder=3, label=text)
        _frame(canvas, axes, answer.question, single=max(map(len, rounds.values())) == 1)
        canvas.savefig(file, format="svg", metadata={"Date": None, "Creator": None})


def _reach(answer: Answer, rounds: Mapping[str, Sequence[float]]) -> float:
    """The largest of what is shown."""
    far = _FAR * max(figure.best for figure in answer.figures.values())
    return max(each for lane in answer.figures for each in rounds[lane] if each <= far)


def _bar(axes: Axes, answer: Answer, row: int, lane: str) -> None:
    """Told apart by name, place and hatching, not by colour alone; at its end what it says."""
    colour, hatch = looks = _LOOKS.get(re.split(r"\W", lane)[0], _REST)
    best, at = answer.figures[lane].best, row + _BAR_AT
    axes.barh(at, best, _BAR, color=colour, hatch=hatch, edgecolor=_GROUND, zorder=2)
    axes.annotate(
        short(best, answer.question.unit),
        (best, at),
        (4, 0),
        textcoords="offset points",
        va="center",
        color=_INK,
        fontweight="bold" if looks == _OURS else "normal",
        bbox={"facecolor": _GROUND, "edgecolor": "none", "pad": 0.8},
        zorder=5,
    )


def _marks(axes: Axes, row: int, rounds: Sequence[float], reach: float) -> None:
    shown = [each for each in rounds if each <= reach]
    axes.plot(
        shown,
        [row + _MARKS_AT] * len(shown),
        "o",
        markersize=3.6,
        markerfacecolor=_GROUND,
        markeredgecolor=_INK,
        markeredgewidth=0.7,
        zorder=4,
        clip_on=False,
    )
    if len(shown) < len(rounds):
        axes.annotate(
            "○→", (1, row + _MARKS_AT), xycoords=("axes fraction", "data"), ha="right", va="center"
        )


def _targets(answer: Answer) -> Iterator[tuple[float, str]]:
    """Where lanes' own bars must reach to, and why; other targets have no place on the axis."""
    found: dict[tuple[float, str], list[str]] = {}
    for target in (verdict.target for verdict in answer.verdicts):
        sign = SIGN[target.better]
        if isinstance(target, Ratio):
            place = target.bound * answer.figures[target.theirs].best
            text = f"{sign} {target.bound:.3g} × {target.theirs}"
            found.setdefault((place, text), []).append(target.ours)
        elif isinstance(target, Bound):
            text = f"{sign} {short(target.bound, answer.question.unit)}"
            found.setdefault((target.bound, text), []).append(target.lane)
    for (place, text), lanes in found.items():
        yield place, f"target: {', '.join(lanes)} {text}"


def _frame(canvas: Canvas, axes: Axes, question: Question, *, single: bool) -> None:
    canvas.suptitle(question.title, x=0.01, ha="left", fontsize=10.5, fontweight="bold")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            frameon=False,
            labelcolor=_TARGET,
            fontsize=8.5,
            handlelength=2.4,
            borderpad=0.2,
            borderaxespad=0,
            labelspacing=0.25,
        )
    axes.set_yticks(range(len(question.lanes)), question.lanes)
    axes.set_ylim(len(question.lanes) - 0.5, -0.5)
    most = axes.get_xlim()[1]
    axes.xaxis.set_major_locator(
        MultipleLocator(binary_step(most)) if question.unit == "bytes" else MaxNLocator(_TICKS)
    )
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value, question.unit)))
    what = {"s": "time", "bytes": "memory" if most >= KIB else "bytes"}.get(
        question.unit, question.unit
    )
    better = "more" if question.better == "more" else "less"
    axes.set_xlabel(f"{what}, {better} is better" + ("" if single else "; ○ each round"))
    axes.grid(axis="x", color="#e4e6e9", linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
    axes.tick_params(left=False)
    axes.spines[["top", "right", "left"]].set_visible(False)


def binary_step(most: float) -> float:
    """Bytes between ticks: 1, 2, 4 … of the unit that suits MOST, or tens of bare bytes."""
    unit = MIB if most >= MIB else KIB if most >= KIB else 10
    return unit * 2.0 ** max(0, math.ceil(math.log2(most / unit / _TICKS)))


def tick(value: float, unit: str) -> str:
    """VALUE beside a tick: as it is said elsewhere, without zeros behind the point."""
    text = "0" if value == 0 else short(value, unit)
    number, _, prefix = text.partition(" ")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return f"{number} {prefix}".strip()
