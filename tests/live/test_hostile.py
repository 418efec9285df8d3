# SPDX-License-Identifier: GPL-2.0
"""Packets that lie, thousands of them, from both sides: no report, and the director still serves.

    edge ── director ── behind          see helpers/wiretap.py; both ends are silent

IPPFVS_SEED=… chooses other packets; the seed is in the name that a failure prints.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from ippfvslab.farm import Farm

from tests.live.helpers.hostile import (
    METHODS_OF_PORTS,
    assert_still_serves,
    mutants,
    serve_every_method,
)
from tests.live.helpers.wiretap import tap

if TYPE_CHECKING:
    import pylvs

SEED = int(os.environ.get("IPPFVS_SEED", "1999"))
COUNT = 1000
LIMIT_S = 30


@pytest.mark.farm(methods=["nat"], own=True)
@pytest.mark.parametrize("seed", [SEED])
def test_mutants_do_no_harm(farm: Farm, lvs: pylvs.Manager, seed: int) -> None:
    print(f"IPPFVS_SEED={seed}")
    with tap(farm) as wires:
        serve_every_method(lvs, wires)
        inward = mutants(seed, wires.client, wires.vip, tuple(METHODS_OF_PORTS), COUNT)
        outward = mutants(seed + 1, wires.real, wires.client, (7000, 7001), COUNT // 2)
        wires.to_vip(*inward)
        wires.from_real(*outward)
        wires.to_vip(*inward[-COUNT:])
        assert_still_serves(wires)
        _no_connection_is_lost(lvs)


def _no_connection_is_lost(lvs: pylvs.Manager) -> None:
    """What has ended is soon taken out of the table: each that it counts is listed."""
    end = time.monotonic() + LIMIT_S
    while len(list(lvs.connections())) != lvs.config().connections:
        assert time.monotonic() < end, "the table counts connections that are not in it"
        time.sleep(0.05)
