# SPDX-License-Identifier: GPL-2.0
"""A CPU for each guest that has one, as long as there are any."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from ippfvslab import cpu, paths


@pytest.fixture
def guests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitStack]:
    """Give guests of a machine with nobody else's; they end after the test."""
    monkeypatch.setattr(paths, "CACHE", tmp_path)
    with ExitStack() as stack:
        yield stack


def test_each_guest_has_its_own_cpu_while_there_are_any(guests: ExitStack) -> None:
    there = sorted(os.sched_getaffinity(0), reverse=True)
    assert [guests.enter_context(cpu.own()) for _ in there] == there
    assert guests.enter_context(cpu.own()) is None


def test_a_guest_gives_its_cpu_back(guests: ExitStack) -> None:
    first = guests.enter_context(cpu.own())
    guests.close()
    assert guests.enter_context(cpu.own()) == first


def test_a_command_is_kept_on_one_cpu() -> None:
    last = max(os.sched_getaffinity(0))
    asks = ["sh", "-c", "grep Cpus_allowed_list /proc/self/status"]
    told = subprocess.run(
        [*cpu.keep_on(last), *asks], capture_output=True, text=True, check=True
    ).stdout
    assert told.split() == ["Cpus_allowed_list:", str(last)]
    assert cpu.keep_on(None) == []
