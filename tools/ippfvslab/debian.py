# SPDX-License-Identifier: GPL-2.0
"""Debian packages as files, which are downloaded and unpacked, but not installed.

Programs that run on this machine come from the machine's own release, through its apt configuration
(HERE). Kernels come from several releases, through an apt configuration in the cache with the same
mirror (kernels()).
"""

from __future__ import annotations

import functools
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ippfvslab import log, paths, process
from ippfvslab.log import LabError

_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
_SUITES = ("bookworm", "trixie", "trixie-backports")
_SECURITY_SUITES = ("bookworm-security",)
_LISTS_AGE_S = 86_400


@dataclass(frozen=True)
class Archive:
    """A set of Debian releases. If CONFIG is empty, it is the machine's own release."""

    config: str = ""

    def apt(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        """Run an apt program for this archive and return its output."""
        return process.run(arguments, cwd=cwd, env={"LC_ALL": "C", "APT_CONFIG": self.config})

    def newest(self, pattern: str) -> str:
        """Return the newest package whose whole name matches the regular expression."""
        names = self.apt("apt-cache", "pkgnames", re.split(r"[\\\[(.]", pattern)[0]).split()
        matching = [name for name in names if re.fullmatch(pattern, name)]
        if not matching:
            raise LabError(f"Debian's archive offers no package {pattern}; run apt-get update")
        return max(matching, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])

    def version(self, package: str) -> str:
        """Return the version of PACKAGE that apt would install or download."""
        found = re.search(r"Candidate: (\S+)", self.apt("apt-cache", "policy", package))
        if not found or found[1] == "(none)":
            raise LabError(f"Debian's archive offers no package {package}; run apt-get update")
        return found[1]

    def depends(self, package: str, pattern: str) -> str:
        """Return the name of the dependency of PACKAGE that matches PATTERN."""
        for name in re.findall(r"Depends: (\S+)", self.apt("apt-cache", "depends", package)):
            if re.fullmatch(pattern, name):
                return str(name)
        raise LabError(f"the Debian package {package} depends on nothing like {pattern}")

    def download(self, package: str) -> Path:
        """Return the .deb file of PACKAGE in the cache. It is downloaded if it is not there yet."""
        paths.PACKAGES.mkdir(parents=True, exist_ok=True)
        stem = f"{package}_{self.version(package).replace(':', '%3a')}_"
        if (have := _stored(paths.PACKAGES, stem)) and paths.use(have):
            return have
        # The download goes to another folder, so an interrupted one never looks complete.
        with tempfile.TemporaryDirectory(dir=paths.PACKAGES) as part:
            self.apt("apt-get", "download", "-qq", package, cwd=Path(part))
            if not (new := _stored(Path(part), stem)):
                raise LabError(f"apt-get download {package} brought no file {stem}*.deb")
            return new.rename(paths.PACKAGES / new.name)

    def unpack(self, packages: Sequence[str], folder: Path) -> None:
        """Unpack PACKAGES into FOLDER: all of them or, if anything fails, none."""
        half = folder.with_name(folder.name + ".part")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        for package in packages:
            process.run(["dpkg", "-x", self.download(package), half])
        shutil.rmtree(folder, ignore_errors=True)
        half.rename(folder)


HERE = Archive()


def _stored(folder: Path, stem: str) -> Path | None:
    return next((deb for deb in folder.glob("*.deb") if deb.name.startswith(stem)), None)


def mirror() -> str:
    """Return the URI of the main Debian archive that this machine's apt uses."""
    return _mirrors()[0]


def _mirrors() -> tuple[str, str]:
    """Return the URIs of Debian's main archive and of its security archive."""
    fields = "$(ORIGIN) $(CODENAME) $(REPO_URI)"
    targets = HERE.apt("apt-get", "indextargets", "--format", fields, "Created-By: Packages")
    main = security = ""
    for line in targets.splitlines():
        origin, codename, uri = line.rsplit(" ", 2)
        if origin == "Debian" and "security" in f"{codename} {uri}":
            security = uri
        elif origin == "Debian":
            main = main or uri
    if not main or not security:
        raise LabError(
            "apt knows no Debian archive with its security archive; "
            "add both to /etc/apt/sources.list and run apt-get update"
        )
    return main, security


@functools.cache
def kernels() -> Archive:
    """Return the releases of Debian that have kernels for the lab.

    The package lists are at most one day old. If they cannot be updated, older lists are used as
    long as the cache has the packages that they name.
    """
    home = paths.CACHE / "apt"
    archive = Archive(str(home / "apt.conf"))
    with paths.locked("apt"):
        stamp = home / "updated"
        if stamp.exists() and time.time() - stamp.stat().st_mtime < _LISTS_AGE_S:
            return archive
        (home / "lists/partial").mkdir(parents=True, exist_ok=True)
        main, security = _mirrors()
        sources = [(main, suite) for suite in _SUITES]
        sources += [(security, suite) for suite in _SECURITY_SUITES]
        (home / "sources.list").write_text(
            "".join(f"deb [signed-by={_KEYS}] {uri} {suite} main\n" for uri, suite in sources)
        )
        (home / "apt.conf").write_text(
            f'Dir::Etc::sourcelist "{home}/sources.list";\nDir::Etc::sourceparts "-";\n'
            f'Dir::State::lists "{home}/lists";\nDir::State::status "{home}/status";\n'
            'Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n'
            'APT::Sandbox::User "root";\nAcquire::Languages "none";\n'
        )
        (home / "status").touch()
        try:
            archive.apt("apt-get", "update", "-qq", "--error-on=any")
        except LabError as error:
            if not stamp.exists():
                raise
            log.line(f"-- the kernel package lists could not be updated: {error}")
        else:
            stamp.touch()
    return archive


def program(package: str, path: str) -> Path:
    """Return PATH of PACKAGE, unpacked in the cache. Debian 13 has all programs below usr."""
    folder = unpacked([package])
    return next(file for file in (folder / path, folder / "usr" / path) if file.exists())


def unpacked(packages: Sequence[str]) -> Path:
    """Unpack PACKAGES, a program and its libraries, into one folder, and return it."""
    folder = paths.PROGRAMS / f"{packages[0]}_{HERE.version(packages[0])}"
    with paths.locked("programs"):
        if not folder.exists():
            HERE.unpack(packages, folder)
    return folder


def busybox() -> Path:
    """Return the program that virtme puts into its initial RAM disk."""
    return program("busybox-static", "bin/busybox")
