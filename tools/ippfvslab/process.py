# SPDX-License-Identifier: GPL-2.0
"""Processes that cannot outlive the lab, and commands whose failure explains itself."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from ippfvslab.say import Trouble

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """To run in a child before exec: SIGKILL it when the thread that made it ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def cage(command: Sequence[str]) -> list[str]:
    """COMMAND in a PID namespace of its own, so that its whole family dies with its first process.

    A process group is not enough: QEMU and User-Mode Linux start helpers that leave it.
    """
    return ["unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--", *command]


def in_root(root: Path | None, command: Sequence[str | Path], visible: Path) -> list[str | Path]:
    """COMMAND in the system below ROOT, which sees the folder VISIBLE where it is, and /proc."""
    if root is None:
        return list(command)
    script = (
        'mkdir -p "$0$1" && mount --bind "$1" "$0$1" && mount -t proc proc "$0/proc" && '
        'root=$0 && shift && exec chroot "$root" "$@"'
    )
    return ["unshare", "--mount", "sh", "-c", script, root, visible, *command]


def obey_sigterm() -> None:
    """Make SIGTERM and SIGHUP unwind like Ctrl-C, so that every `finally` runs."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)


def _gist(output: str) -> str:
    """The compiler's errors in OUTPUT, or its end."""
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
    """Run COMMAND to its end and return its output; a failure is a Trouble that shows the end."""
    words = [str(word) for word in command]
    done = subprocess.run(
        cage(words),
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
        command = " ".join(words[:4]) + (" …" if words[4:] else "")
        raise Trouble(f"{command} ended with {done.returncode}{where}\n{_gist(done.stdout)}")
    return done.stdout
