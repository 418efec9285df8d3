# SPDX-License-Identifier: GPL-2.0
"""What a run leaves behind: figures, charts and docs/PERFORMANCE.md."""

from __future__ import annotations

import argparse
import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import pytest
from ippfvslab import paths
from ippfvslab.bench import chart, history, page, results, run
from ippfvslab.bench.question import Bound, Question, Ratio
from ippfvslab.bench.questions import QUESTIONS as EVERY
from ippfvslab.bench.report import judge
from ippfvslab.bench.results import Record, Results
from ippfvslab.say import Trouble

SVG = "{http://www.w3.org/2000/svg}"
FASTER = Question(
    name="fast",
    title="a race",
    unit="packets/s",
    guest="uml",
    probe="flood",
    setting=None,
    lanes=("ippfvs", "IPVS", "plain"),
    targets=(Ratio(2.0, "more", "ippfvs", "IPVS"),),
)
SMALLER = Question(
    name="small",
    title="a size",
    unit="bytes",
    guest="uml",
    probe="memory",
    setting=None,
    lanes=("ippfvs", "IPVS"),
    targets=(Bound(136, "less", "ippfvs"),),
    better="less",
    about="By slabinfo and meminfo.",
)
BROKEN = replace(FASTER, name="broken", title="a failure")
STALE = replace(FASTER, name="stale", title="an old one")
NEW = replace(FASTER, name="new", title="a new one")
QUESTIONS = (FASTER, SMALLER, BROKEN, STALE, NEW)
RUN = Results(
    when="2026-01-02 03:04",
    tree="abc1234",
    quick=False,
    machine={"CPU": "a model", "cores": "2", "load before": "0.1, 0.2, 0.3"},
    programs={"ipvsadm": "1:1.31-1"},
    guests={"uml": {"kernel": "6.12", "CPUs": "1"}},
    records={
        "fast": Record(
            {"ippfvs": [2.5e6, 2.4e6], "IPVS": [1e6, 0.9e6], "plain": [2e6, 2e6]},
            {"IPVS": {"conntrack": "0"}},
            12.0,
        ),
        "small": Record({"ippfvs": [128.0], "IPVS": [341.0]}, {"IPVS": {"conntrack": "0"}}, 3.0),
        "broken": Record({}, {}, 1.0, "RuntimeError: no packet came out"),
        "stale": Record({"IPVS": [1.0]}, {}, 1.0),
    },
)
_PARTS = (
    "run",
    "tally",
    "glance",
    "machine",
    "guests",
    "settings",
    "runs",
    "questions",
    "unanswered",
)
RUNS = [history.kept(RUN, QUESTIONS)]
PROSE = "".join(f"{{{{{part}}}}}\n" for part in _PARTS)


def test_figures_come_back_as_they_were_kept(tmp_path: Path) -> None:
    RUN.write(tmp_path / "run.json")
    assert results.read(tmp_path / "run.json") == RUN


def test_what_a_guest_found_is_added(tmp_path: Path) -> None:
    found = {"guest": {"kernel": "6.12"}, "records": {"small": vars(RUN.records["small"])}}
    (tmp_path / "figures.json").write_text(json.dumps(found))
    whole = replace(RUN, guests={}, records={})
    whole.add("qemu", tmp_path / "figures.json")
    assert whole.guests == {"qemu": {"kernel": "6.12"}}
    assert whole.records == {"small": RUN.records["small"]}


def test_a_chart_is_an_svg_and_the_same_each_time(tmp_path: Path) -> None:
    for answer in RUN.answers(QUESTIONS):
        name = answer.question.name
        files = tmp_path / f"{name}.svg", tmp_path / f"{name}-again.svg"
        for file in files:
            chart.draw(answer, RUN.records[name].figures, file)
        assert ElementTree.parse(files[0]).getroot().tag == f"{SVG}svg"
        assert files[0].read_bytes() == files[1].read_bytes()


TWICE = replace(FASTER, targets=(*FASTER.targets, Ratio(0.95, "more", "ippfvs", "plain")))
LARGE = replace(SMALLER, targets=(Bound(20 << 20, "less", "ippfvs"),))


