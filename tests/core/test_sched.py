# SPDX-License-Identifier: GPL-2.0
"""Schedulers against naive twins that look at every server."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pylvs.core import REALS_MAX, WEIGHT_MAX, Scheduler, schedulers

ALL = ("rr", "wrr", "lc", "wlc")
BY_TURN = ("rr", "wrr")
BY_LOAD = ("lc", "wlc")

weights = st.lists(st.integers(0, 9) | st.integers(0, WEIGHT_MAX), min_size=1, max_size=40)
small_weights = st.lists(st.integers(0, 40), min_size=1, max_size=30).filter(any)
tickets = st.integers(0, 1 << 63)


def cycle(farm: list[int]) -> tuple[int, list[int]]:
    """Return the length of a cycle and each server's share of it."""
    divisor = math.gcd(*farm)
    shares = [weight // divisor for weight in farm]
    return sum(shares), shares


def test_all_are_there() -> None:
    assert tuple(schedulers()) == ALL


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="no scheduler 'rrr'; there are rr, wrr, lc, wlc"):
        Scheduler("rrr", [1])


@pytest.mark.parametrize("farm", [[-1], [WEIGHT_MAX + 1], [1] * (REALS_MAX + 1)])
def test_farms_that_cannot_be_are_refused(farm: list[int]) -> None:
    with pytest.raises(ValueError, match=r"from 0|at most"):
        Scheduler("rr", farm)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("farm", [[], [0], [0, 0, 0], [0] * 1000])
def test_nobody_takes_connections(name: str, farm: list[int]) -> None:
    scheduler = Scheduler(name, farm)
    with pytest.raises(LookupError):
        scheduler.pick()
    assert scheduler.ticket == 0


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("farm", [[1], [WEIGHT_MAX], [0, 7, 0], [0, 0, 1], [WEIGHT_MAX, 0]])
def test_a_single_server_takes_all(name: str, farm: list[int]) -> None:
    scheduler = Scheduler(name, farm, ticket=12345)
    for _ in range(10):
        index = scheduler.pick()
        scheduler.opened(index)
        assert farm[index]


@pytest.mark.parametrize("name", ALL)
@given(farm=weights.filter(any), ticket=tickets)
def test_weight_zero_is_never_picked(name: str, farm: list[int], ticket: int) -> None:
    scheduler = Scheduler(name, farm, ticket)
    for _ in range(50):
        index = scheduler.pick()
        scheduler.opened(index)
        assert farm[index]


# --- by turn


@given(farm=weights.filter(any), ticket=tickets)
def test_rr_takes_turns(farm: list[int], ticket: int) -> None:
    eligible = [index for index, weight in enumerate(farm) if weight]
    turns = [eligible[(ticket + turn) % len(eligible)] for turn in range(100)]
    assert Scheduler("rr", farm, ticket).picks(100) == turns


@given(farm=small_weights, ticket=tickets)
def test_wrr_is_exact_over_any_cycle(farm: list[int], ticket: int) -> None:
    length, shares = cycle(farm)
    counted = Counter(Scheduler("wrr", farm, ticket).picks(length))
    assert [counted[index] for index in range(len(farm))] == shares


EXACT = [
    ("the paper's farm", [1, 2]),
    ("an awkward sum", [1, 2, 3]),
    ("weights with a common divisor", [100, 200, 300]),
    ("a giant and a dwarf", [WEIGHT_MAX, 1]),
    ("a giant among a hundred dwarfs", [*[1] * 50, WEIGHT_MAX, *[1] * 50]),
    ("a thousand equals", [7] * 1000),
    ("a hundred primes", [n for n in range(2, 542) if all(n % d for d in range(2, n))]),
    ("many weights of zero between", [0, 3, 0, 0, 5, 0, 0, 0, 1, 0]),
]


@pytest.mark.parametrize("farm", [e[1] for e in EXACT], ids=[e[0] for e in EXACT])
def test_wrr_is_exact(farm: list[int]) -> None:
    length, shares = cycle(farm)
    scheduler = Scheduler("wrr", farm)
    for _ in range(2):
        counted = Counter(scheduler.picks(length))
        assert [counted[index] for index in range(len(farm))] == shares


@pytest.mark.parametrize("size", [4, 1000, REALS_MAX])
def test_wrr_with_the_greatest_weights(size: int) -> None:
    farm = [WEIGHT_MAX - index % 2 for index in range(size)]
    counted = Counter(Scheduler("wrr", farm).picks(size * 4))
    assert max(counted.values()) <= 8
    assert len(counted) == size


def deviation(picks: list[int], farm: list[int]) -> float:
    """Return how far any server ever is from its ideal share, in connections."""
    total = sum(farm)
    counted = [0] * len(farm)
    worst = 0.0
    for turn, index in enumerate(picks, start=1):
        counted[index] += 1
        worst = max(
            worst,
            *(abs(count - turn * weight / total)
              for count, weight in zip(counted, farm, strict=True)),
        )  # fmt: skip
    return worst


def smooth_wrr(farm: list[int], count: int) -> list[int]:
    """The well known even mix that looks at every server for every connection."""
    credit = [0] * len(farm)
    picks = []
    for _ in range(count):
        credit = [have + weight for have, weight in zip(credit, farm, strict=True)]
        best = max(range(len(farm)), key=lambda index: credit[index])
        credit[best] -= sum(farm)
        picks.append(best)
    return picks


@settings(deadline=None)
@given(farm=small_weights)
def test_wrr_is_a_good_mix(farm: list[int]) -> None:
    length, _ = cycle(farm)
    mixed = deviation(Scheduler("wrr", farm).picks(length), farm)
    ideal = deviation(smooth_wrr(farm, length), farm)
    assert mixed <= max(1.0, math.log2(length))
    assert mixed <= ideal + 4


