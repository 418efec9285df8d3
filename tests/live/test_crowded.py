# SPDX-License-Identifier: GPL-2.0
"""A table that is crowded, and may not grow, by connections that have gone."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from ippfvslab.farm import Farm

import pylvs
from tests.live.helpers.lookups import TRACEFS
from tests.live.helpers.module import small_table
from tests.live.helpers.packets import RST, SYN, TCP, Made
from tests.live.helpers.wiretap import tap

PORTS = range(6000, 6025)
"""Few enough that their buckets are a share that crowds, and the table is too large to grow."""
TIMES = 9
"""From each port: more connections than a cache line of links holds, all soon ended."""
WATCHED_S = 4
"""Half of the time in which all entries are looked at once."""
KPROBES = TRACEFS / "kprobe_events"


@contextmanager
def arrays_made() -> Iterator[list[str]]:
    """Yield a list that holds, afterwards, a line for each array of buckets made meanwhile.

    User-Mode Linux has no kprobes to tell; there the sanitizers alone look on.
    """
    if not TRACEFS.joinpath("trace").exists():
        subprocess.run(["mount", "-t", "tracefs", "tracefs", str(TRACEFS)], check=True)
    made: list[str] = []
    if not KPROBES.exists():
        yield made
        return
    KPROBES.write_text("p:ippfvs_array ippfvs_buckets_alloc\n")
    enable = TRACEFS / "events/kprobes/ippfvs_array/enable"
    enable.write_text("1")
    try:
        (TRACEFS / "trace").write_text("")
        yield made
        lines = (TRACEFS / "trace").read_text().splitlines()
        made += [line for line in lines if "ippfvs_array:" in line]
    finally:
        enable.write_text("0")
        KPROBES.write_text("")


@pytest.mark.farm(methods=["nat"], families=[4])
def test_it_is_rebuilt_once_while_all_is_looked_at(farm: Farm) -> None:
    with small_table(), tap(farm) as wires, farm.director.inside(), pylvs.Manager() as lvs:
        with arrays_made() as made:
            service = lvs.add_service("tcp", pylvs.Endpoint(wires.vip, 80), "rr")
            lvs.add_real(service, pylvs.Endpoint(wires.real, 80), method="nat")
            for port in PORTS:
                opening = Made(wires.client, wires.vip, TCP, port, 80, flags=SYN)
                wires.to_vip(*[opening.raw, opening.but(flags=RST).raw] * TIMES)
            assert lvs.config().connections > len(PORTS) * TIMES / 2
            time.sleep(WATCHED_S)
        if KPROBES.exists():
            assert 1 <= len(made) <= 3  # the first service made one
        lvs.clear()
