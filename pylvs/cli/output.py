# SPDX-License-Identifier: GPL-2.0
"""Lines to standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterable

_CHARACTERS = 1 << 15  # at least, in each call but the last


def write_lines(rows: Iterable[str]) -> None:
    """Print lines, or texts of many, with few calls: standard output may be unbuffered."""
    some: list[str] = []
    size = 0
    for row in rows:
        some.append(row)
        size += len(row)
        if size >= _CHARACTERS:
            _write(some)
            some, size = [], 0
    _write(some)


def _write(rows: list[str]) -> None:
    if rows:
        sys.stdout.write("\n".join(rows) + "\n")
