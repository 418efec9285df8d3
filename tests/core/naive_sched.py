# SPDX-License-Identifier: GPL-2.0
"""Schedulers that look at every real server for every connection."""

from __future__ import annotations

from collections.abc import Collection

from pylvs.core import WEIGHT_MAX, Scheduler

GOLDEN = 2654435769
WEIGHT_LIMIT = {"rr": 1, "wrr": WEIGHT_MAX, "lc": 1, "wlc": WEIGHT_MAX}


def weight_now(scheduler: Scheduler, index: int, excluded: Collection[int] = ()) -> int:
    """Return the weight that counts; 0 if the real server accepts no connection."""
    if index in excluded or not scheduler.eligible(index):
        return 0
    return min(scheduler.weights[index], WEIGHT_LIMIT[scheduler.name])


def least_loaded(scheduler: Scheduler, excluded: Collection[int] = ()) -> int:
    """Return the choice of lc and wlc, or -1; the rule is that of kernel/sched/least.c."""
    best = -1
    best_load = best_weight = 0
    for index in range(len(scheduler)):
        weight = weight_now(scheduler, index, excluded)
        if not weight:
            continue
        load = 256 * scheduler.active(index) + scheduler.inactive(index) + 1
        if best < 0 or load * best_weight < best_load * weight:
            best, best_load, best_weight = index, load, weight
    return best


class Turns:
    """The choices of rr and wrr; the rule of the second choice is that of kernel/sched/shares.c.

    The first choice comes from FRESH, a scheduler of the same kind and cursor all of whose real
    servers are eligible, which other tests compare with an ideal.
    """

    def __init__(self, fresh: Scheduler) -> None:
        self.fresh = fresh
        self.draws = 0

    def pick(self, scheduler: Scheduler, excluded: Collection[int] = ()) -> int:
        """Return the choice that SCHEDULER must make, or -1."""
        if not any(scheduler.weights):
            return -1
        first = self.fresh.pick()
        if weight_now(scheduler, first, excluded):
            return first
        shares = [weight_now(scheduler, index, excluded) for index in _order(len(scheduler))]
        if not sum(shares):
            return -1
        place = (self.draws * GOLDEN % (1 << 32)) * sum(shares) >> 32
        self.draws += 1
        return next(
            index for end, index in enumerate_ends(shares, _order(len(scheduler))) if place < end
        )


def enumerate_ends(shares: list[int], order: list[int]) -> list[tuple[int, int]]:
    """Return the place after the last one of each real server, in ORDER."""
    return [(sum(shares[: at + 1]), index) for at, index in enumerate(order)]


def _order(size: int) -> list[int]:
    """Return the indexes from left to right in a heap whose leaves they are."""
    full = 1 << (size - 1).bit_length()
    return [*range(full - size, size), *range(full - size)]
