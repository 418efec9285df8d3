# SPDX-License-Identifier: GPL-2.0
"""Least connection, without and with weights, compared with a search among all servers."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pylvs.core import WEIGHT_MAX, Scheduler
from tests.core.farms import cycle, small_weights, weights
from tests.core.naive_sched import least_loaded

BY_LOAD = ("lc", "wlc")


class Traffic:
    """Connections that are opened, established, closed and removed at random."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.inactive: list[int] = []
        self.active: list[int] = []

    def step(self, what: int, which: int) -> None:
        if what <= 1 or not (self.active or self.inactive):
            self.open()
        elif what == 2 and self.inactive:
            index = self.inactive.pop(which % len(self.inactive))
            self.scheduler.established(index)
            self.active.append(index)
        elif what == 3 and self.active:
            index = self.active.pop(which % len(self.active))
            self.scheduler.closing(index)
            self.inactive.append(index)
        elif self.inactive:
            self.scheduler.closed(self.inactive.pop(which % len(self.inactive)))
        else:
            index = self.active.pop(which % len(self.active))
            self.scheduler.closed(index, active=True)

    def open(self) -> None:
        index = self.scheduler.pick()
        self.scheduler.opened(index)
        self.inactive.append(index)


steps = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1 << 16)), max_size=80)


@pytest.mark.parametrize("name", BY_LOAD)
@given(farm=weights.filter(any), steps=steps)
def test_least_is_brute_force(name: str, farm: list[int], steps: list[tuple[int, int]]) -> None:
    scheduler = Scheduler(name, farm)
    traffic = Traffic(scheduler)
    for step in steps:
        assert scheduler.pick() == least_loaded(scheduler)
        traffic.step(*step)
    assert scheduler.pick() == least_loaded(scheduler)


@pytest.mark.parametrize("name", BY_LOAD)
@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 1000])
@settings(max_examples=5)
@given(random=st.randoms(use_true_random=False))
def test_least_is_brute_force_in_farms_of(name: str, size: int, random: Random) -> None:
    farm = [random.choice([0, 1, 1, 2, 3, 100, WEIGHT_MAX]) for _ in range(size - 1)] + [1]
    scheduler = Scheduler(name, farm)
    traffic = Traffic(scheduler)
    for _ in range(200):
        traffic.step(random.randrange(5), random.randrange(1 << 16))
        assert scheduler.pick() == least_loaded(scheduler)


@pytest.mark.parametrize("name", BY_LOAD)
@given(before=weights.filter(any), after=weights.filter(any), steps=steps)
def test_least_after_a_change_of_weights(
    name: str, before: list[int], after: list[int], steps: list[tuple[int, int]]
) -> None:
    scheduler = Scheduler(name, before)
    traffic = Traffic(scheduler)
    for step in steps:
        traffic.step(*step)
    kept = [(scheduler.active(i), scheduler.inactive(i)) for i in range(len(before))]
    scheduler.reweigh(after)
    assert scheduler.pick() == least_loaded(scheduler)
    for index, counts in enumerate(kept[: len(after)]):
        assert (scheduler.active(index), scheduler.inactive(index)) == counts


@pytest.mark.parametrize("name", BY_LOAD)
def test_the_greatest_loads_do_not_overflow(name: str) -> None:
    farm = [WEIGHT_MAX, WEIGHT_MAX - 1, WEIGHT_MAX]
    scheduler = Scheduler(name, farm)
    full = (1 << 31) - 1
    for index, (active, inactive) in enumerate([(full, full), (full, full), (full, full - 1)]):
        scheduler.load(index, active=active, inactive=inactive)
    assert scheduler.pick() == least_loaded(scheduler) == 2


CHOICES = [
    # name, scheduler, weights, (active, inactive) of each, choice
    ("idle: the lowest index", "lc", [1, 9, 5], [(0, 0)] * 3, 0),
    ("idle: the greatest weight", "wlc", [1, 9, 5], [(0, 0)] * 3, 1),
    ("idle: the first of the greatest weights", "wlc", [1, 9, 9], [(0, 0)] * 3, 1),
    ("idle before loaded", "lc", [9, 1], [(0, 1), (0, 0)], 1),
    ("idle before loaded, weighted", "wlc", [9, 1], [(1, 0), (0, 0)], 1),
    ("idle after a giant with one connection", "wlc", [1000, 1], [(1, 0), (0, 0)], 0),
    ("weights count", "wlc", [1, 2], [(1, 0), (1, 0)], 1),
    ("weights do not count", "lc", [1, 2], [(1, 0), (1, 0)], 0),
    ("an established connection weighs 256", "lc", [1, 1], [(1, 0), (0, 255)], 1),
    ("and no less", "lc", [1, 1], [(1, 0), (0, 256)], 0),
    ("and no more", "lc", [1, 1], [(1, 0), (0, 257)], 0),
    ("weight 0 never", "wlc", [0, 1], [(0, 0), (1000, 1000)], 1),
]


@pytest.mark.parametrize(("name", "farm", "loads", "choice"), [c[1:] for c in CHOICES],
                         ids=[c[0] for c in CHOICES])  # fmt: skip
def test_choice(name: str, farm: list[int], loads: list[tuple[int, int]], choice: int) -> None:
    scheduler = Scheduler(name, farm)
    for index, (active, inactive) in enumerate(loads):
        scheduler.load(index, active=active, inactive=inactive)
    assert scheduler.pick() == choice


def ways_to_place(count: int, servers: int) -> list[tuple[int, ...]]:
    if servers == 1:
        return [(count,)]
    return [
        (first, *rest)
        for first in range(count + 1)
        for rest in ways_to_place(count - first, servers - 1)
    ]


@pytest.mark.parametrize("farm", [[1, 2], [1, 2, 3], [5, 1, 1], [3, 4, 7], [1, 1, 10]])
def test_wlc_keeps_the_greatest_load_for_its_weight_minimal(farm: list[int]) -> None:
    """No other distribution of a burst of new connections is better, whatever its size."""
    scheduler = Scheduler("wlc", farm)
    for count in range(1, 25):
        scheduler.opened(scheduler.pick())
        greatest = max(scheduler.inactive(i) / farm[i] for i in range(len(farm)))
        best = min(
            max(n / weight for n, weight in zip(way, farm, strict=True))
            for way in ways_to_place(count, len(farm))
        )
        assert greatest == best


@pytest.mark.parametrize("established", [False, True])
@given(farm=small_weights)
def test_wlc_shares_as_the_weights_say(established: bool, farm: list[int]) -> None:
    length, shares = cycle(farm)
    scheduler = Scheduler("wlc", farm)
    for _ in range(length):
        index = scheduler.pick()
        scheduler.opened(index, active=established)
    for index, share in enumerate(shares):
        taken = scheduler.active(index) + scheduler.inactive(index)
        assert taken == share if not established else abs(taken - share) <= 1
