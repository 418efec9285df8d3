# SPDX-License-Identifier: GPL-2.0
"""Debian's programs for real HTTP, unpacked into the cache with the libraries that they need."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ippfvslab import debian, paths
from ippfvslab.say import Trouble


@dataclass(frozen=True)
class Program:
    """A program of Debian with the libraries that this machine need not have."""

    path: str
    packages: tuple[str, ...]

    def fetch(self) -> Path:
        """Where it is, fetched when the cache has none; for the machine, not for a guest."""
        return debian.whole(self.packages) / self.path

    def command(self, *words: str) -> list[str]:
        """What starts it with WORDS, in a guest."""
        folder = self.folder
        return [
            *("env", f"LD_LIBRARY_PATH={folder}/usr/lib/x86_64-linux-gnu"),
            *(str(folder / self.path), *words),
        ]

    @property
    def folder(self) -> Path:
        found = sorted(paths.PROGRAMS.glob(f"{self.packages[0]}-whole_*"))
        if not found:
            raise Trouble(f"the cache has no {self.packages[0]}; run tools/lab bench")
        return found[-1]


WRK = Program("usr/bin/wrk", ("wrk", "libluajit2-5.1-2"))
NGINX = Program("usr/sbin/nginx", ("nginx", "libnginx-mod-stream"))
HAPROXY = Program(
    "usr/sbin/haproxy",
    ("haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1"),
)
PROGRAMS = (WRK, NGINX, HAPROXY)
NAMES = tuple(program.packages[0] for program in PROGRAMS)
