# SPDX-License-Identifier: GPL-2.0
"""What the lanes of the benchmark are given to do."""

from __future__ import annotations

import pytest
from ippfvslab.bench.director import MAC_IN
from ippfvslab.bench.lanes import LANES
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.questions import QUESTIONS

import pylvs


def test_every_contestant_of_a_question_is_there() -> None:
    flooded = [each for each in QUESTIONS if each.probe in ("flood", "new", "pick", "services")]
    assert {lane.split()[0] for each in flooded for lane in each.lanes} == set(LANES)


@pytest.mark.parametrize(
    ("name", "came", "made"), [("ippfvs", 9, 4), ("plain", 9, 0), ("floor", 0, 0)]
)
def test_each_lane_has_work_of_its_own(name: str, came: int, made: int) -> None:
    LANES[name].judge(name, sent=9, came=came, flows=4, made=made)


@pytest.mark.parametrize(
    ("name", "came", "made", "said"),
    [
        ("ippfvs", 8, 4, "ippfvs forwarded 8 of 9 packets"),
        ("ippfvs", 9, 5, "ippfvs made 5 connections of 4 flows"),
        ("plain", 8, 0, "plain forwarded 8 of 9 packets"),
        ("floor", 1, 0, "floor forwarded 1 of 9 packets"),
    ],
)
def test_a_lane_that_did_not_do_its_work_is_named(
    name: str, came: int, made: int, said: str
) -> None:
    with pytest.raises(RuntimeError, match=said):
        LANES[name].judge(name, sent=9, came=came, flows=4, made=made)


def test_plain_asks_a_real_server_and_the_floor_another_host() -> None:
    case = Case()
    assert {name for name, lane in LANES.items() if lane.dest(case) != case.vip} == {"plain"}
    assert LANES["plain"].dest(case) == case.reals[0]
    assert {name for name, lane in LANES.items() if lane.mac != MAC_IN} == {"floor"}


def test_both_balancers_read_the_same_rules() -> None:
    rules = Case("dr", 6, "tcp", servers=2).rules
    assert rules == (
        "-A -t [fd00::100]:80 -s rr\n"
        "-a -t [fd00::100]:80 -r [fd16::2]:80 -g -w 1\n"
        "-a -t [fd00::100]:80 -r [fd16::3]:80 -g -w 1\n"
    )
    assert len(pylvs.loads(rules).services[0].reals) == 2


def test_few_services_are_among_the_many() -> None:
    few, many = Case(services=10).vips, Case(services=10_000).vips
    assert (len(few), len(set(many))) == (10, 10_000)
    assert many[4995:5005] == few


def test_weights_differ_where_they_count() -> None:
    weights = [Case(scheduler="wlc", servers=1000).weight(number) for number in range(20)]
    assert set(weights) == set(range(1, 11))
    assert Case(scheduler="lc", servers=1000).weight(7) == 1
    assert [real.weight for real in pylvs.loads(Case().rules).services[0].reals] == [1] * 4
