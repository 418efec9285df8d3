# SPDX-License-Identifier: GPL-2.0
"""Medians with distribution-free confidence intervals, of paired measurements.

The interval of a median is made of order statistics: of n independent values, the number below
the median is binomial with p = 1/2, so [x(k), x(n+1-k)] covers the median with a probability of at
least 1 - 2 P(B <= k-1) (H. A. David and H. N. Nagaraja, Order Statistics, 3rd edition, 7.1).

Pairs that follow each other are not independent: the machine is fast or slow for seconds, and all
pairs of one sitting share tables, hash keys and memory. So the same interval is also made of the
medians of the sittings, which share none of that, and the wider of both counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

CONFIDENCE = 0.95
LEAST_SITTINGS = 6
"""The smallest number of values whose minimum and maximum cover the median with 95 %."""
LEAST_PAIRS = 30
GOOD = 0.04
"""An interval that reaches at most this share below and above the median is narrow."""


@dataclass(frozen=True)
class Estimate:
    """A median, and the interval that covers the true one with CONFIDENCE."""

    value: float
    low: float
    high: float
    count: int
    """Values that it was made of: pairs, or laps."""
    sittings: int = 1

    @property
    def width(self) -> float:
        """How far the interval reaches from the median, as a share of it."""
        return max(self.high - self.value, self.value - self.low) / self.value

    @property
    def narrow(self) -> bool:
        """Whether there is nothing to be gained by more pairs."""
        enough = self.sittings >= LEAST_SITTINGS and self.count >= LEAST_PAIRS
        return enough and self.width <= GOOD

    @property
    def inverse(self) -> Estimate:
        """The estimate of the reciprocal."""
        return Estimate(1 / self.value, 1 / self.high, 1 / self.low, self.count, self.sittings)


def rank(count: int) -> int | None:
    """The k of the interval [x(k), x(count+1-k)]; None where COUNT values are too few."""
    below, k = 0.0, 0
    while k < count // 2:
        below += math.comb(count, k) / 2**count
        if 2 * below > 1 - CONFIDENCE:
            break
        k += 1
    return k or None


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The interval of the median of VALUES; with too few of them, all that was seen."""
    ordered = sorted(values)
    k = rank(len(ordered)) or 1
    return ordered[k - 1], ordered[-k]


def estimate(sittings: Sequence[Sequence[float]]) -> Estimate:
    """The median of all values in SITTINGS; the wider of both intervals."""
    values = [value for each in sittings for value in each]
    low, high = interval(values)
    if len(sittings) > 1:
        low2, high2 = interval([median(each) for each in sittings])
        low, high = min(low, low2), max(high, high2)
    middle = median(values)
    return Estimate(middle, min(low, middle), max(high, middle), len(values), len(sittings))


def pair(base: Sequence[float], other: Sequence[float]) -> list[float]:
    """How many times as much each of OTHER costs as its neighbours in BASE.

    The slices lie in the order base[0], other[0], base[1], other[1] …; a cost of OTHER is divided
    by the mean of those of BASE before and after it, so that a drift cancels out.
    """
    after = [*base[1:], base[-1]]
    return [
        each / ((before + behind) / 2)
        for each, before, behind in zip(other, base, after, strict=True)
    ]
