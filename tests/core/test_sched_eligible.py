# SPDX-License-Identifier: GPL-2.0
"""Real servers that are not eligible, and those that a connection must not get."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pylvs.core import EXCLUDED_MAX, REALS_MAX, WEIGHT_MAX, Scheduler
from tests.core.farms import small_weights, tickets, weights
from tests.core.naive_sched import Turns, least_loaded, weight_now

BY_TURN = ("rr", "wrr")
BY_LOAD = ("lc", "wlc")
ALL = (*BY_TURN, *BY_LOAD)


def pick_or_none(scheduler: Scheduler, excluded: list[int]) -> int:
    try:
        return scheduler.pick(excluded=excluded)
    except LookupError:
        return -1


class Chances:
    """A scheduler beside its naive twin, and random events."""

    def __init__(self, name: str, farm: list[int], cursor: int, random: Random) -> None:
        self.scheduler = Scheduler(name, farm, cursor)
        self.turns = Turns(Scheduler(name, farm, cursor))
        self.random = random

    def expected(self, excluded: list[int]) -> int:
        if self.scheduler.name in BY_LOAD:
            return least_loaded(self.scheduler, excluded)
        return self.turns.pick(self.scheduler, excluded)

    def step(self) -> None:
        size = len(self.scheduler)
        count = self.random.choice([0, 0, 0, 1, 2, EXCLUDED_MAX])
        excluded = self.random.sample(range(size), min(count, size))
        picked = pick_or_none(self.scheduler, excluded)
        assert picked == self.expected(excluded)
        if picked >= 0:
            assert weight_now(self.scheduler, picked, excluded)
            self.scheduler.opened(picked, active=self.random.random() < 0.5)
        if self.random.random() < 0.7:
            self.scheduler.set_eligible(self.random.randrange(size), self.random.random() < 0.5)


@pytest.mark.parametrize("name", ALL)
@given(farm=weights, cursor=tickets, seed=st.integers(0, 1 << 32))
def test_every_pick_is_that_of_the_naive_twin(
    name: str, farm: list[int], cursor: int, seed: int
) -> None:
    chances = Chances(name, farm, cursor, Random(seed))
    for _ in range(60):
        chances.step()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 255, 256, 257])
@settings(max_examples=5)
@given(seed=st.integers(0, 1 << 32))
def test_every_pick_is_that_of_the_naive_twin_in_farms_of(name: str, size: int, seed: int) -> None:
    random = Random(seed)
    farm = [random.choice([0, 1, 1, 2, 3, 100, WEIGHT_MAX]) for _ in range(size)]
    chances = Chances(name, farm, random.randrange(1 << 32), random)
    for _ in range(200):
        chances.step()


@pytest.mark.parametrize("name", ALL)
@given(farm=small_weights, data=st.data())
def test_eligibility_survives_a_change_of_weights(
    name: str, farm: list[int], data: st.DataObject
) -> None:
    scheduler = Scheduler(name, farm)
    out = data.draw(st.sets(st.integers(0, len(farm) - 1)))
    for index in out:
        scheduler.set_eligible(index, False)
    scheduler.reweigh([*farm, 1])
    for _ in range(50):
        index = scheduler.pick()
        scheduler.opened(index)
        assert index not in out
    for index in out:
        scheduler.set_eligible(index, True)
    fresh = Scheduler(name, [*farm, 1], scheduler.cursor)
    if name in BY_TURN:
        assert scheduler.picks(50) == fresh.picks(50)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_pick_fails_if_no_real_server_is_eligible(name: str, size: int) -> None:
    scheduler = Scheduler(name, [3] * size)
    for index in range(size):
        scheduler.set_eligible(index, False)
    with pytest.raises(LookupError):
        scheduler.pick()
    scheduler.set_eligible(size - 1, True)
    assert scheduler.pick() == size - 1
    with pytest.raises(LookupError):
        scheduler.pick(excluded=[size - 1])


@pytest.mark.parametrize("name", ALL)
def test_pick_refuses_too_many_exclusions(name: str) -> None:
    scheduler = Scheduler(name, [1] * 10)
    assert scheduler.pick(excluded=range(EXCLUDED_MAX)) >= EXCLUDED_MAX
    with pytest.raises(ValueError, match=f"at most {EXCLUDED_MAX}"):
        scheduler.pick(excluded=range(EXCLUDED_MAX + 1))


@pytest.mark.parametrize("index", [-1, 2])
def test_a_real_server_that_is_not_there_cannot_be_excluded(index: int) -> None:
    with pytest.raises(ValueError, match=f"no real server {index}"):
        Scheduler("rr", [1, 1]).pick(excluded=[index])


SHARES = [
    ("one of ten is not eligible", [1] * 10, {4}),
    ("nine of ten are not eligible", [1] * 10, set(range(9))),
    ("the successor of a block does not get its share", [1] * 100, set(range(10, 60))),
    ("weights count", [5, 3, 1, 8, 2], {3}),
    ("the giant is not eligible", [1, 2, 3, 1000], {3}),
    ("many are not eligible", [1 + index % 7 for index in range(1000)], set(range(0, 1000, 3))),
    ("the largest farm", [1] * REALS_MAX, set(range(100, REALS_MAX))),
]


@pytest.mark.parametrize(("farm", "out"), [each[1:] for each in SHARES],
                         ids=[each[0] for each in SHARES])  # fmt: skip
def test_the_others_share_by_their_weights(farm: list[int], out: set[int]) -> None:
    """The shares are those of a farm of the eligible real servers, within a few connections."""
    scheduler = Scheduler("wrr", farm)
    for index in out:
        scheduler.set_eligible(index, False)
    total = sum(weight for index, weight in enumerate(farm) if index not in out)
    count = 40 * total
    counted = Counter(scheduler.picks(count))
    for index, weight in enumerate(farm):
        share = 0 if index in out else count * weight / total
        assert abs(counted[index] - share) <= 4, index
