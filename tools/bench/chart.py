# SPDX-License-Identifier: GPL-2.0
"""Pictures of a run as SVG: bars with their confidence intervals, on a white background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from bench.benchmarks import BENCHMARKS
from bench.results import Results
from bench.stats import Estimate

_OURS, _THEIRS, _REST = "#1b4f8a", "#e3a54a", "#c9ced4"
_INK, _TARGET, _GRID = "#222222", "#b3261e", "#e4e6e9"
_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 720, 230, 90, 24, 44
_TICKS = 5
_FONT = 'font-family="sans-serif" font-size="13"'


@dataclass(frozen=True)
class Bar:
    """One bar with its label."""

    label: str
    each: Estimate
    target: float | None = None


def pictures(found: Results) -> dict[str, str]:
    """Return the pictures that docs/PERFORMANCE.md shows, by name."""
    drawn = {
        "nat4": _costs(found, "nat4", "NAT, 60,000 flows: ns per packet"),
        "answers": _costs(found, "answers", "NAT answers, 60,000 flows: ns per packet"),
        "new-tcp": _costs(found, "new-tcp", "New TCP connections: ns per connection"),
        "ratios": _ratios(found),
    }
    return {name: text for name, text in drawn.items() if text}


def _costs(found: Results, name: str, title: str) -> str:
    """Draw the cost of each variant on the newest kernel, the cheapest first."""
    record = found.records.get(f"{name}@newest")
    if not record or not record.figures:
        return ""
    bars = [Bar(label, each) for label, each in record.figures.items()]
    return draw(f"{title}, less is better", sorted(bars, key=lambda bar: bar.each.value))


def _ratios(found: Results) -> str:
    """Draw the cost of IPVS relative to ippfvs by benchmark and kernel, with the targets."""
    bars = []
    for benchmark in BENCHMARKS:
        for kernel, record in found.of(benchmark).items():
            for target in benchmark.targets:
                if target.sense == "times" and target.other == "IPVS" and benchmark.unit == "ns":
                    verdict = target.verdict(record)
                    if verdict:
                        label = f"{benchmark.name}, {kernel}"
                        bars.append(Bar(label, verdict.found, verdict.bound))
    title = "cost of IPVS divided by that of ippfvs (line: target), more is better"
    return draw(title, bars) if bars else ""


def draw(title: str, bars: Sequence[Bar]) -> str:
    """Draw BARS one below another, with whiskers for the intervals and lines for the targets."""
    most = max(max(bar.each.high, bar.target or 0) for bar in bars) * 1.05
    scale = (_WIDTH - _LEFT - _RIGHT) / most
    height = _TOP + _ROW * len(bars) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" {_FONT}>',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        _text(10, 22, title, weight="bold"),
    ]
    step = _step(most)
    for number in range(int(most / step) + 1):
        x = _LEFT + number * step * scale
        parts.append(_line(x, _TOP - 6, x, height - 24, _GRID))
        parts.append(_text(x, height - 8, f"{number * step:g}", anchor="middle"))
    for row, bar in enumerate(bars):
        parts += _bar(bar, _TOP + row * _ROW, scale)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bar(bar: Bar, y: float, scale: float) -> list[str]:
    ours, theirs = bar.label.startswith("ippfvs"), bar.label.startswith("IPVS")
    colour = _OURS if ours or bar.target else _THEIRS if theirs else _REST
    middle, end = y + 8, _LEFT + bar.each.value * scale
    low, high = (_LEFT + each * scale for each in (bar.each.low, bar.each.high))
    size = f'width="{end - _LEFT:.1f}" height="16"'
    parts = [
        _text(_LEFT - 8, y + 13, bar.label, anchor="end", weight="bold" if ours else "normal"),
        f'<rect x="{_LEFT}" y="{y:.1f}" {size} fill="{colour}"/>',
        _line(low, middle, high, middle, _INK, 1.5),
        *(_line(x, middle - 4, x, middle + 4, _INK, 1.5) for x in (low, high)),
        _text(max(high, end) + 8, y + 13, f"{bar.each.value:.{2 if bar.target else 0}f}"),
    ]
    if bar.target:
        x = _LEFT + bar.target * scale
        parts.append(_line(x, y - 3, x, y + 19, _TARGET, 2))
    return parts


def _step(most: float) -> float:
    """Return a round distance between ticks."""
    for exponent in range(-3, 12):
        for digit in (1, 2, 5):
            if most / (step := float(digit * 10.0**exponent)) <= _TICKS:
                return step
    raise ValueError(f"no scale for {most}")


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text {place} fill="{_INK}">{escape(text)}</text>'
