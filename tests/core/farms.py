# SPDX-License-Identifier: GPL-2.0
"""Farms of all kinds, as lists of weights."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from pylvs.core import WEIGHT_MAX

weights = st.lists(st.integers(0, 9) | st.integers(0, WEIGHT_MAX), min_size=1, max_size=40)
small_weights = st.lists(st.integers(0, 40), min_size=1, max_size=30).filter(any)
tickets = st.integers(0, 1 << 63)


def cycle(farm: list[int]) -> tuple[int, list[int]]:
    """Return the length of a cycle and the share of each server."""
    divisor = math.gcd(*farm)
    shares = [weight // divisor for weight in farm]
    return sum(shares), shares