def _texts(question: Question, figures: dict[str, list[float]], file: Path) -> list[str]:
    """What a chart of FIGURES says, one text after the other."""
    (answer,) = judge([(question, figures)])
    with mpl.rc_context({"svg.fonttype": "none"}):
        chart.draw(answer, figures, file)
    return [each.text or "" for each in ElementTree.parse(file).iter(f"{SVG}text")]


def test_a_chart_says_its_figures_both_targets_and_the_unit(tmp_path: Path) -> None:
    figures = {"ippfvs": [2.5e6, 2.4e6], "IPVS": [1e6, 0.9e6], "plain": [2e6, 2e6]}
    texts = _texts(TWICE, figures, tmp_path / "chart.svg")
    assert {
        *("ippfvs", "IPVS", "plain", "2.50 M", "1.00 M", "2.00 M"),
        *("target: ippfvs ≥ 2 × IPVS", "target: ippfvs ≥ 0.95 × plain"),
        "packets/s, more is better; ○ each round",
    } <= set(texts)


def test_bytes_have_ticks_of_round_binary_numbers(tmp_path: Path) -> None:
    figures = {"ippfvs": [16.6 * (1 << 20)], "IPVS": [30.0 * (1 << 20)]}
    texts = _texts(LARGE, figures, tmp_path / "chart.svg")
    assert {"0", "8 MiB", "16 MiB", "24 MiB", "32 MiB", "memory, less is better"} <= set(texts)
    assert {"16.6 MiB", "30.0 MiB", "target: ippfvs ≤ 20.0 MiB"} <= set(texts)


@pytest.mark.parametrize(
    ("most", "step"),
    [(355, 80), (100 << 10, 32 << 10), (19 << 20, 4 << 20), (6 << 20, 1 << 20), (10, 10)],
)
def test_ticks_of_bytes(most: float, step: float) -> None:
    assert chart.binary_step(most) == step


def test_the_page_says_what_was_found() -> None:
    text = page.page(PROSE, RUN, RUNS, QUESTIONS)
    assert text == page.page(PROSE, RUN, RUNS, QUESTIONS)
    assert "{{" not in text
    for line in (
        "| [a race](#fast) | ippfvs : IPVS | 2.50 | 2.58 | ≥ 2.00 | 5% | ✓ |",
        "| [a size](#small) | ippfvs | 128 B | 128 B | ≤ 136 B | ? | ✓ |",
        "- Of 2 targets 2 are reached.",
        "| IPVS | conntrack | 0 |",
        "| ippfvs | 2.50 M | 2.45 M | 2% | 2 |",
        "By slabinfo and meminfo.",
        "✓ ippfvs : IPVS: **2.50**, target ≥ 2.00: beaten by 25%",
        "- RuntimeError: no packet came out: *a failure*",
        "- asked of other lanes (IPVS): *an old one*",
        "- not asked: *a new one*",
        "- cores: 2",
        "- load before: 0.1, 0.2, 0.3",
        "- User-Mode Linux: kernel 6.12, CPUs 1",
    ):
        assert line in text.splitlines()


def test_the_page_begins_with_what_is_missed() -> None:
    figures = {"ippfvs": [1.5e6, 1.49e6], "IPVS": [1e6, 0.99e6], "plain": [2e6, 2e6]}
    slow = replace(RUN.records["fast"], figures=figures)
    text = page.page(PROSE, replace(RUN, records={**RUN.records, "fast": slow}), RUNS, QUESTIONS)
    assert "- Of 2 targets 1 are reached." in text
    assert "- 1 are missed by more than the noise: [a race](#fast) (ippfvs : IPVS)." in text
    assert "✗ ippfvs : IPVS: **1.50**, target ≥ 2.00: missed by 0.50, noise 0.01" in text


