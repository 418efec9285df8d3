# SPDX-License-Identifier: GPL-2.0
"""ippfvs as a lane."""

from __future__ import annotations

import os

import pylvs
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.shell import run

BUCKET_BITS = 6
"""A bucket is one cache line of 2^6 bytes."""
MODULE = "/sys/module/ippfvs/parameters"


def load(table_bits: int) -> None:
    """Insert the module with a table of 2^TABLE_BITS bytes."""
    module = os.environ["IPPFVS_MODULE"]
    needs = run("modinfo", "-F", "depends", module).strip().split(",")
    run("modprobe", "-a", *filter(None, needs))
    run("insmod", module, f"conn_tab_bits={table_bits - BUCKET_BITS}", "conn_limit=20000000")


def start(case: Case) -> None:
    """Load it and give it the rules."""
    load(case.table_bits)
    with pylvs.Manager() as lvs:
        lvs.replace(pylvs.loads(case.rules))
        lvs.configure(conn_max=20_000_000)


def end(case: Case) -> None:
    """Unload it, with all that it knew."""
    run("rmmod", "ippfvs")


def made(case: Case) -> int:
    """How many connections it has made."""
    with pylvs.Manager() as lvs:
        return lvs.stats().connections


def sample(case: Case) -> str:
    """One of them."""
    with pylvs.Manager() as lvs:
        one = next(lvs.connections())
    return f"{one.protocol.name} {one.state.name} to {one.virtual} at {one.real}"


def settings(case: Case) -> dict[str, str]:
    """What is in force."""
    bits = int(run("cat", f"{MODULE}/conn_tab_bits"))
    with pylvs.Manager() as lvs:
        most = lvs.config().conn_max
    return {
        "table": f"conn_tab_bits={bits}: {_mib(1 << (bits + BUCKET_BITS))} of buckets at start",
        "conn_max": f"{most:,}",
    }


def _mib(size: int) -> str:
    return f"{size / (1 << 20):g} MiB"
