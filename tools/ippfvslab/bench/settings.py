# SPDX-License-Identifier: GPL-2.0
"""What was in force, and what was seen, while a question was measured."""

from __future__ import annotations

import os
import platform
from pathlib import Path

Notes = dict[str, dict[str, str]]
"""By who: names and values."""
_noted: Notes = {}
_seen: Notes = {}


def note(who: str, found: dict[str, str]) -> None:
    """Keep what is in force for WHO while the present question is measured, by the kernel."""
    _noted.setdefault(who, {}).update(found)


def saw(who: str, facts: dict[str, str]) -> None:
    """Keep what was seen of WHO beside the figures of the present question."""
    _seen.setdefault(who, {}).update(facts)


def taken() -> tuple[Notes, Notes]:
    """All that was noted, and all that was seen, since the last call."""
    taken = dict(_noted), dict(_seen)
    _noted.clear()
    _seen.clear()
    return taken


def guest() -> dict[str, str]:
    """The guest itself."""
    memory = Path("/proc/meminfo").read_text().split()[1]
    return {
        "kernel": platform.release(),
        "built": Path("/proc/version").read_text().strip(),
        "CPUs": str(os.cpu_count()),
        "memory": f"{int(memory) >> 10} MiB",
        "preemption": _preemption(),
    }


def _preemption() -> str:
    version = Path("/proc/sys/kernel/version").read_text()
    return next((word for word in version.split() if "PREEMPT" in word), "none")
