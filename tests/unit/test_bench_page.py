# SPDX-License-Identifier: GPL-2.0
"""The output of the benchmark: tables, pictures and docs/PERFORMANCE.md."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bench import chart, page, repeat, results
from bench.benchmarks import BENCHMARKS
from bench.model import Record
from bench.stats import Estimate
from ippfvslab import paths
from ippfvslab.log import LabError

DOCS = paths.TREE / "docs"
FIGURES = DOCS / "performance/figures.json"


def run_of(ratio: float, spread: float = 0.02) -> results.Results:
    """Return a run with the measured RATIO, and with figures of 100, for every benchmark."""
    found = results.Results(
        "2026-12-01 08:00", "abc", False, {"CPU": "x", "load before": "0, 0, 0"}
    )
    found.guests["newest"] = {"kernel": "7.3.4"}
    each = Estimate(ratio, ratio - spread, ratio + spread, 72, 6)
    for benchmark in BENCHMARKS:
        _, *others = benchmark.variants
        figures = dict.fromkeys(benchmark.variants, Estimate(100, 99, 101, 72, 6))
        for kernel in benchmark.kernels:
            record = Record(kernel, figures, dict.fromkeys(others, each))
            found.records[f"{benchmark.name}@{kernel}"] = record
    return found


def test_the_first_table_fits_on_a_screen() -> None:
    text = page.fill("{{targets}}", run_of(2.2))
    assert 20 < len(text.splitlines()) <= 40
    row = next(line for line in text.splitlines() if line.startswith("| NAT, IPv4, 60,000 flows"))
    assert row.count("2.20 [2.18, 2.22]") == 2
    assert row.endswith("≥ 2.0 / 2.5 | ✓ ✗ |")


def test_missed_targets_are_listed_with_their_bound() -> None:
    text = page.fill("{{missed}}", run_of(2.2))
    assert "NAT, IPv4, 60,000 flows, 7.3: 2.20 [2.18, 2.22] instead of ≥ 2.5 (IPVS)" in text
    assert "NAT, IPv4, 60,000 flows, 6.12" not in text


def test_table_for_a_terminal_is_at_most_80_columns_wide() -> None:
    lines = list(page.table(run_of(2.2), BENCHMARKS))
    assert len(lines) > 30
    assert max(map(len, lines)) <= 80


def test_figures_show_why_a_benchmark_ended() -> None:
    assert "| interval narrow |" in page.fill("{{figures}}", run_of(2.2))
    assert "| time over |" in page.fill("{{figures}}", run_of(2.2, spread=0.5))
    assert page.fill("{{wide}}", run_of(2.2, spread=0.5)).endswith(", the widest ±23 %")
    assert page.fill("{{wide}}", run_of(2.2)).startswith("0 of ")


def test_a_page_with_an_unknown_part_is_refused() -> None:
    with pytest.raises(LabError, match=r"has \{\{nothing\}\}; no such part"):
        page.fill("{{nothing}}", run_of(2))


@pytest.mark.parametrize(
    ("number", "unit", "wanted"),
    [
        (0.123, "s", "123 ms"),
        (1.5, "s", "1.50 s"),
        (2e-5, "s", "20.0 µs"),
        (1234.5, "ns", "1,234 ns"),
    ],
)
def test_values_have_three_digits_and_a_unit(number: float, unit: str, wanted: str) -> None:
    assert page.value(number, unit) == wanted


def test_results_are_equal_after_writing_and_reading(tmp_path: Path) -> None:
    found = run_of(1.234567891)
    found.write(tmp_path / "x.json")
    back = results.read(tmp_path / "x.json")
    assert back.records["nat4@6.12"].ratios["IPVS"].value == 1.23457
    back.write(tmp_path / "y.json")
    assert (tmp_path / "x.json").read_text() == (tmp_path / "y.json").read_text()


def test_pictures_are_at_most_six_and_show_every_variant() -> None:
    drawn = chart.pictures(run_of(2.2))
    assert 0 < len(drawn) <= 6
    for text in drawn.values():
        ElementTree.fromstring(text)
    assert all(f">{label}<" in drawn["nat4"] for label in ("ippfvs", "IPVS", "plain", "limit"))


def test_the_longer_bar_has_the_larger_figure() -> None:
    bars = [chart.Bar("a", Estimate(1, 1, 1, 9)), chart.Bar("b", Estimate(3, 3, 3, 9))]
    rows = ElementTree.fromstring(chart.draw("t", bars)).findall("{*}rect")[1:]
    widths = [float(each.attrib["width"]) for each in rows]
    assert widths[1] == pytest.approx(3 * widths[0], rel=0.01)


def test_runs_agree_only_if_their_intervals_meet(tmp_path: Path) -> None:
    assert repeat.agree([(1.9, 2.1), (2.0, 2.2), (2.05, 2.3)])
    assert not repeat.agree([(1.9, 2.0), (2.05, 2.2)])
    runs = [
        {"when": "a", "commit": "c", "load": "0", "ratios": {"nat4@6.12 | IPVS": [2, 1.9, 2.1]}},
        {"when": "b", "commit": "c", "load": "0", "ratios": {"nat4@6.12 | IPVS": [3, 2.9, 3.1]}},
    ]
    (tmp_path / "x").write_text(json.dumps(runs))
    text = repeat.table(tmp_path / "x")
    assert "0 of 1 ratios agree" in text
    assert "| nat4@6.12 | IPVS | 2.00 [1.90, 2.10] | 3.00 [2.90, 3.10] | no |" in text


def test_the_page_in_the_tree_has_the_figures_in_the_tree() -> None:
    wanted = page.fill((DOCS / "performance/page.md").read_text(), results.read(FIGURES))
    written = (DOCS / page.PAGE).read_text()
    assert written.split("-->\n", 1)[1] == wanted


def test_the_pictures_in_the_tree_are_those_that_the_page_shows() -> None:
    drawn = chart.pictures(results.read(FIGURES))
    files = {file.stem: file.read_text() for file in (DOCS / "performance").glob("*.svg")}
    assert files == drawn
    shown = (DOCS / page.PAGE).read_text()
    assert all(f"performance/{name}.svg" in shown for name in files)
