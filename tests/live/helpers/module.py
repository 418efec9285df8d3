# SPDX-License-Identifier: GPL-2.0
"""The module taken out and put in again: all that it knew is gone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

SMALL_BITS = 8
"""The table has 2 to the power of so many buckets at least."""


def reload(**parameters: int) -> None:
    """Load it anew, with PARAMETERS."""
    words = [f"{name}={value}" for name, value in parameters.items()]
    subprocess.run(["rmmod", "ippfvs"], check=True)
    subprocess.run(["insmod", os.environ["IPPFVS_MODULE"], *words], check=True)


@contextmanager
def small_table() -> Iterator[None]:
    """Load the module with the smallest table meanwhile."""
    reload(conn_tab_bits=SMALL_BITS)
    try:
        yield
    finally:
        reload()
