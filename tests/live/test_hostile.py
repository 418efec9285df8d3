# SPDX-License-Identifier: GPL-2.0
"""Packets that lie, thousands of them, from both sides: no report, and the director still serves.

IPPFVS_SEED=… chooses other packets; the seed is in the name that a failure prints.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.live.helpers.hostile import mutants
from tests.live.helpers.packets import UDP, Made
from tests.live.helpers.wiretap import Tap, caught, frames, tap

if TYPE_CHECKING:
    import pylvs
    from tests.live.conftest import OwnFarm

SEED = int(os.environ.get("IPPFVS_SEED", "1999"))
COUNT = 1000
LIMIT_S = 30
# One service a method, and how each is seen behind.
PORTS = {80: "nat", 81: "tun", 82: "dr", 83: "local"}


def serve(lvs: pylvs.Manager, wires: Tap) -> None:
    import pylvs

    for protocol in ("tcp", "udp"):
        for port, method in PORTS.items():
            service = lvs.add_service(protocol, pylvs.Endpoint(wires.vip, port), "wlc")
            real = wires.own if method == "local" else wires.real
            lvs.add_real(service, pylvs.Endpoint(real, 0), method=method)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("seed", [SEED])
def test_mutants(own_farm: OwnFarm, family: int, seed: int) -> None:
    import pylvs

    print(f"IPPFVS_SEED={seed}")
    farm = own_farm("nat", family)
    with pylvs.Manager(netns=str(farm.director.path)) as lvs, tap(farm) as wires:
        serve(lvs, wires)
        ports = tuple(PORTS)
        inward = mutants(seed, wires.client, wires.vip, ports, COUNT)
        outward = mutants(seed + 1, wires.real, wires.client, (7000, 7001), COUNT // 2)
        wires.to_vip(*inward)
        wires.from_real(*outward)
        wires.to_vip(*inward[-COUNT:])
        still_serves(wires)
        no_connection_is_lost(lvs)


def no_connection_is_lost(lvs: pylvs.Manager) -> None:
    """What has ended is soon taken out of the table: each that it counts is listed."""
    end = time.monotonic() + LIMIT_S
    while len(list(lvs.connections())) != lvs.config().connections:
        assert time.monotonic() < end, "the table counts connections that are not in it"
        time.sleep(0.2)


def still_serves(wires: Tap) -> None:
    """A datagram by each method that leads behind."""
    with caught(wires.behind) as capture:
        for number, port in enumerate(list(PORTS)[:3]):
            wires.to_vip(Made(wires.client, wires.vip, UDP, 9000 + number, port, b"alive?").raw)
        for _ in range(200):
            found = [frame for frame in frames(capture, 3) if frame.endswith(b"alive?")]
            if len(found) == 3:
                return
    pytest.fail(f"{len(found)} of 3 methods still serve")
