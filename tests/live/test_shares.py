# SPDX-License-Identifier: GPL-2.0
"""Connections are shared as the weights say, counted on the servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ippfvslab import talk
from ippfvslab.farm import Farm

if TYPE_CHECKING:
    from ippfvslab.echo import Echo

    import pylvs
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


def _check(lvs: pylvs.Manager, servers: list[Echo], shares: list[int]) -> None:
    """Every connection was served, and each server's share is exactly its weight's.

    A machine that stalls for a second sends a SYN twice. When the second comes behind its
    connection's end, it is a connection more, which takes a turn and is never served.
    """
    for server, share in zip(servers, shares, strict=True):
        server.wait(share)
    served = [server.served for server in servers]
    (service,) = lvs.services()
    picked = [real.stats.connections for real in service.reals]
    twice = sum(picked) - sum(shares)
    if not twice:
        assert served == picked == shares
    assert sum(served) == sum(shares)
    assert twice <= BATCH
    for turns, share in zip(picked, shares, strict=True):
        assert abs(turns - share * sum(picked) / sum(shares)) < 2


@pytest.mark.farm(methods=["nat"], families=[4])
@pytest.mark.parametrize(("scheduler", "weights", "count", "shares"), THOUSANDS)
def test_a_thousand_short_connections(
    farm: Farm,
    lvs: pylvs.Manager,
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
    _check(lvs, servers, shares)


def test_every_method_shares_by_weight(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    servers = echoes("tcp", 7)
    balance("tcp", 7, "wrr", *range(1, len(servers) + 1))
    _visit(farm, 60)
    _check(lvs, servers, BY_METHOD[len(servers)])


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
