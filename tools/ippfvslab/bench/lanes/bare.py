# SPDX-License-Identifier: GPL-2.0
"""The kernel alone: plain routing to a real server, or the floor."""

from __future__ import annotations

from ippfvslab.bench.lanes.case import Case


def start(case: Case) -> None:
    """The kernel routes anyhow."""


def end(case: Case) -> None:
    """And goes on."""


def made(case: Case) -> int:
    """It knows no connections."""
    return 0


def sample(case: Case) -> str:
    """None."""
    return ""


def settings(case: Case) -> dict[str, str]:
    """None: no module is loaded."""
    return {}
