# SPDX-License-Identifier: GPL-2.0
"""What the lanes of the benchmark are given to do."""

from __future__ import annotations

from ippfvslab.bench.lanes import CONTESTANTS
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.questions import QUESTIONS

import pylvs


def test_every_contestant_of_a_question_is_there() -> None:
    flooded = [each for each in QUESTIONS if each.probe in ("flood", "new", "pick", "services")]
    assert {lane.split()[0] for each in flooded for lane in each.lanes} == set(CONTESTANTS)


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
