# SPDX-License-Identifier: GPL-2.0
"""Commands in the guest, and Debian's HTTP programs, unpacked with their libraries."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from ippfvslab import debian, paths
from ippfvslab.log import LabError


def run(*command: str, text: str | None = None) -> str:
    """Run COMMAND and return its output. A failure raises RuntimeError with that output."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}".strip())
    return done.stdout


@dataclass(frozen=True)
class Program:
    """A program of Debian, and the packages of libraries that this machine may not have."""

    path: str
    packages: tuple[str, ...]

    def command(self, *arguments: str) -> list[str]:
        """Return the command line that starts the program with ARGUMENTS in a guest."""
        found = sorted(paths.PROGRAMS.glob(f"{self.packages[0]}_*"))
        if not found:
            raise LabError(f"the cache has no {self.packages[0]}; run tools/lab bench")
        library = f"{found[-1]}/usr/lib/x86_64-linux-gnu"
        return ["env", f"LD_LIBRARY_PATH={library}", str(found[-1] / self.path), *arguments]


WRK = Program("usr/bin/wrk", ("wrk", "libluajit2-5.1-2"))
NGINX = Program("usr/sbin/nginx", ("nginx",))


def fetch_programs() -> None:
    """Download the programs into the cache. This runs on the machine, not in a guest."""
    for program in (WRK, NGINX):
        debian.unpacked(program.packages)
