# SPDX-License-Identifier: GPL-2.0
"""What memory the kernel has given away, as it tells itself: /proc/slabinfo and /proc/meminfo."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PAGE = 4096


@dataclass(frozen=True)
class Ledger:
    """One reading."""

    slabs: int
    """Bytes of the pages of all slab caches."""
    vmalloc: int
    """Bytes of all areas of vmalloc."""
    free: int
    """Bytes that nobody has, those in the CPUs' own lists of free pages among them."""

    @classmethod
    def read(cls) -> Ledger:
        """Read it, without what the page cache holds for a while."""
        Path("/proc/sys/vm/drop_caches").write_text("3")
        meminfo = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        return cls(
            slabs=slab_bytes(Path("/proc/slabinfo").read_text()),
            vmalloc=_kib(meminfo["VmallocUsed"]),
            free=_kib(meminfo["MemFree"]) + listed_bytes(Path("/proc/zoneinfo").read_text()),
        )

    def taken_since(self, before: Ledger) -> int:
        """Bytes taken since BEFORE: told by slabs and vmalloc, or missing; the larger one.

        What is missing tells of pages that were taken neither way; it knows of noise, too.
        """
        told = self.slabs - before.slabs + self.vmalloc - before.vmalloc
        return max(told, before.free - self.free)


def slab_bytes(slabinfo: str) -> int:
    """Bytes of the pages of all caches in the text of /proc/slabinfo."""
    total = 0
    for line in slabinfo.splitlines()[2:]:
        cache, _, slabdata = line.partition(" : slabdata")
        total += int(slabdata.split()[1]) * int(cache.split()[5]) * PAGE
    return total


def listed_bytes(zoneinfo: str) -> int:
    """Bytes of free pages that CPUs keep for themselves: as much as an eighth of the memory."""
    words = (line.split() for line in zoneinfo.splitlines())
    return PAGE * sum(int(line[1]) for line in words if line[:1] == ["count:"])


def _kib(text: str) -> int:
    return int(text.split()[0]) << 10


def settled(read: Callable[[], int], still_s: float = 3.0, limit_s: float = 120.0) -> int:
    """What READ answers once it has answered the same for STILL_S seconds."""
    began = since = time.monotonic()
    value = read()
    while (now := time.monotonic()) - since < still_s:
        if now - began > limit_s:
            raise RuntimeError(f"no rest within {limit_s:.0f} s: {value}")
        time.sleep(0.2)
        if (again := read()) != value:
            value, since = again, time.monotonic()
    return value
