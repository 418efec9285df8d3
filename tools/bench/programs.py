# SPDX-License-Identifier: GPL-2.0
"""Debian's programs for HTTP, unpacked into the cache with the libraries that they need."""

from __future__ import annotations

from dataclasses import dataclass

from ippfvslab import debian, paths
from ippfvslab.say import Trouble


@dataclass(frozen=True)
class Program:
    """A program of Debian, with the libraries that this machine need not have."""

    path: str
    packages: tuple[str, ...]

    def command(self, *words: str) -> list[str]:
        """The command line that starts it with WORDS, in a guest."""
        found = sorted(paths.PROGRAMS.glob(f"{self.packages[0]}_*"))
        if not found:
            raise Trouble(f"the cache has no {self.packages[0]}; run tools/lab bench")
        library = f"{found[-1]}/usr/lib/x86_64-linux-gnu"
        return ["env", f"LD_LIBRARY_PATH={library}", str(found[-1] / self.path), *words]


WRK = Program("usr/bin/wrk", ("wrk", "libluajit2-5.1-2"))
NGINX = Program("usr/sbin/nginx", ("nginx",))


def fetch() -> None:
    """Fill the cache; for the machine, not for a guest."""
    for program in (WRK, NGINX):
        debian.whole(program.packages)