def test_everything_is_written_and_old_charts_go(tmp_path: Path) -> None:
    folder = tmp_path / page.FOLDER
    folder.mkdir()
    (folder / page.PROSE).write_text(PROSE)
    (folder / "old.svg").write_text("")
    page.write(tmp_path, RUN, QUESTIONS)
    left = sorted(file.name for file in folder.iterdir())
    assert left == ["fast.svg", "figures.json", "page.md", "runs.json", "small.svg"]
    assert (tmp_path / page.PAGE).read_text() == page.page(PROSE, RUN, RUNS, QUESTIONS)


def test_runs_stand_side_by_side(tmp_path: Path) -> None:
    file = tmp_path / "runs.json"
    assert history.read(file) == []
    earlier = replace(RUNS[0], when="2026-01-01 00:00", best={}, middle={})
    history.write(file, history.add(history.add([], RUNS[0]), earlier))
    assert history.read(file) == [earlier, RUNS[0]]
    assert history.add(RUNS, replace(RUNS[0], cpu="b")) == [replace(RUNS[0], cpu="b")]
    assert list(history.table(history.read(file))) == [
        "| run | CPU | fast |",
        "|---|---|--:|",
        "| 2026-01-01 00:00, abc1234 | a model |  |",
        "| 2026-01-02 03:04, abc1234 | a model | 2.50 (2.58) |",
    ]


def test_what_was_seen_stands_below_its_question() -> None:
    fast = replace(RUN.records["fast"], facts={"ippfvs": {"made": "3", "kept": "0"}})
    text = page.page(PROSE, replace(RUN, records={"fast": fast}), RUNS, QUESTIONS)
    assert "- ippfvs: made: 3; kept: 0" in text.splitlines()
    assert "| ippfvs | made | 3 |" not in text


def test_the_prose_leaves_a_place_for_everything() -> None:
    prose = (paths.TREE / "docs" / page.FOLDER / page.PROSE).read_text()
    assert sorted(re.findall(r"{{(\w+)}}", prose)) == sorted(re.findall(r"{{(\w+)}}", PROSE))


def test_a_page_of_some_questions_is_refused() -> None:
    words = argparse.Namespace(quick=True, questions=["nat4"], of=None, write=True)
    with pytest.raises(Trouble, match="--write takes a whole run"):
        run.refuse(words)


def test_a_run_with_a_question_unanswered_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.json"
    replace(RUN, records={"nat4": Record({}, {}, 1.0, "RuntimeError: lost a packet")}).write(file)
    words = argparse.Namespace(quick=True, questions=["nat4"], of=str(file), write=False)
    assert run.main(words) == 1
    assert "!! nat4 has no figures: RuntimeError: lost a packet" in capsys.readouterr().out


@pytest.mark.parametrize(("ours", "status"), [(2.1e6, 0), (1.1e6, 1)])
def test_a_missed_target_fails_and_is_named(
    ours: float, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.json"
    record = Record({"ippfvs": [ours], "IPVS": [1e6]}, {}, 1.0)
    replace(RUN, records={"dr6": record}).write(file)
    words = argparse.Namespace(quick=True, questions=["dr6"], of=str(file), write=False)
    assert run.main(words) == status
    said = "!! targets missed by more than the noise: dr6" in capsys.readouterr().out
    assert said is bool(status)


def test_a_kernel_that_complains_fails_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.json"
    replace(RUN, faults=["WARNING: in ippfvs"]).write(file)
    words = argparse.Namespace(quick=True, questions=["nat4"], of=str(file), write=False)
    assert run.main(words) == 1
    assert "WARNING: in ippfvs" in capsys.readouterr().out


def test_the_page_in_docs_is_what_its_figures_make() -> None:
    docs = paths.TREE / "docs"
    found = results.read(docs / page.FOLDER / page.FIGURES)
    prose = (docs / page.FOLDER / page.PROSE).read_text()
    runs = history.read(docs / page.FOLDER / page.RUNS)
    assert history.kept(found, EVERY) in runs
    made = page.page(prose, found, runs, EVERY)
    again = "run: ./tools/lab bench --write --of docs/performance/figures.json"
    assert (docs / page.PAGE).read_text() == made, again
    answered = {f"{answer.question.name}.svg" for answer in found.answers(EVERY)}
    assert {file.name for file in (docs / page.FOLDER).glob("*.svg")} == answered
