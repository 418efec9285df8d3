# SPDX-License-Identifier: GPL-2.0
"""Reading the totals of a namespace never takes the lock that its changes need.

The reader needs no privilege, and the sum over many services takes long. The trace event of lockdep
tells who takes the lock, so this file needs a kernel with lockdep.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ippfvslab.farm import Farm

import pylvs
from tests.live.helpers.early_scheduling import TRACEFS, available
from tests.live.helpers.rulesets import grid

INSTANCE = TRACEFS / "instances/ippfvs-lock"
EVENT = INSTANCE / "events/lock/lock_acquire"
READINGS = 40
SERVICES = 3000


@contextmanager
def traced_lock() -> Iterator[Path]:
    """Record who takes the lock of any namespace. Yield the file that shows it."""
    available()
    INSTANCE.mkdir(exist_ok=True)
    try:
        (EVENT / "filter").write_text('name == "&ipn->lock"')
        (EVENT / "enable").write_text("1")
        yield INSTANCE / "trace"
    finally:
        (EVENT / "enable").write_text("0")
        INSTANCE.rmdir()


def takers(trace: Path) -> set[int]:
    """Return the threads of lines `task-123 [000] ...: lock_acquire: 0x... &ipn->lock`."""
    return {int(found) for found in re.findall(r"^.*?-(\d+) +\[", trace.read_text(), re.MULTILINE)}


@pytest.mark.farm(methods=["nat"], families=[4])
def test_totals_are_read_without_the_lock_while_rules_change(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    lvs.replace(grid(SERVICES, 2))
    service = lvs.services()[-1]
    readers: list[int] = []

    def read() -> None:
        with pylvs.Manager(netns=str(farm.director.path)) as reader:
            for _ in range(READINGS):
                reader.stats()
            readers.append(threading.get_native_id())

    with traced_lock() as trace:
        thread = threading.Thread(target=read)
        thread.start()
        changes = 0
        while thread.is_alive():
            lvs.edit_real(service, service.reals[0].endpoint, weight=changes % 100)
            changes += 1
        thread.join()
        seen = takers(trace)
    assert changes > READINGS
    assert threading.get_native_id() in seen  # so the event works
    assert readers
    assert not seen & set(readers)
