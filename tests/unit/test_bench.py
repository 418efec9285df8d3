# SPDX-License-Identifier: GPL-2.0
"""The benchmark's arithmetic: floods in pktgen's words, figures to answers, answers to a table."""

from __future__ import annotations

import argparse

import pytest
from ippfvslab.bench import run
from ippfvslab.bench.pktgen import Flood
from ippfvslab.bench.questions import QUESTIONS
from ippfvslab.bench.report import judge, table
from ippfvslab.say import Trouble


def test_every_packet_takes_the_next_port_and_address() -> None:
    words = Flood("02:00:00:00:00:01", "198.18.0.1", "10.0.0.100", 60_000, 131_000).commands
    assert {"src_min 198.18.0.1", "src_max 198.19.255.184", "dst 10.0.0.100"} <= set(words)
    assert {"udp_src_min 1024", "udp_src_max 61024"} <= set(words)


def test_one_flow_has_one_port() -> None:
    words = Flood("02:00:00:00:00:01", "fd18::1", "fd00::100").commands
    assert {"udp_src_min 1024", "udp_src_max 1025", "dst6 fd00::100", "flag UDPCSUM"} <= set(words)


@pytest.mark.parametrize(
    ("ours", "theirs", "reached"),
    [
        ([2.0, 2.0, 2.0], [1.0, 1.0, 1.0], True),
        ([1.9, 1.9, 1.9], [1.0, 1.0, 1.0], False),
        ([1.9, 1.7, 1.6], [1.0, 1.0, 1.0], True),  # missed by less than the rounds lie apart
        ([2.1, 0.1, 0.1], [1.0, 1.0, 1.0], True),  # noise only slows
    ],
)
def test_a_target_is_missed_by_more_than_the_noise(
    ours: list[float], theirs: list[float], reached: bool
) -> None:
    (answer,) = judge({"nat4": {"ippfvs": ours, "IPVS": theirs}})
    assert answer.ratio == max(ours) / max(theirs)
    assert answer.reached is reached


def test_a_question_that_is_none_is_not_answered_by_silence() -> None:
    words = argparse.Namespace(quick=True, questions=["nat4", "warp"])
    with pytest.raises(Trouble, match="no question warp; there are nat4-one nat4 "):
        run.main(words)


def test_the_table_fits_80_columns() -> None:
    figures = {each.name: {peer: [12_345_678.0, 9e6] for peer in each.peers} for each in QUESTIONS}
    lines = list(table(judge(figures)))
    assert len(lines) == 1 + 2 * len(QUESTIONS)
    assert max(map(len, lines)) <= 80
