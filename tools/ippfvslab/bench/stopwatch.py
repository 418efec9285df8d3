# SPDX-License-Identifier: GPL-2.0
"""A command from exec to exit: how long it took, or how much memory it held at most."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_OUTPUT, _COMPLAINTS = Path("/tmp/output"), Path("/tmp/complaints")
_LOOK_S = 0.02


@dataclass(frozen=True)
class Lap:
    """How one run of a command went."""

    seconds: float
    lines: int
    """How many lines it printed."""
    last: str
    """The last of them."""


def timed(*command: str, text: Path | None = None) -> Lap:
    """Run COMMAND with the file TEXT as its standard input; a failure raises, and shows why."""
    began = time.perf_counter()
    process = _start(command, text)
    process.wait()
    return _lap(process, time.perf_counter() - began)


def peak_bytes(*command: str) -> tuple[int, Lap]:
    """Run COMMAND and answer the most memory that it was seen to hold, and how it went.

    It is looked at now and then, by the mark of its highest tide: what the kernel tells at its end
    (getrusage) begins with the memory of the process that started it.
    """
    began, peak = time.perf_counter(), 0
    process = _start(command, None)
    while process.poll() is None:
        peak = _tide(process.pid) or peak
        time.sleep(_LOOK_S)
    return peak, _lap(process, time.perf_counter() - began)


def _tide(pid: int) -> int:
    """The most memory that the program which runs as PID has held; 0 when it is over."""
    status = ""
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) << 10 if found else 0


def _start(command: tuple[str, ...], text: Path | None) -> subprocess.Popen[bytes]:
    with (
        (text or Path(os.devnull)).open("rb") as source,
        _OUTPUT.open("wb") as printed,
        _COMPLAINTS.open("wb") as said,
    ):
        return subprocess.Popen(
            command, stdin=source, stdout=printed, stderr=said, env=_environment()
        )


def _environment() -> dict[str, str]:
    """As a user's: the lab has Python write every line at once."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def _lap(process: subprocess.Popen[bytes], seconds: float) -> Lap:
    if process.returncode:
        said = _COMPLAINTS.read_text(errors="replace")[:500]
        raise RuntimeError(f"{process.args!r} ended with {process.returncode}: {said}")
    count, last = 0, b""
    with _OUTPUT.open("rb") as lines:  # which may be more than memory
        for line in lines:
            count, last = count + 1, line
    return Lap(seconds, count, last.decode().strip())
