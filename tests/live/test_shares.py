# SPDX-License-Identifier: GPL-2.0
"""Connections are shared as the weights say, counted on the servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ippfvslab import talk
from ippfvslab.farm import Farm

if TYPE_CHECKING:
    from tests.live.conftest import Balance, Echoes

BATCH = 50

# scheduler, weights, connections, connections of each server
THOUSANDS = [
    ("rr", (1, 1), 1000, [500, 500]),
    ("wrr", (1, 2), 999, [333, 666]),
    ("wrr", (3, 1), 1000, [750, 250]),
]
HELD = [
    ("lc", (1, 1), 40, [20, 20]),
    ("wlc", (1, 3), 40, [10, 30]),
    ("wlc", (2, 0), 10, [10, 0]),
]
BY_METHOD = {2: [20, 40], 3: [10, 20, 30], 1: [60]}


def _visit(farm: Farm, count: int) -> None:
    """COUNT short connections, some at a time."""
    while count:
        batch = min(count, BATCH)
        for sock in talk.connect_many(farm.client, farm.vip, 7, batch):
            talk.reset(sock)
        count -= batch


@pytest.mark.farm(methods=["nat"], families=[4])
@pytest.mark.parametrize(("scheduler", "weights", "count", "shares"), THOUSANDS)
def test_a_thousand_short_connections(
    farm: Farm,
    balance: Balance,
    echoes: Echoes,
    scheduler: str,
    weights: tuple[int, ...],
    count: int,
    shares: list[int],
) -> None:
    servers = echoes("tcp", 7)
    balance("tcp", 7, scheduler, *weights)
    _visit(farm, count)
    for server in servers:
        server.wait(shares[servers.index(server)])
    assert [server.served for server in servers] == shares


def test_every_method_shares_by_weight(farm: Farm, balance: Balance, echoes: Echoes) -> None:
    servers = echoes("tcp", 7)
    balance("tcp", 7, "wrr", *range(1, len(servers) + 1))
    _visit(farm, 60)
    shares = BY_METHOD[len(servers)]
    for server, share in zip(servers, shares, strict=True):
        server.wait(share)
    assert [server.served for server in servers] == shares


@pytest.mark.farm(methods=["nat"])
@pytest.mark.parametrize(("scheduler", "weights", "count", "shares"), HELD)
def test_least_connections_level_what_is_held(
    farm: Farm,
    balance: Balance,
    echoes: Echoes,
    scheduler: str,
    weights: tuple[int, ...],
    count: int,
    shares: list[int],
) -> None:
    servers = echoes("tcp", 7)
    balance("tcp", 7, scheduler, *weights)
    socks = [talk.connect(farm.client, "tcp", farm.vip, 7) for _ in range(count)]
    names = [talk.who(sock) for sock in socks]
    assert [names.count(server.name) for server in servers] == shares
    for sock in socks:
        talk.reset(sock)
