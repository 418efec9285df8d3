# SPDX-License-Identifier: GPL-2.0
"""The common behaviour of all schedulers, and the values that a farm refuses."""

from __future__ import annotations

import pytest
from hypothesis import given

from pylvs.core import REALS_MAX, WEIGHT_MAX, Scheduler, schedulers
from tests.core.farms import tickets, weights

ALL = ("rr", "wrr", "lc", "wlc")


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
    assert scheduler.cursor == 0


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("farm", [[1], [WEIGHT_MAX], [0, 7, 0], [0, 0, 1], [WEIGHT_MAX, 0]])
def test_a_single_server_takes_all(name: str, farm: list[int]) -> None:
    scheduler = Scheduler(name, farm, cursor=12345)
    for _ in range(10):
        index = scheduler.pick()
        scheduler.opened(index)
        assert farm[index]


@pytest.mark.parametrize("name", ALL)
@given(farm=weights.filter(any), cursor=tickets)
def test_weight_zero_is_never_picked(name: str, farm: list[int], cursor: int) -> None:
    scheduler = Scheduler(name, farm, cursor)
    for _ in range(50):
        index = scheduler.pick()
        scheduler.opened(index)
        assert farm[index]


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
