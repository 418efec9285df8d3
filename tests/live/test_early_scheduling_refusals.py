# SPDX-License-Identifier: GPL-2.0
"""Early scheduling: packets that the host would refuse on their way to LOCAL_IN are refused.

Each test first shows that connections are scheduled early. If early scheduling is impossible, it
shows that they are created.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients
from ippfvslab.farm import Farm, endpoint
from ippfvslab.traffic import RawUdpClient

from tests.live.helpers.early_scheduling import ROUTED, NewConnections

if TYPE_CHECKING:
    import pylvs
    from tests.live.conftest import Balance, Echoes

SHORT_S = 0.3
pytestmark = pytest.mark.farm(methods=["nat"])
CHAINS = ["input priority 0", "prerouting priority -300", "prerouting priority -150"]


def _assert_refused(farm: Farm, lvs: pylvs.Manager, vip: str) -> None:
    """Check that a request gets no reply and creates no connection."""
    before = lvs.stats().connections
    with pytest.raises(TimeoutError):
        clients.request_once(farm.client, "udp", vip, 7, limit_s=SHORT_S)
    assert lvs.stats().connections == before


@pytest.mark.parametrize("chain", CHAINS)
def test_a_firewall_that_is_added_refuses_new_connections(
    farm: Farm,
    lvs: pylvs.Manager,
    new_connections: NewConnections,
    balance: Balance,
    echoes: Echoes,
    chain: str,
) -> None:
    echoes("udp", 7)
    balance("udp", 7)
    for _ in range(2):
        new_connections.warm_up()
        rule = f"chain c {{ type filter hook {chain}; udp dport 7 drop; }}"
        farm.director.run("nft", "-f", "-", text=f"table inet lab {{ {rule}\n}}\n")
        try:
            _assert_refused(farm, lvs, farm.vip)
        finally:
            farm.director.run("nft", "delete", "table", "inet", "lab")
    new_connections.warm_up()


@contextlib.contextmanager
def _locally_routed_vip(farm: Farm, lvs: pylvs.Manager) -> Iterator[tuple[str, str]]:
    """Yield a VIP that is local only by a route, and the command that removes the route."""
    vip = "198.51.100.9/32" if farm.family == 4 else "2001:db8:51:100::9/128"
    six = "-6 " if farm.family == 6 else ""
    sender = farm.hosts["router"]
    route = f"route add {vip} via {farm.vip}"
    with sender.added(route):
        farm.director.run("ip", *f"{six}route add local {vip} dev lo".split())
        service = lvs.add_service("udp", endpoint(vip.partition("/")[0], 7), "rr")
        for number in range(len(farm.reals)):
            lvs.add_real(service, farm.real(number, 7), 1, "nat")
        try:
            yield vip.partition("/")[0], f"{six}route del local {vip} dev lo"
        finally:
            farm.director.run("ip", *f"{six}route del local {vip} dev lo".split(), check=False)


@pytest.mark.farm(methods=["nat"], own=True)
def test_a_vip_whose_local_route_is_removed_is_refused(
    farm: Farm, lvs: pylvs.Manager, new_connections: NewConnections, echoes: Echoes
) -> None:
    echoes("udp", 7)
    with _locally_routed_vip(farm, lvs) as (vip, remove_route):
        blackhole = f"route add blackhole {vip}"
        with farm.director.added(blackhole):
            assert new_connections.scheduled(3, vip) == [ROUTED] * 3
            farm.director.run("ip", *remove_route.split())
            # A service also serves packets at FORWARD, so only the blackhole route refuses them.
            _assert_refused(farm, lvs, vip)


def _spoof(farm: Farm, source: str) -> None:
    # Send from the router, because its forwarding would check the source before the director.
    with RawUdpClient(farm.hosts["router"], source, farm.vip, 7) as sender:
        sender.send(30_000)
    time.sleep(SHORT_S)


@pytest.mark.farm(methods=["nat"], families=[4])
@pytest.mark.parametrize(
    "source", ["172.16.0.1", "202.103.106.5", "127.0.0.1", "224.0.0.1", "255.255.255.255"]
)
def test_a_packet_from_an_impossible_source_is_refused(
    farm: Farm,
    lvs: pylvs.Manager,
    new_connections: NewConnections,
    balance: Balance,
    echoes: Echoes,
    source: str,
) -> None:
    echoes("udp", 7)
    balance("udp", 7)
    new_connections.warm_up()
    before = lvs.stats().connections
    _spoof(farm, source)
    assert lvs.stats().connections == before
    _spoof(farm, "203.0.113.77")
    assert lvs.stats().connections == before + 1


@pytest.mark.farm(methods=["nat"], families=[4], own=True)
def test_a_packet_from_a_locally_routed_source_is_refused(
    farm: Farm,
    lvs: pylvs.Manager,
    new_connections: NewConnections,
    balance: Balance,
    echoes: Echoes,
) -> None:
    """A route makes a whole network local to the director, so a packet from it is martian."""
    echoes("udp", 7)
    balance("udp", 7)
    with farm.director.added("route add local 198.51.100.0/24 dev lo"):
        assert new_connections.scheduled(3) == [ROUTED] * 3
        before = lvs.stats().connections
        _spoof(farm, "198.51.100.77")
        assert lvs.stats().connections == before


@pytest.mark.farm(methods=["nat"], families=[4])
def test_an_rp_filter_that_is_enabled_refuses_new_connections(
    farm: Farm,
    lvs: pylvs.Manager,
    new_connections: NewConnections,
    balance: Balance,
    echoes: Echoes,
) -> None:
    echoes("udp", 7)
    balance("udp", 7)
    new_connections.warm_up()
    before = lvs.stats().connections
    _spoof(farm, "172.16.0.200")
    assert lvs.stats().connections == before + 1
    farm.director.sysctl("ipv4.conf.all.rp_filter", 1)
    try:
        _spoof(farm, "172.16.0.201")
        assert lvs.stats().connections == before + 1
    finally:
        farm.director.sysctl("ipv4.conf.all.rp_filter", 0)
