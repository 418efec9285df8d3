# SPDX-License-Identifier: GPL-2.0
"""Real HTTP: what wrk printed, and which rounds count."""

from __future__ import annotations

import dataclasses

import pytest
from ippfvslab.bench import wrk
from ippfvslab.bench.probes.http import Run, judge

OUTPUT = """\
Running 3s test @ http://10.0.0.100:80/
  2 threads and 16 connections
  30000 requests in 3.00s, 8.58MB read
Requests/sec:  10000.00

{"requests": 30000, "microseconds": 3000000, "bytes": 9000000, "errors": 0, \
"p50_us": 1500.000000, "p99_us": 4200.000000}
"""
SEEN = wrk.parse(OUTPUT)
CAME = [90_000, 90_000]


def test_what_wrk_saw() -> None:
    assert wrk.Seen(30_000, 3_000_000, 9_000_000, 0, 1500.0, 4200.0) == SEEN
    assert SEEN.rate == 10_000


def test_figures_of_a_run() -> None:
    run = Run(SEEN, busy_s=2.7)
    assert [run.figure("rate"), run.figure("p50"), run.figure("p99")] == [10_000, 0.0015, 0.0042]
    assert run.figure("cpu") == pytest.approx(0.00009)


@pytest.mark.parametrize(
    ("change", "came", "made"),
    [
        ({"errors": 1}, CAME, 16),
        ({"requests": 0}, CAME, 16),
        ({"bytes": 30_000 * 100}, CAME, 16),  # shorter than the page that is asked for
        ({}, [170_000, 10_000], 16),  # not balanced
        ({}, [300, 300], 16),  # not by these servers
        ({}, CAME, 15),
        ({}, CAME, 30_000),  # connections were not kept
    ],
)
def test_a_round_without_its_work_does_not_count(
    change: dict[str, int], came: list[int], made: int
) -> None:
    judge("ippfvs", SEEN, CAME, 18, close=False)
    with pytest.raises(RuntimeError, match="ippfvs"):
        judge("ippfvs", dataclasses.replace(SEEN, **change), came, made, close=False)


def test_a_connection_for_each_request() -> None:
    judge("ippfvs", SEEN, CAME, 30_016, close=True)
    judge("plain", SEEN, CAME, None, close=True)
    with pytest.raises(RuntimeError, match="29999 connections"):
        judge("ippfvs", SEEN, CAME, 29_999, close=True)
    assert "-c16" in wrk.options(3, close=False)
    assert "Connection: close" in wrk.options(3, close=True)
