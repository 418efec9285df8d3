# SPDX-License-Identifier: GPL-2.0
"""ippfvsadm, the command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .program import Connect

__all__ = ["main"]

_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None, connect: Connect | None = None) -> int:
    """Run ippfvsadm and return its exit code; see :func:`pylvs.cli.program.main`."""
    try:
        from .program import main as run  # takes a while, in which a user may change their mind
    except KeyboardInterrupt:
        return _INTERRUPTED
    return run(argv, connect)
