# SPDX-License-Identifier: GPL-2.0
"""Each guest with one CPU is pinned to a separate CPU, as long as a CPU is free."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from ippfvslab import machine, paths


@pytest.fixture
def guests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitStack]:
    """Provide a machine without other guests. The guests of the test end after it."""
    monkeypatch.setattr(paths, "CACHE", tmp_path)
    with ExitStack() as stack:
        yield stack


def test_each_guest_gets_its_own_cpu_while_one_is_free(guests: ExitStack) -> None:
    cpus = sorted(os.sched_getaffinity(0), reverse=True)
    assert [guests.enter_context(machine.reserve_cpu()) for _ in cpus] == cpus
    assert guests.enter_context(machine.reserve_cpu()) is None


def test_the_cpu_of_an_ended_guest_is_free_again(guests: ExitStack) -> None:
    first = guests.enter_context(machine.reserve_cpu())
    guests.close()
    assert guests.enter_context(machine.reserve_cpu()) == first


def test_a_pinned_command_runs_on_one_cpu() -> None:
    last = max(os.sched_getaffinity(0))
    command = ["sh", "-c", "grep Cpus_allowed_list /proc/self/status"]
    output = subprocess.run(
        [*machine.pin_to(last), *command], capture_output=True, text=True, check=True
    ).stdout
    assert output.split() == ["Cpus_allowed_list:", str(last)]
    assert machine.pin_to(None) == []
