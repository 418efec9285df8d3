# SPDX-License-Identifier: GPL-2.0
"""The kernel alone: plain routing to a real server, or the floor."""

from __future__ import annotations

from ippfvslab.bench.lanes.case import Case


def start(case: Case) -> None:
    """Do nothing: the kernel routes by itself."""


def end(case: Case) -> None:
    """Do nothing."""


def made(case: Case) -> int:
    """Return 0: it knows no connections."""
    return 0


def sample(case: Case) -> str:
    """Return nothing: there is none."""
    return ""


def settings(case: Case) -> dict[str, str]:
    """Return nothing: no module is loaded."""
    return {}
