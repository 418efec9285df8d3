# SPDX-License-Identifier: GPL-2.0
"""Processes that cannot outlive the lab, and commands whose failure has a clear message."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from ippfvslab.log import LabError

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """Make the kernel kill this process when its parent thread ends. Call it before exec."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def cage(command: Sequence[str]) -> list[str]:
    """Return the command line that runs COMMAND in a PID namespace, which is killed as a whole.

    A process group is not enough, because QEMU and User-Mode Linux start helpers that leave it.
    """
    return ["unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--", *command]


def in_root(root: Path | None, command: Sequence[str | Path], visible: Path) -> list[str | Path]:
    """Return the command line that runs COMMAND in ROOT, with VISIBLE and /proc mounted there."""
    if root is None:
        return list(command)
    script = (
        'mkdir -p "$0$1" && mount --bind "$1" "$0$1" && mount -t proc proc "$0/proc" && '
        'root=$0 && shift && exec chroot "$root" "$@"'
    )
    return ["unshare", "--mount", "sh", "-c", script, root, visible, *command]


def unwind_on_signals() -> None:
    """Make SIGTERM and SIGHUP raise KeyboardInterrupt, so that every `finally` runs."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)


def _errors_or_end(output: str) -> str:
    """Return the compiler's errors in OUTPUT, or its last lines."""
    lines = output.splitlines()
    errors = [line for line in lines if re.search(r"\berror: |^E: ", line)]
    return "\n".join(errors[:12] or lines[-20:])


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run COMMAND and return its output. A failure raises LabError with the errors."""
    arguments = [str(word) for word in command]
    done = subprocess.run(
        cage(arguments),
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        preexec_fn=die_with_parent,
        check=False,
    )
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(done.stdout)
    if done.returncode:
        where = f"; the whole log is {log}" if log else ""
        command = " ".join(arguments[:4]) + (" …" if arguments[4:] else "")
        raise LabError(
            f"{command} ended with {done.returncode}{where}\n{_errors_or_end(done.stdout)}"
        )
    return done.stdout
