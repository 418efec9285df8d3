# SPDX-License-Identifier: GPL-2.0
"""User-Mode Linux gets its memory from the host page by page, at first touch: touch all of it.

Otherwise the first lane that uses a page would pay for the host's page fault.
"""

from __future__ import annotations

from pathlib import Path

from ippfvslab.bench.shell import run

_LEAVE_KIB = 200 << 10
_PIECE = bytes(1 << 20)


def touch_memory() -> None:
    """Fill a file in memory with nearly all that is free, and drop it."""
    free = next(
        int(line.split()[1])
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemAvailable:")
    )
    pieces = max(0, free - _LEAVE_KIB) >> 10
    mount = Path("/run/warm")
    mount.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={pieces + 8}m", "tmpfs", str(mount))
    try:
        with (mount / "all").open("wb", buffering=0) as file:
            for _ in range(pieces):
                file.write(_PIECE)
    finally:
        run("umount", str(mount))
