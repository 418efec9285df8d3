# SPDX-License-Identifier: GPL-2.0
"""Medians of paired measurements, with distribution-free confidence intervals.

The interval of a median is made of order statistics: of n independent values, the number below the
median is binomial with p = 1/2, so [x(k), x(n+1-k)] covers the median with a probability of at
least 1 - 2 P(B <= k-1) (H. A. David and H. N. Nagaraja, Order Statistics, 3rd edition, 7.1).

Successive pairs are not independent: the machine is fast or slow for seconds, and all pairs of one
session share tables, hash keys and memory. The medians of sessions do not share them. So the same
interval is also computed from the medians of the sessions. The result is the smallest interval that
contains both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

CONFIDENCE = 0.95
MIN_SESSIONS = 6
"""The smallest number of values whose range covers the median with a probability of 95 %."""
MIN_PAIRS = 30
NARROW = 0.04
"""An interval is narrow if it reaches at most this share below and above the median."""


@dataclass(frozen=True)
class Estimate:
    """A median, and the interval that covers the true median with CONFIDENCE."""

    value: float
    low: float
    high: float
    count: int
    """The number of values: pairs, or trials."""
    sessions: int = 1

    @property
    def width(self) -> float:
        """The distance of the farther end of the interval from the median, over the median."""
        return max(self.high - self.value, self.value - self.low) / self.value

    @property
    def narrow(self) -> bool:
        """Whether more pairs are unnecessary."""
        enough = self.sessions >= MIN_SESSIONS and self.count >= MIN_PAIRS
        return enough and self.width <= NARROW

    @property
    def inverse(self) -> Estimate:
        """The estimate of the reciprocal."""
        return Estimate(1 / self.value, 1 / self.high, 1 / self.low, self.count, self.sessions)


def rank(count: int) -> int | None:
    """Return the k of the interval [x(k), x(count+1-k)], or None if COUNT values are too few."""
    below, k = 0.0, 0
    while k < count // 2:
        below += math.comb(count, k) / 2**count
        if 2 * below > 1 - CONFIDENCE:
            break
        k += 1
    return k or None


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the interval of the median of VALUES. With too few values it is their whole range."""
    ordered = sorted(values)
    k = rank(len(ordered)) or 1
    return ordered[k - 1], ordered[-k]


def estimate(sessions: Sequence[Sequence[float]]) -> Estimate:
    """Return the median of all values in SESSIONS.

    The interval of the estimate contains two intervals: the one of all values, and the one of the
    medians of the sessions.
    """
    values = [value for each in sessions for value in each]
    low, high = interval(values)
    if len(sessions) > 1:
        low2, high2 = interval([median(each) for each in sessions])
        low, high = min(low, low2), max(high, high2)
    middle = median(values)
    return Estimate(middle, min(low, middle), max(high, middle), len(values), len(sessions))


def pair(base: Sequence[float], other: Sequence[float]) -> list[float]:
    """Return the ratio of each cost in OTHER to the costs of BASE before and after it.

    The slices were run in the order base[0], other[0], base[1], other[1] …. Each cost of OTHER is
    divided by the mean of both costs of BASE, so a drift cancels out.
    """
    after = [*base[1:], base[-1]]
    return [
        each / ((before + behind) / 2)
        for each, before, behind in zip(other, base, after, strict=True)
    ]
