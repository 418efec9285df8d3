# SPDX-License-Identifier: GPL-2.0
"""Thousands of malformed packets from both sides: the kernel reports no fault, and services work.

    edge ── director ── behind          see helpers/wiretap.py; both ends are silent

IPPFVS_SEED=… selects other packets. The name of a failed test includes the seed.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from ippfvslab.farm import Farm

from tests.live.helpers.malformed import (
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
def test_malformed_packets_do_no_harm(farm: Farm, lvs: pylvs.Manager, seed: int) -> None:
    print(f"IPPFVS_SEED={seed}")
    with tap(farm) as wires:
        serve_every_method(lvs, wires)
        inward = mutants(seed, wires.client, wires.vip, tuple(METHODS_OF_PORTS), COUNT)
        outward = mutants(seed + 1, wires.real, wires.client, (7000, 7001), COUNT // 2)
        wires.to_vip(*inward)
        wires.from_real(*outward)
        wires.to_vip(*inward[-COUNT:])
        assert_still_serves(wires)
        _assert_every_counted_connection_is_listed(lvs)


def _assert_every_counted_connection_is_listed(lvs: pylvs.Manager) -> None:
    """Wait until as many connections are listed as are counted: ended ones are removed first."""
    end = time.monotonic() + LIMIT_S
    while len(list(lvs.connections())) != lvs.config().connections:
        assert time.monotonic() < end, "the table counts connections that are not in it"
        time.sleep(0.05)
