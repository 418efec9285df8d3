# SPDX-License-Identifier: GPL-2.0
"""The benchmark's arithmetic: figures to verdicts, verdicts to a table."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from ippfvslab.bench import results, run
from ippfvslab.bench.question import Bound, Derived, Limit, Question, Ratio, Target
from ippfvslab.bench.questions import QUESTIONS, cost
from ippfvslab.bench.report import MEANINGS, MISSED, NEAR_LIMIT, REACHED, WITHIN, Answer, judge
from ippfvslab.bench.rounds import Rounds, interleave
from ippfvslab.bench.table import WIDTH, table
from ippfvslab.bench.units import short
from ippfvslab.say import Trouble

Measured = dict[str, list[float]]


def asked(measured: Measured, *targets: Target, less: bool = False) -> Answer:
    question = Question(
        name="q",
        title="a question",
        unit="packets/s",
        guest="uml",
        probe="flood",
        setting=None,
        lanes=tuple(measured),
        targets=targets,
        better="less" if less else "more",
    )
    (answer,) = judge([(question, measured)])
    return answer


@pytest.mark.parametrize(
    ("ours", "mark"),
    [
        ([2.0, 2.0, 2.0], REACHED),
        ([1.9, 1.9, 1.9], MISSED),
        ([1.9, 1.7, 1.6], WITHIN),  # missed by less than the rounds lie apart
        ([2.1, 0.1, 0.1], REACHED),  # noise only slows
    ],
)
def test_a_target_is_missed_by_more_than_the_noise(ours: list[float], mark: str) -> None:
    answer = asked({"ippfvs": ours, "IPVS": [1.0] * 3}, Ratio(2.0, "more", "ippfvs", "IPVS"))
    (verdict,) = answer.verdicts
    assert verdict.value == max(ours)
    assert verdict.mark == mark
    assert answer.missed is (mark == MISSED)


def test_the_other_lane_may_be_the_noisy_one() -> None:
    measured = {"ippfvs": [1.9] * 3, "IPVS": [1.0, 0.9, 0.9]}
    (verdict,) = asked(measured, Ratio(2.0, "more", "ippfvs", "IPVS")).verdicts
    assert verdict.mark == WITHIN
    assert verdict.noise == pytest.approx(1 / 0.9 - 1)


@pytest.mark.parametrize(
    ("bytes_each", "mark"),
    [([136.0] * 3, REACHED), ([140.0] * 3, MISSED), ([140.0, 150.0, 150.0], WITHIN)],
)
def test_less_may_be_better(bytes_each: list[float], mark: str) -> None:
    answer = asked({"ippfvs": bytes_each}, Bound(136, "less", "ippfvs"), less=True)
    assert answer.figures["ippfvs"].best == min(bytes_each)
    assert answer.verdicts[0].mark == mark


def test_a_target_may_be_a_formula_of_three_lanes() -> None:
    derived = Derived(0.4, "less", "cost", ("ippfvs", "IPVS", "floor"), cost)
    measured = {"ippfvs": [2e6], "IPVS": [1e6], "floor": [5e6]}
    (verdict,) = asked(measured, derived).verdicts
    assert verdict.value == pytest.approx((0.5 - 0.2) / (1.0 - 0.2))
    assert verdict.mark == REACHED


def test_noise_of_a_formula_is_what_its_figures_make_of_theirs() -> None:
    derived = Derived(0.3, "less", "cost", ("ippfvs", "IPVS", "floor"), cost)
    steady = asked({"ippfvs": [2e6] * 3, "IPVS": [1e6] * 3, "floor": [5e6] * 3}, derived)
    shaky = asked({"ippfvs": [2e6, 1.6e6, 1.6e6], "IPVS": [1e6] * 3, "floor": [5e6] * 3}, derived)
    assert steady.verdicts[0].noise == 0
    assert steady.missed
    moved = (1 / 1.6 - 0.2) / 0.8 - 0.375
    assert shaky.verdicts[0].noise == pytest.approx(moved / 0.375)
    assert not shaky.missed


LIMITED = Ratio(2.5, "more", "ippfvs", "IPVS", limit=Limit("limit"))


@pytest.mark.parametrize(
    ("ours", "limit", "mark"),
    [
        (2.5, 2.4, REACHED),
        (1.5, 1.8, NEAR_LIMIT),
        (1.4, 1.8, MISSED),  # the limit does not reach it either, but we are not near
        (1.9, 2.5, MISSED),  # the limit shows that it can be reached
    ],
)
def test_a_target_beyond_the_limit_asks_to_come_near_it(
    ours: float, limit: float, mark: str
) -> None:
    answer = asked({"ippfvs": [ours] * 3, "IPVS": [1.0] * 3, "limit": [limit] * 3}, LIMITED)
    (verdict,) = answer.verdicts
    assert verdict.mark == mark
    assert answer.missed is (mark == MISSED)
    said = f"limit: {short(limit)}; ippfvs has {ours / limit:.0%} of its speed"
    assert verdict.remark == ("" if mark == REACHED else said)


def test_nearness_to_a_limit_allows_for_noise() -> None:
    steady = {"ippfvs": [1.4] * 3, "IPVS": [1.0] * 3, "limit": [1.8] * 3}
    assert asked(steady, LIMITED).verdicts[0].mark == MISSED
    for shaky in ({"ippfvs": [1.4, 1.2, 1.2]}, {"limit": [1.8, 1.5, 1.5]}):
        assert asked(steady | shaky, LIMITED).verdicts[0].mark == NEAR_LIMIT


@pytest.mark.parametrize(
    ("ours", "limit", "mark"), [(0.11, 0.2, REACHED), (0.24, 0.2, NEAR_LIMIT), (0.26, 0.2, MISSED)]
)
def test_a_limit_may_be_a_time(ours: float, limit: float, mark: str) -> None:
    target = Bound(0.12, "less", "ippfvs", limit=Limit("limit"))
    answer = asked({"ippfvs": [ours] * 3, "limit": [limit] * 3}, target, less=True)
    assert answer.verdicts[0].mark == mark


def test_lanes_take_turns() -> None:
    calls: list[str] = []

    def once(lane: str) -> float:
        calls.append(lane)
        return float(len(calls))

    figures = interleave(("a", "b", "c"), Rounds(4), once)
    assert "".join(calls) == "abc bca cab abc".replace(" ", "")
    assert figures == {"a": [1, 6, 8, 10], "b": [2, 4, 9, 11], "c": [3, 5, 7, 12]}


def test_questions_fit_together() -> None:
    assert len({each.name for each in QUESTIONS}) == len(QUESTIONS)
    for question in QUESTIONS:
        assert len(set(question.lanes)) == len(question.lanes)
        for target in question.targets:
            assert set(target.lanes) <= set(question.lanes)
            if target.limit:
                assert {target.limit.lane, target.limit.ours} <= set(question.lanes)


def test_a_question_that_is_none_is_not_answered_by_silence() -> None:
    words = argparse.Namespace(quick=True, questions=["nat4", "warp"], of=None, write=False)
    with pytest.raises(Trouble, match="no question warp; did you mean "):
        run.refuse(words)


def test_quick_leaves_questions_out_unless_they_are_named() -> None:
    assert run._chosen([], quick=False) == list(QUESTIONS)
    assert run._chosen([], quick=True) == [each for each in QUESTIONS if each.quick]
    assert [each.name for each in run._chosen(["memory"], quick=True)] == ["memory"]


def test_the_table_fits_80_columns() -> None:
    answers = judge(
        (question, {lane: [n * 1.2e6, n * 1e6] for n, lane in enumerate(question.lanes, 1)})
        for question in QUESTIONS
    )
    lines = list(table(answers))
    assert max(map(len, lines)) <= WIDTH
    for answer in answers:
        title = f"{answer.question.title}: {answer.question.unit}"
        assert title in " ".join(lines)
    marks = sum(
        line[1] in (REACHED, WITHIN, NEAR_LIMIT, MISSED) for line in lines if line[0] == " "
    )
    verdicts = [verdict.mark for answer in answers for verdict in answer.verdicts]
    explained = [f" {mark} {MEANINGS[mark]}" for mark in MEANINGS if mark in verdicts]
    assert lines[len(lines) - len(explained) :] == explained
    assert marks == len(verdicts) + len(explained)


@pytest.mark.parametrize(
    ("figure", "unit", "text"),
    [
        (3_123_456, "packets/s", "3.12 M"),
        (45_678, "packets/s", "45.7 k"),
        (999_600, "packets/s", "1.00 M"),
        (136, "bytes", "136 B"),
        (341.2, "bytes", "341 B"),
        (1536, "bytes", "1.50 KiB"),
        (30_000_000, "bytes", "28.6 MiB"),
        (1.999, "", "2.00"),
        (1.85, "s", "1.85 s"),
        (0.0123, "s", "12.3 ms"),
        (0.000_004, "s", "4.00 µs"),
    ],
)
def test_figures_have_three_digits(figure: float, unit: str, text: str) -> None:
    assert short(figure, unit) == text


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"records": 7}', "\0"])
def test_a_file_that_keeps_no_figures_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "figures.json"
    file.write_text(text)
    with pytest.raises(Trouble, match=r"figures\.json is no file of figures"):
        results.read(file)
    with pytest.raises(Trouble, match="is no file of figures"):
        results.read(tmp_path)
