# SPDX-License-Identifier: GPL-2.0
"""Connections are distributed by weight. The test counts them on the servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients
from ippfvslab.farm import Farm

if TYPE_CHECKING:
    from ippfvslab.echo import Echo

    import pylvs
    from tests.live.conftest import Balance, Echoes

BATCH = 50

# The scheduler, the weights, the number of connections, and that of each server.
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


def _open_and_reset(farm: Farm, count: int) -> None:
    """Open and reset COUNT connections, BATCH at a time."""
    while count:
        batch = min(count, BATCH)
        for sock in clients.connect_many(farm.client, farm.vip, 7, batch):
            clients.reset(sock)
        count -= batch


def _assert_shares(lvs: pylvs.Manager, servers: list[Echo], shares: list[int]) -> None:
    """Check that every connection was served, and that the shares match the weights exactly.

    If the machine stalls for a second, a SYN is retransmitted. If that SYN arrives after the end of
    its connection, it creates one more connection, which uses a turn of the scheduler and is never
    served.
    """
    for server, share in zip(servers, shares, strict=True):
        server.wait(share)
    served = [server.served for server in servers]
    (service,) = lvs.services()
    picked = [real.stats.connections for real in service.reals]
    extra = sum(picked) - sum(shares)
    if not extra:
        assert served == picked == shares
    assert sum(served) == sum(shares)
    assert extra <= BATCH
    for turns, share in zip(picked, shares, strict=True):
        assert abs(turns - share * sum(picked) / sum(shares)) < 2


@pytest.mark.farm(methods=["nat"], families=[4])
@pytest.mark.parametrize(("scheduler", "weights", "count", "shares"), THOUSANDS)
def test_short_connections_are_shared_by_weight(
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
    _open_and_reset(farm, count)
    _assert_shares(lvs, servers, shares)


def test_every_method_shares_by_weight(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    servers = echoes("tcp", 7)
    balance("tcp", 7, "wrr", *range(1, len(servers) + 1))
    _open_and_reset(farm, 60)
    _assert_shares(lvs, servers, BY_METHOD[len(servers)])


@pytest.mark.farm(methods=["nat"])
@pytest.mark.parametrize(("scheduler", "weights", "count", "shares"), HELD)
def test_least_connections_balances_open_connections(
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
    socks = [clients.connect(farm.client, "tcp", farm.vip, 7) for _ in range(count)]
    names = [clients.request(sock) for sock in socks]
    assert [names.count(server.name) for server in servers] == shares
    for sock in socks:
        clients.reset(sock)
