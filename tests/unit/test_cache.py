# SPDX-License-Identifier: GPL-2.0
"""The lab's cache removes what was not used for 30 days."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ippfvslab import paths

OLD = time.time() - paths.UNUSED_S - 60


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the cache an empty folder."""
    monkeypatch.setattr(paths, "CACHE", tmp_path)
    for name in ("KERNELS", "SOURCES", "PACKAGES", "MODULES"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
    return tmp_path


def _build(folder: Path) -> Path:
    """Create a finished build whose last use was long ago; return its READY file."""
    folder.mkdir(parents=True)
    ready = folder / paths.READY
    ready.touch()
    for each in (ready, folder):
        os.utime(each, (OLD, OLD))
    return ready


def test_an_unused_build_is_removed_and_a_used_one_stays(cache: Path) -> None:
    unused, used = (_build(paths.KERNELS / name) for name in ("unused", "used"))
    assert paths.use(used)
    paths.remove_unused()
    assert [each.name for each in paths.KERNELS.iterdir()] == ["used"]
    assert not paths.use(unused)


def test_an_unused_package_is_removed(cache: Path) -> None:
    paths.PACKAGES.mkdir()
    for name, when in (("old.deb", OLD), ("new.deb", time.time())):
        (paths.PACKAGES / name).touch()
        os.utime(paths.PACKAGES / name, (when, when))
    paths.remove_unused()
    assert [each.name for each in paths.PACKAGES.iterdir()] == ["new.deb"]


def test_an_empty_cache_needs_no_removal(cache: Path) -> None:
    paths.remove_unused()
    assert not paths.use(paths.SOURCES / "linux")
