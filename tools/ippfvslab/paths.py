# SPDX-License-Identifier: GPL-2.0
"""Where things are: the source tree, the cache and the folders in it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ippfvs"
PYTHON = Path(sys.prefix) / "bin" / "python"

PACKAGES = CACHE / "packages"
KERNELS = CACHE / "kernels"
SOURCES = CACHE / "sources"
MODULES = CACHE / "modules"
PROGRAMS = CACHE / "programs"
RUNS = CACHE / "runs"


@contextmanager
def locked(what: str) -> Iterator[None]:
    """Make WHAT in the cache while nobody else does."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"lock-{what}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def digest(files: Iterable[Path]) -> str:
    """A short name for the names and contents of FILES."""
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(os.path.relpath(file, TREE).encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()[:16]
