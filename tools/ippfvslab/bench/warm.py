# SPDX-License-Identifier: GPL-2.0
"""User-Mode Linux gets its memory from the host page by page, at first touch: touch all of it.

Otherwise the first lane that uses a page would pay for the host's page fault.
"""

from __future__ import annotations

import os
from pathlib import Path

from ippfvslab.bench.shell import run

_LEAVE = 200 << 20


def touch_memory() -> None:
    """Have a file in memory take nearly all that is free, and drop it."""
    free = next(
        int(line.split()[1]) << 10
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemAvailable:")
    )
    mount = Path("/run/warm")
    mount.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={free}", "tmpfs", str(mount))
    try:
        with (mount / "all").open("wb") as file:
            # Room in a tmpfs is made by clearing pages, which is to touch them.
            os.posix_fallocate(file.fileno(), 0, max(1, free - _LEAVE))
    finally:
        run("umount", str(mount))
