# SPDX-License-Identifier: GPL-2.0
"""A command from exec to exit: how long, and how much memory it held at most."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True)
class Lap:
    """How one run of a command went."""

    seconds: float
    peak_bytes: int
    """The most memory that it held."""
    lines: int
    """How many lines it printed."""
    last: str
    """The last of them."""


def timed(*command: str, text: Path | None = None) -> Lap:
    """Run COMMAND with the file TEXT as its standard input; a failure raises, and shows why."""
    output, complaints = Path("/tmp/output"), Path("/tmp/complaints")
    with (
        (text or Path("/dev/null")).open("rb") as source,
        output.open("wb") as printed,
        complaints.open("wb") as said,
    ):
        seconds, peak_kib, status = _run(command, source, printed, said)
    if status:
        raise RuntimeError(f"{' '.join(command)}: {status}: {complaints.read_text()[:500]}")
    lines, last = _lines(output)
    return Lap(seconds, peak_kib << 10, lines, last)


def _lines(file: Path) -> tuple[int, str]:
    """How many lines FILE has, and the last of them; it may be larger than memory."""
    count, last = 0, b""
    with file.open("rb") as lines:
        for line in lines:
            count, last = count + 1, line
    return count, last.decode().strip()


def _run(
    command: tuple[str, ...], source: BinaryIO, printed: BinaryIO, said: BinaryIO
) -> tuple[float, int, int]:
    began = time.perf_counter()
    process = subprocess.Popen(command, stdin=source, stdout=printed, stderr=said)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    return seconds, usage.ru_maxrss, process.returncode