@given(size=st.integers(1, 300), weight=st.integers(1, WEIGHT_MAX))
def test_wrr_of_equal_weights_is_a_round_robin(size: int, weight: int) -> None:
    scheduler = Scheduler("wrr", [weight] * size)
    once = scheduler.picks(size)
    assert sorted(once) == list(range(size))
    assert scheduler.picks(size) == once


@pytest.mark.parametrize("farm", [[1, 9], [3, 2], [10, 1, 1, 1], [5, 3, 1], [4, 4, 1], [8, 5, 3]])
def test_wrr_does_not_bunch(farm: list[int]) -> None:
    """Nobody waits longer than twice the time between two perfectly spread picks."""
    length, shares = cycle(farm)
    picks = Scheduler("wrr", farm).picks(length * 2)
    for index, share in enumerate(shares):
        at = [turn for turn, picked in enumerate(picks) if picked == index]
        gaps = [after - before for before, after in itertools.pairwise(at)]
        assert max(gaps) <= 2 * math.ceil(length / share)


@pytest.mark.parametrize("name", BY_TURN)
@given(before=weights, after=weights.filter(any), turns=st.integers(0, 50), ticket=tickets)
def test_turns_go_on_after_a_change(
    name: str, before: list[int], after: list[int], turns: int, ticket: int
) -> None:
    scheduler = Scheduler(name, before, ticket)
    if any(before):
        scheduler.picks(turns)
        ticket += turns
    scheduler.reweigh(after)
    assert scheduler.ticket == ticket
    assert scheduler.picks(20) == Scheduler(name, after, ticket).picks(20)


@pytest.mark.parametrize("name", BY_TURN)
def test_the_ticket_may_wrap(name: str) -> None:
    scheduler = Scheduler(name, [1, 2, 3], ticket=(1 << 64) - 2)
    assert all(0 <= index < 3 for index in scheduler.picks(5))
    assert scheduler.ticket == 3


# --- by load


def brute_force(scheduler: Scheduler) -> int:
    """Look at every server; the rule is that of kernel/sched/least.c."""
    best = -1
    best_load = best_weight = 0
    for index, weight in enumerate(scheduler.weights):
        if not weight:
            continue
        if scheduler.name == "lc":
            weight = 1
        load = 256 * scheduler.active(index) + scheduler.inactive(index) + 1
        if best < 0 or load * best_weight < best_load * weight:
            best, best_load, best_weight = index, load, weight
    return best


class Traffic:
    """Connections that come, are established, close and go at random."""

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
@settings(deadline=None)
@given(farm=weights.filter(any), steps=steps)
def test_least_is_brute_force(name: str, farm: list[int], steps: list[tuple[int, int]]) -> None:
    scheduler = Scheduler(name, farm)
    traffic = Traffic(scheduler)
    for step in steps:
        assert scheduler.pick() == brute_force(scheduler)
        traffic.step(*step)
    assert scheduler.pick() == brute_force(scheduler)


@pytest.mark.parametrize("name", BY_LOAD)
@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 1000])
@settings(deadline=None, max_examples=5)
@given(random=st.randoms(use_true_random=False))
def test_least_is_brute_force_in_farms_of(name: str, size: int, random: Random) -> None:
    farm = [random.choice([0, 1, 1, 2, 3, 100, WEIGHT_MAX]) for _ in range(size - 1)] + [1]
    scheduler = Scheduler(name, farm)
    traffic = Traffic(scheduler)
    for _ in range(200):
        traffic.step(random.randrange(5), random.randrange(1 << 16))
        assert scheduler.pick() == brute_force(scheduler)


@pytest.mark.parametrize("name", BY_LOAD)
@settings(deadline=None)
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
    assert scheduler.pick() == brute_force(scheduler)
    for index, counts in enumerate(kept[: len(after)]):
        assert (scheduler.active(index), scheduler.inactive(index)) == counts


@pytest.mark.parametrize("name", BY_LOAD)
def test_the_greatest_loads_do_not_overflow(name: str) -> None:
    farm = [WEIGHT_MAX, WEIGHT_MAX - 1, WEIGHT_MAX]
    scheduler = Scheduler(name, farm)
    full = (1 << 32) - 1
    for index, (active, inactive) in enumerate([(full, full), (full, full), (full, full - 1)]):
        scheduler.load(index, active=active, inactive=inactive)
    assert scheduler.pick() == brute_force(scheduler) == 2


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
    """No placement of a burst of new connections does better, whatever its size."""
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
@settings(deadline=None)
def test_wlc_shares_as_the_weights_say(established: bool, farm: list[int]) -> None:
    length, shares = cycle(farm)
    scheduler = Scheduler("wlc", farm)
    for _ in range(length):
        index = scheduler.pick()
        scheduler.opened(index, active=established)
    for index, share in enumerate(shares):
        taken = scheduler.active(index) + scheduler.inactive(index)
        assert taken == share if not established else abs(taken - share) <= 1


@pytest.mark.parametrize("name", ALL)
def test_a_connection_that_is_not_there_cannot_close(name: str) -> None:
    scheduler = Scheduler(name, [1])
    with pytest.raises(ValueError, match="no such connection"):
        scheduler.closed(0)
    scheduler.opened(0)
    with pytest.raises(ValueError, match="no such connection"):
        scheduler.closed(0, active=True)


@pytest.mark.parametrize("name", ALL)
def test_it_prints_as_one_would_type_it(name: str) -> None:
    assert repr(Scheduler(name, [1, 2])) == f"Scheduler('{name}', [1, 2])"
