# SPDX-License-Identifier: GPL-2.0
"""Commands in the guest; a failure raises."""

from __future__ import annotations

import subprocess


def run(*command: str, text: str | None = None) -> str:
    """Run COMMAND to its end and return its output; a failure raises, and shows it."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}".strip())
    return done.stdout
