# SPDX-License-Identifier: GPL-2.0
"""The tracepoints ippfvs:conn_new, conn_end, conn_evict and drop report their events.

edge ── director ── behind          see helpers/wiretap.py
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ippfvslab.farm import Farm

import pylvs
from tests.live.helpers.early_scheduling import TRACEFS, available
from tests.live.helpers.packets import RST, SYN, TCP, PacketSpec
from tests.live.helpers.wiretap import tap

INSTANCE = TRACEFS / "instances/ippfvs"
PORT = 6000
LIMIT_S = 10


@contextmanager
def traced() -> Iterator[Path]:
    """Enable the events until exit. Yield the file that shows them."""
    available()
    INSTANCE.mkdir(exist_ok=True)
    enable = INSTANCE / "events/ippfvs/enable"
    try:
        enable.write_text("1")
        yield INSTANCE / "trace"
    finally:
        enable.write_text("0")
        INSTANCE.rmdir()


def events(trace: Path) -> list[tuple[str, dict[str, str]]]:
    """Return the names and fields of events (`task-1 [000] ..s. 1.2: name: a=b c=d`) so far."""
    found = []
    for line in trace.read_text().splitlines():
        if not line.startswith("#"):
            _, name, fields = line.split(": ", 2)
            found.append((name, dict(field.split("=", 1) for field in fields.split())))
    return found


@pytest.mark.farm(methods=["nat"])
def test_events_tell_the_life_of_connections_and_the_reason_of_a_drop(farm: Farm) -> None:
    with tap(farm) as wires, farm.director.inside(), pylvs.Manager() as lvs, traced() as trace:
        for port in (80, 81, 82):
            service = lvs.add_service("tcp", pylvs.Endpoint(wires.vip, port), "rr")
            if port != 82:
                lvs.add_real(service, pylvs.Endpoint(wires.real, 80), method="nat")

        def syn(port: int) -> PacketSpec:
            return PacketSpec(wires.client, wires.vip, TCP, PORT, port, flags=SYN)

        wires.to_vip(syn(80).raw, syn(80).changed(flags=RST).raw, syn(81).raw, syn(82).raw)
        limit = time.monotonic() + LIMIT_S
        while lvs.drops().no_server < 1:
            assert time.monotonic() < limit, (lvs.stats(), lvs.drops())
            time.sleep(0.01)
        seen = events(trace)
        lvs.clear()

    def end(address: str, port: int) -> str:
        return str(pylvs.Endpoint(address, port))

    client, real = end(wires.client, PORT), end(wires.real, 80)
    flow = {"protocol": "6", "client": client, "real": real, "method": "nat"}
    first = {**flow, "virtual": end(wires.vip, 80)}
    second = {**flow, "virtual": end(wires.vip, 81), "state": "syn_sent"}
    drop = seen[-1][1]
    assert seen[:-1] == [
        ("conn_new", {**first, "state": "syn_sent"}),
        ("conn_evict", {**first, "state": "closed"}),
        ("conn_end", {**first, "state": "closed"}),
        ("conn_new", second),
    ]
    assert seen[-1][0] == "drop"
    assert (drop["reason"], drop["source"]) == ("no_server", client)
    assert (drop["dest"], drop["protocol"]) == (end(wires.vip, 82), "6")
    assert drop["hook"] in ("local_in", "forward")
