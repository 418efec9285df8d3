# SPDX-License-Identifier: GPL-2.0
"""Reloading of the module, which removes all rules and connections."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

SMALL_BITS = 8
"""The smallest table has 2^SMALL_BITS buckets."""


def reload(**parameters: int) -> None:
    """Reload the module with PARAMETERS."""
    arguments = [f"{name}={value}" for name, value in parameters.items()]
    subprocess.run(["rmmod", "ippfvs"], check=True)
    subprocess.run(["insmod", os.environ["IPPFVS_MODULE"], *arguments], check=True)


@contextmanager
def small_table() -> Iterator[None]:
    """Load the module with the smallest table, and reload it without parameters at exit."""
    reload(conn_tab_bits=SMALL_BITS)
    try:
        yield
    finally:
        reload()
