# SPDX-License-Identifier: GPL-2.0
"""Connections made on arrival: what would have been refused later on its way still is.

Each test shows first that the shortcut is taken, or where it never is, that connections are made.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from ippfvslab import talk
from ippfvslab.farm import Farm, endpoint
from ippfvslab.load import Spray

from tests.live.helpers.ways import LONG, Ways

if TYPE_CHECKING:
    import pylvs
    from tests.live.conftest import Balance, Echoes

SHORT_S = 0.3
pytestmark = pytest.mark.farm(methods=["nat"])
CHAINS = ["input priority 0", "prerouting priority -300", "prerouting priority -150"]


def _refused(farm: Farm, lvs: pylvs.Manager, vip: str) -> None:
    before = lvs.stats().connections
    with pytest.raises(TimeoutError):
        talk.ask(farm.client, "udp", vip, 7, limit_s=SHORT_S)
    assert lvs.stats().connections == before


@pytest.mark.parametrize("chain", CHAINS)
def test_a_firewall_that_comes(
    farm: Farm,
    lvs: pylvs.Manager,
    ways: Ways,
    balance: Balance,
    echoes: Echoes,
    chain: str,
) -> None:
    echoes("udp", 7)
    balance("udp", 7)
    for _ in range(2):
        ways.warm()
        rule = f"chain c {{ type filter hook {chain}; udp dport 7 drop; }}"
        farm.director.run("nft", "-f", "-", text=f"table inet lab {{ {rule}\n}}\n")
        try:
            _refused(farm, lvs, farm.vip)
        finally:
            farm.director.run("nft", "delete", "table", "inet", "lab")
    ways.warm()


@contextlib.contextmanager
def _any_ip(farm: Farm, lvs: pylvs.Manager) -> Iterator[tuple[str, str]]:
    """A VIP that is the director's by a local route alone: as people do with whole nets."""
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
def test_a_local_route_that_goes(
    farm: Farm, lvs: pylvs.Manager, ways: Ways, echoes: Echoes
) -> None:
    echoes("udp", 7)
    with _any_ip(farm, lvs) as (vip, gone):
        blackhole = f"route add blackhole {vip}"
        with farm.director.added(blackhole):
            assert ways.new(3, vip) == [LONG] * 3
            farm.director.run("ip", *gone.split())
            # Behind FORWARD a service takes packets, too: the blackhole is what refuses.
            _refused(farm, lvs, vip)


def _spoof(farm: Farm, source: str) -> None:
    # From the router: its own forwarding would judge the source before the director does.
    with Spray(farm.hosts["router"], source, farm.vip, 7) as spray:
        spray.send(30_000)
    time.sleep(SHORT_S)


@pytest.mark.farm(methods=["nat"], families=[4])
@pytest.mark.parametrize(
    "source", ["172.16.0.1", "202.103.106.5", "127.0.0.1", "224.0.0.1", "255.255.255.255"]
)
def test_an_impossible_source(
    farm: Farm,
    lvs: pylvs.Manager,
    ways: Ways,
    balance: Balance,
    echoes: Echoes,
    source: str,
) -> None:
    echoes("udp", 7)
    balance("udp", 7)
    ways.warm()
    before = lvs.stats().connections
    _spoof(farm, source)
    assert lvs.stats().connections == before
    _spoof(farm, "203.0.113.77")
    assert lvs.stats().connections == before + 1


@pytest.mark.farm(methods=["nat"], families=[4], own=True)
def test_a_source_in_a_local_route(
    farm: Farm, lvs: pylvs.Manager, ways: Ways, balance: Balance, echoes: Echoes
) -> None:
    """A whole net is the director's own by a route: a packet from it is martian."""
    echoes("udp", 7)
    balance("udp", 7)
    with farm.director.added("route add local 198.51.100.0/24 dev lo"):
        assert ways.new(3) == [LONG] * 3
        before = lvs.stats().connections
        _spoof(farm, "198.51.100.77")
        assert lvs.stats().connections == before


@pytest.mark.farm(methods=["nat"], families=[4])
def test_rp_filter_that_comes(
    farm: Farm, lvs: pylvs.Manager, ways: Ways, balance: Balance, echoes: Echoes
) -> None:
    echoes("udp", 7)
    balance("udp", 7)
    ways.warm()
    before = lvs.stats().connections
    _spoof(farm, "172.16.0.200")
    assert lvs.stats().connections == before + 1
    farm.director.sysctl("ipv4.conf.all.rp_filter", 1)
    try:
        _spoof(farm, "172.16.0.201")
        assert lvs.stats().connections == before + 1
    finally:
        farm.director.sysctl("ipv4.conf.all.rp_filter", 0)
