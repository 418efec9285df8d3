# SPDX-License-Identifier: GPL-2.0
"""The folders of the lab: the source tree, the cache, and the folders in the cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import time
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

READY = "ready"
"""The file that marks a finished build in KERNELS or MODULES."""
UNUSED_S = 30 * 86_400
_REMOVED = ".removed"


@contextmanager
def locked(what: str) -> Iterator[None]:
    """Hold the lock of WHAT, so that only one process creates it in the cache."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"lock-{what}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def use(entry: Path) -> bool:
    """Return whether ENTRY exists in the cache, and record that it was used now.

    ENTRY is a file or folder of the cache, or the READY file of a build.
    """
    with locked("use"):
        if not entry.exists():
            return False
        os.utime(entry)
        return True


def remove_unused() -> None:
    """Remove kernels, sources, packages and module builds that were not used for UNUSED_S.

    They are renamed under the lock of use(). So a process that has called use() keeps its files,
    and any other process builds them again.
    """
    limit = time.time() - UNUSED_S
    removed = []
    with locked("use"):
        for folder in (KERNELS, SOURCES, PACKAGES, MODULES):
            for entry in folder.iterdir() if folder.exists() else ():
                if _last_use(entry) < limit:
                    target = entry.with_name(entry.name.removesuffix(_REMOVED) + _REMOVED)
                    removed.append(entry.rename(target))
    for entry in removed:
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _last_use(entry: Path) -> float:
    """Return the time when ENTRY was created or last used.

    use() also changes st_ctime. Programs that unpack archives set st_mtime to other dates.
    """
    ready = entry / READY
    times = [each.stat().st_ctime for each in (entry, ready) if each.exists()]
    return max(times, default=time.time())


def digest(files: Iterable[Path]) -> str:
    """Return a short hash of the names and contents of FILES."""
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(os.path.relpath(file, TREE).encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()[:16]
