# SPDX-License-Identifier: GPL-2.0
"""What was in force while something was measured, as read from the running kernel."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_noted: dict[str, dict[str, str]] = {}


def note(who: str, found: dict[str, str]) -> None:
    """Keep what is in force for WHO while the present question is measured."""
    _noted.setdefault(who, {}).update(found)


def taken() -> dict[str, dict[str, str]]:
    """All that was noted since the last call."""
    noted = dict(_noted)
    _noted.clear()
    return noted


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
