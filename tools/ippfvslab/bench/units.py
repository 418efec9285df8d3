# SPDX-License-Identifier: GPL-2.0
"""Figures for people: three digits and a unit's prefix."""

from __future__ import annotations

KIB, MIB = 1 << 10, 1 << 20


def short(figure: float, unit: str = "") -> str:
    """FIGURE in at most three digits that count, with the prefix that suits UNIT."""
    if unit == "s":
        return _seconds(figure)
    if unit == "bytes" and abs(figure) >= MIB:
        return f"{_digits(figure / MIB)} MiB"
    if unit == "bytes" and abs(figure) >= KIB:
        return f"{_digits(figure / KIB)} KiB"
    if unit == "bytes":
        return f"{_digits(figure)} B"
    if abs(figure) < 1000:
        return _digits(figure)
    return f"{_digits(figure / 1e3)} k" if abs(figure) < 999_500 else f"{_digits(figure / 1e6)} M"


def _seconds(figure: float) -> str:
    for bound, factor, name in ((1, 1, "s"), (1e-3, 1e3, "ms"), (0, 1e6, "µs")):
        if figure >= bound:
            return f"{_digits(figure * factor)} {name}"
    raise ValueError(f"no duration: {figure}")


def _digits(figure: float) -> str:
    if figure >= 99.95:
        return f"{figure:,.0f}"
    return f"{figure:.1f}" if figure >= 9.995 else f"{figure:.2f}"
