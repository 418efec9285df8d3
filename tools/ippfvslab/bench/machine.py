# SPDX-License-Identifier: GPL-2.0
"""The machine that measures, and the tree that is measured."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ippfvslab import paths, process, say


def describe() -> dict[str, str]:
    """What the figures depend on."""
    cpu = Path("/proc/cpuinfo").read_text()
    memory = int(Path("/proc/meminfo").read_text().split()[1]) >> 20
    found = {
        "CPU": _of(cpu, "model name"),
        "caches": _caches(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory} GiB",
        "virtual": "yes" if " hypervisor" in cpu else "no",
    }
    return {name: value for name, value in found.items() if value}


def _caches() -> str:
    """Of the first CPU, from the nearest on."""
    folders = sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index[0-9]*"))
    known = [
        {name: (folder / name).read_text().strip() for name in ("level", "type", "size")}
        for folder in folders
    ]
    return ", ".join(
        f"L{each['level']} {each['size']}" for each in known if each["type"] != "Instruction"
    )


def load() -> str:
    """How many programs wanted a CPU lately: how quiet the machine is."""
    last = Path("/proc/loadavg").read_text().split()[:3]
    return f"{', '.join(last)} in the last 1, 5, 15 minutes"


def _of(cpu: str, name: str) -> str:
    found = re.search(rf"^{name}\s*: (.*)$", cpu, re.MULTILINE)
    return found[1].strip() if found else ""


def tree() -> str:
    """The commit in the source tree, and whether it was changed since."""
    try:
        return process.run(["git", "-C", paths.TREE, "describe", "--always", "--dirty"]).strip()
    except (say.Trouble, FileNotFoundError):
        return "not under git"
