# SPDX-License-Identifier: GPL-2.0
"""A table that is overfull because of ended connections, and that is too large to grow."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from ippfvslab.farm import Farm

import pylvs
from tests.live.helpers.early_scheduling import TRACEFS
from tests.live.helpers.module import small_table
from tests.live.helpers.packets import RST, SYN, TCP, PacketSpec
from tests.live.helpers.wiretap import tap

PORTS = range(6000, 6025)
"""Client ports. Their buckets are more than 1/16 of the 256 buckets, so the table is overfull.

They have fewer connections than the table has buckets, so the table may not grow.
"""
TIMES = 9
"""The number of connections from each port. It exceeds the slots of a bucket. All end soon."""
OBSERVED_S = 4
"""Half of the time in which the worker visits all entries once."""
KPROBES = TRACEFS / "kprobe_events"


@contextmanager
def created_arrays() -> Iterator[list[str]]:
    """Yield a list that receives, at exit, a line for each array of buckets that was created.

    User-Mode Linux has no kprobes, so the list is empty there, and only the sanitizers find faults.
    """
    if not TRACEFS.joinpath("trace").exists():
        subprocess.run(["mount", "-t", "tracefs", "tracefs", str(TRACEFS)], check=True)
    arrays: list[str] = []
    if not KPROBES.exists():
        yield arrays
        return
    KPROBES.write_text("p:ippfvs_buckets ippfvs_buckets_create\n")
    enable = TRACEFS / "events/kprobes/ippfvs_buckets/enable"
    enable.write_text("1")
    try:
        (TRACEFS / "trace").write_text("")
        yield arrays
        lines = (TRACEFS / "trace").read_text().splitlines()
        arrays += [line for line in lines if "ippfvs_buckets:" in line]
    finally:
        enable.write_text("0")
        KPROBES.write_text("")


@pytest.mark.farm(methods=["nat"], families=[4])
def test_an_overfull_table_is_rebuilt_once_while_the_worker_visits_all_entries(farm: Farm) -> None:
    with small_table(), tap(farm) as wires, farm.director.inside(), pylvs.Manager() as lvs:
        with created_arrays() as arrays:
            service = lvs.add_service("tcp", pylvs.Endpoint(wires.vip, 80), "rr")
            lvs.add_real(service, pylvs.Endpoint(wires.real, 80), method="nat")
            for port in PORTS:
                opening = PacketSpec(wires.client, wires.vip, TCP, port, 80, flags=SYN)
                wires.to_vip(*[opening.raw, opening.changed(flags=RST).raw] * TIMES)
            assert lvs.config().connections > len(PORTS) * TIMES / 2
            time.sleep(OBSERVED_S)
        if KPROBES.exists():
            assert 1 <= len(arrays) <= 3  # the first service created one
        lvs.clear()
