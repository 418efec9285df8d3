# SPDX-License-Identifier: GPL-2.0
"""Round robin and weighted round robin give exact shares and mix the servers well."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylvs.core import REALS_MAX, WEIGHT_MAX, Scheduler
from tests.core.farms import cycle, small_weights, tickets, weights

BY_TURN = ("rr", "wrr")


@given(farm=weights.filter(any), cursor=tickets)
def test_rr_takes_turns(farm: list[int], cursor: int) -> None:
    eligible = [index for index, weight in enumerate(farm) if weight]
    turns = [eligible[(cursor + turn) % len(eligible)] for turn in range(100)]
    assert Scheduler("rr", farm, cursor).picks(100) == turns


@given(farm=small_weights, cursor=tickets)
def test_wrr_is_exact_over_any_cycle(farm: list[int], cursor: int) -> None:
    length, shares = cycle(farm)
    counted = Counter(Scheduler("wrr", farm, cursor).picks(length))
    assert [counted[index] for index in range(len(farm))] == shares


EXACT = [
    ("the paper's farm", [1, 2]),
    ("an awkward sum", [1, 2, 3]),
    ("weights with a common divisor", [100, 200, 300]),
    ("a giant and a dwarf", [WEIGHT_MAX, 1]),
    ("two huge weights: slot times step needs more than 32 bits", [WEIGHT_MAX, WEIGHT_MAX - 1]),
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
    """Return the largest difference of a server from its ideal share, in connections."""
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
    """Return the picks of smooth weighted round robin, which reads all servers for each pick."""
    credit = [0] * len(farm)
    picks = []
    for _ in range(count):
        credit = [have + weight for have, weight in zip(credit, farm, strict=True)]
        best = max(range(len(farm)), key=lambda index: credit[index])
        credit[best] -= sum(farm)
        picks.append(best)
    return picks


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
    """No server waits longer than twice the time between two ideally distributed picks."""
    length, shares = cycle(farm)
    picks = Scheduler("wrr", farm).picks(length * 2)
    for index, share in enumerate(shares):
        at = [turn for turn, picked in enumerate(picks) if picked == index]
        gaps = [after - before for before, after in itertools.pairwise(at)]
        assert max(gaps) <= 2 * math.ceil(length / share)


@pytest.mark.parametrize("name", BY_TURN)
@given(before=weights, after=weights.filter(any), turns=st.integers(0, 50), cursor=tickets)
def test_turns_go_on_after_a_change(
    name: str, before: list[int], after: list[int], turns: int, cursor: int
) -> None:
    scheduler = Scheduler(name, before, cursor)
    if any(before):
        scheduler.picks(turns)
        cursor += turns
    scheduler.reweigh(after)
    assert scheduler.cursor == cursor
    assert scheduler.picks(20) == Scheduler(name, after, cursor).picks(20)


@pytest.mark.parametrize("name", BY_TURN)
def test_the_ticket_may_wrap(name: str) -> None:
    scheduler = Scheduler(name, [1, 2, 3], cursor=(1 << 64) - 2)
    assert all(0 <= index < 3 for index in scheduler.picks(5))
    assert scheduler.cursor == 3
