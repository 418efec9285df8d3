# SPDX-License-Identifier: GPL-2.0
"""In the guest: what a probe that fails leaves, and what is said of it."""

from __future__ import annotations

import importlib
import json
import math
import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
from ippfvslab.bench import machine, measure, settings
from ippfvslab.bench.rounds import Rounds, interleave

KINDS = {
    "RuntimeError": (
        RuntimeError("3 of 5 packets\n were forwarded"),
        "3 of 5 packets were forwarded",
    ),
    "KeyError": (KeyError("IPVS"), "KeyError: 'IPVS'"),
    "no words": (RuntimeError(), "RuntimeError: "),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_is_one_line(kind: str) -> None:
    fault, said = KINDS[kind]
    assert measure.sentence(fault) == said


def test_a_probe_that_fails_is_told_in_a_line_and_its_traceback_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(*_: object) -> NoReturn:
        raise RuntimeError("no packet came out")

    monkeypatch.setenv("IPPFVS_RUN", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["measure", "--rounds=3", "nat4", "tun4"])
    monkeypatch.setattr(importlib, "import_module", lambda _: SimpleNamespace(ask=ask))
    monkeypatch.setattr(measure, "touch_memory", lambda: None)
    monkeypatch.setattr(settings, "guest", dict)
    assert measure.main() == 0
    printed = capsys.readouterr().out
    log = tmp_path / "tracebacks"
    assert f"!! nat4 failed: no packet came out (traceback in {log})\n" in printed
    assert "Traceback" not in printed
    assert log.read_text().count("Traceback") == 2
    records = json.loads((tmp_path / "figures.json").read_text())["records"]
    assert [each["trouble"] for each in records.values()] == ["no packet came out"] * 2


@pytest.mark.parametrize(("left", "done"), [(0.0, 2), (25.0, 2), (35.0, 3), (math.inf, 5)])
def test_no_round_begins_that_would_end_too_late(
    left: float, done: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def once(_lane: str) -> float:
        now[0] += 10.0
        return 1.0

    figures = interleave(["ippfvs"], Rounds(5, until=100.0 + left), once)
    assert len(figures["ippfvs"]) == done


def test_rounds_cut_short_are_the_same_rounds() -> None:
    assert Rounds(3, until=1.0) == Rounds(3)
    assert len({Rounds(3, until=1.0), Rounds(3), Rounds(2)}) == 2


def test_a_quick_run_shares_its_time_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Rounds] = []

    def ask(_question: object, rounds: Rounds, _quick: bool) -> dict[str, list[float]]:
        asked.append(rounds)
        return {}

    monkeypatch.setenv("IPPFVS_RUN", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["measure", "--quick", "--rounds=3", "nat4", "command"])
    monkeypatch.setattr(importlib, "import_module", lambda _: SimpleNamespace(ask=ask))
    monkeypatch.setattr(measure, "touch_memory", lambda: None)
    monkeypatch.setattr(settings, "guest", dict)
    began = time.monotonic()
    measure.main()
    assert [each.most for each in asked] == [3, 3]
    first, second = (each.until - began for each in asked)
    assert second - first == pytest.approx(measure.QUICK_S / 2)
    assert first == pytest.approx(measure.QUICK_S / 2, abs=5)


def test_the_load_is_of_three_times() -> None:
    assert re.fullmatch(
        r"\d+\.\d+, \d+\.\d+, \d+\.\d+ in the last 1, 5, 15 minutes", machine.load()
    )
