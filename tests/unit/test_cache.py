# SPDX-License-Identifier: GPL-2.0
"""The lab's cache removes what was not used for some time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ippfvslab import paths

TICK_S = 0.05
"""This is longer than a tick of the clock that file systems use."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the cache an empty folder."""
    monkeypatch.setattr(paths, "CACHE", tmp_path)
    for name in ("KERNELS", "SOURCES", "PACKAGES", "MODULES"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
    return tmp_path


def _build(folder: Path) -> Path:
    """Create a finished build and return its READY file."""
    folder.mkdir(parents=True)
    ready = folder / paths.READY
    ready.touch()
    return ready


def _remove_unused_since(when: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the files that were not used after WHEN."""
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: when + paths.UNUSED_S)
        paths.remove_unused()


def _now() -> float:
    """Return a time that differs from those of all files before and after it."""
    time.sleep(TICK_S)
    now = time.time()
    time.sleep(TICK_S)
    return now


def test_an_unused_build_is_removed_and_a_used_one_stays(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unused, used = (_build(paths.KERNELS / name) for name in ("unused", "used"))
    now = _now()
    assert paths.use(used)
    _remove_unused_since(now, monkeypatch)
    assert [each.name for each in paths.KERNELS.iterdir()] == ["used"]
    assert not paths.use(unused)


def test_an_unused_package_is_removed_and_a_new_one_stays(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths.PACKAGES.mkdir()
    (paths.PACKAGES / "old.deb").touch()
    now = _now()
    new = paths.PACKAGES / "new.deb"
    new.touch()
    os.utime(new, (0, 0))  # a program that unpacks an archive may set such a date
    _remove_unused_since(now, monkeypatch)
    assert [each.name for each in paths.PACKAGES.iterdir()] == ["new.deb"]


def test_an_empty_cache_needs_no_removal(cache: Path) -> None:
    paths.remove_unused()
    assert not paths.use(paths.SOURCES / "linux")
