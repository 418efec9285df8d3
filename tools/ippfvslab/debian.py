# SPDX-License-Identifier: GPL-2.0
"""Debian packages as files: find the newest, fetch, unpack into the cache, install nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ippfvslab import paths, process
from ippfvslab.say import Trouble


def newest(pattern: str) -> str:
    """The name of the newest package whose whole name matches the regular expression PATTERN."""
    names = process.run(["apt-cache", "pkgnames", re.split(r"[\\\[(.]", pattern)[0]]).split()
    matching = [name for name in names if re.fullmatch(pattern, name)]
    if not matching:
        raise Trouble(
            f"Debian's archive offers no package {pattern}; "
            "run apt-get update, and check that bookworm-security is in /etc/apt/sources.list"
        )
    return max(matching, key=_order)


def _order(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]


def version(package: str) -> str:
    """The version of PACKAGE that apt would install."""
    policy = process.run(["apt-cache", "policy", package], env={"LC_ALL": "C"})
    found = re.search(r"Candidate: (\S+)", policy)
    if not found or found[1] == "(none)":
        raise Trouble(f"Debian's archive offers no package {package}; run apt-get update")
    return found[1]


def depends(package: str, pattern: str) -> str:
    """The name of the dependency of PACKAGE that matches PATTERN."""
    answer = process.run(["apt-cache", "depends", package], env={"LC_ALL": "C"})
    for name in re.findall(r"Depends: (\S+)", answer):
        if re.fullmatch(pattern, name):
            return str(name)
    raise Trouble(f"the Debian package {package} depends on nothing like {pattern}")


def fetch(package: str) -> Path:
    """The .deb of PACKAGE in the cache, downloaded when it is not there yet."""
    paths.PACKAGES.mkdir(parents=True, exist_ok=True)
    stem = f"{package}_{version(package).replace(':', '%3a')}_"
    if not (have := _stored(stem)):
        process.run(["apt-get", "download", "-qq", package], cwd=paths.PACKAGES)
        have = _stored(stem)
    if not have:
        raise Trouble(f"apt-get download {package} brought no file {stem}*.deb")
    return have


def program(package: str, path: str) -> Path:
    """PATH of PACKAGE, unpacked in the cache."""
    folder = paths.PROGRAMS / f"{package}_{version(package)}"
    with paths.locked("programs"):
        if not folder.exists():
            unpack([package], folder)
    return folder / path


def whole(packages: Sequence[str]) -> Path:
    """PACKAGES, the first of them a program, the others its libraries, unpacked into one folder."""
    folder = paths.PROGRAMS / f"{packages[0]}-whole_{version(packages[0])}"
    with paths.locked("programs"):
        if not folder.exists():
            unpack(list(packages), folder)
    return folder


def busybox() -> Path:
    """What virtme puts into its initial RAM disk."""
    return program("busybox-static", "bin/busybox")


def _stored(stem: str) -> Path | None:
    return next((deb for deb in paths.PACKAGES.glob("*.deb") if deb.name.startswith(stem)), None)


def unpack(packages: list[str], folder: Path) -> None:
    """Unpack PACKAGES into FOLDER: all of them or, when anything fails, none."""
    half = folder.with_name(folder.name + ".part")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    for package in packages:
        subprocess.run(["dpkg", "-x", str(fetch(package)), str(half)], check=True)
    shutil.rmtree(folder, ignore_errors=True)
    half.rename(folder)
