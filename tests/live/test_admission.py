# SPDX-License-Identifier: GPL-2.0
"""The host's firewall comes first: a packet that it drops creates no connection.

The VIP may be the director's own address, or an address that is only routed to the director:

    client ─── (router) ─── director ─── servers         route: VIP via director
                              │
                            routed0 (dummy)              route: VIP, so packets pass FORWARD
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm, endpoint
from ippfvslab.netns import Host

from tests.live.helpers.nfqueue import accepting_queue

if TYPE_CHECKING:
    import pylvs
    from tests.live.conftest import Balance, Echoes

SHORT_S = 0.3
PROTOCOLS = ["tcp", "udp"]
CHAINS = {
    "input": "type filter hook input priority filter;",
    "raw": "type filter hook prerouting priority raw;",
    "mangle": "type filter hook prerouting priority mangle;",
    "forward": "type filter hook forward priority filter;",
}
STATEFUL = """
    ct state established,related accept
    ct state invalid drop
    ct state new accept
    drop
"""


@contextlib.contextmanager
def _table(farm: Farm, *chains: tuple[str, str]) -> Iterator[None]:
    """Add a firewall to the director: each chain with its rules."""
    body = "".join(f"chain {name} {{ {CHAINS[name]}\n{rules}\n}}\n" for name, rules in chains)
    farm.director.run("nft", "-f", "-", text=f"table inet lab {{\n{body}}}\n")
    try:
        yield
    finally:
        farm.director.run("nft", "delete", "table", "inet", "lab")


@pytest.fixture
def routed(farm: Farm) -> Iterator[str]:
    """Yield a VIP that is not an address of the director.

    Packets to the VIP reach the director to be forwarded.
    """
    four = farm.family == 4
    vip, alone = ("198.51.100.9", 32) if four else ("2001:db8:51:100::9", 128)
    sender, director = _previous_hop(farm)
    device = {"nat": None, "dr": "lo", "tun": "tunl0" if four else "vip0"}[farm.method]
    sender.ip(f"route add {vip}/{alone} via {director}")
    farm.director.ip(
        "link add routed0 type dummy", "link set routed0 up", f"route add {vip}/{alone} dev routed0"
    )
    for server in farm.servers if device else []:
        server.ip(f"addr add {vip}/{alone} dev {device}{'' if four else ' nodad'}")
    yield vip
    for server in farm.servers if device else []:
        server.ip(f"addr del {vip}/{alone} dev {device}")
    farm.director.ip("link del routed0")
    sender.ip(f"route del {vip}/{alone}")


def _previous_hop(farm: Farm) -> tuple[Host, str]:
    """Return the host that sends to the director, and the director's address towards it."""
    if farm.method == "nat":
        return farm.hosts["router"], farm.vip
    return farm.client, "192.168.1.1" if farm.family == 4 else "2001:db8:192:168::1"


def _assert_no_connection(farm: Farm, lvs: pylvs.Manager, protocol: str, vip: str) -> None:
    with pytest.raises(TimeoutError):
        clients.request_once(farm.client, protocol, vip, 7, limit_s=SHORT_S)
    assert lvs.stats().connections == 0
    assert lvs.config().connections == 0
    assert not any(dataclasses.astuple(lvs.drops()))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_packet_dropped_by_the_firewall_creates_no_connection(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes, protocol: str
) -> None:
    servers = echoes(protocol, 7)
    balance(protocol, 7)
    for chain in ["input", "raw", "mangle"] if farm.method == "nat" else ["input"]:
        with _table(farm, (chain, f"{protocol} dport 7 drop")):
            _assert_no_connection(farm, lvs, protocol, farm.vip)
    name = clients.request_once(farm.client, protocol, farm.vip, 7)
    assert name in [server.name for server in servers]


@pytest.mark.parametrize("chain", ["raw", "input"])
def test_a_packet_accepted_through_a_queue_is_served(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes, chain: str
) -> None:
    """The packet continues in process context, where softirqs may interrupt the module."""
    servers = echoes("udp", 7)
    balance("udp", 7)
    with (
        accepting_queue(farm.director, 7) as seen,
        _table(farm, (chain, "udp dport 7 queue num 7")),
        clients.connect(farm.client, "udp", farm.vip, 7) as sock,
    ):
        names = {clients.request(sock) for _ in range(3)}
    assert len(names & {server.name for server in servers}) == len(names) == 1
    assert len(seen) == (1 if chain == "input" and farm.method != "local" else 3)
    assert lvs.stats().connections == 1


@pytest.mark.farm(methods=["nat", "tun", "dr"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_vip_that_is_only_routed_is_served(
    farm: Farm, lvs: pylvs.Manager, routed: str, protocol: str
) -> None:
    service = lvs.add_service(protocol, endpoint(routed, 7), "rr")
    for number in range(len(farm.reals)):
        lvs.add_real(service, farm.real(number), method=farm.method)
    with contextlib.ExitStack() as stack:
        for server, real in zip(farm.servers, farm.reals, strict=True):
            bound = real if farm.method == "nat" else routed
            stack.enter_context(Echo(server, protocol, bound, 7))
        with _table(farm, ("forward", f"{protocol} dport 7 drop")):
            _assert_no_connection(farm, lvs, protocol, routed)
        names = [
            clients.request_once(farm.client, protocol, routed, 7)
            for _ in range(2 * len(farm.servers))
        ]
    assert sorted(names) == sorted(2 * [server.name for server in farm.servers])


@pytest.mark.farm(methods=["nat"])
def test_a_vip_that_is_only_routed_refuses_by_rst_and_unreachable(
    farm: Farm, lvs: pylvs.Manager, routed: str
) -> None:
    """The director refuses if there is no real server, or no connection for a TCP segment."""
    for protocol in PROTOCOLS:
        lvs.add_service(protocol, endpoint(routed, 7))
        with pytest.raises(ConnectionRefusedError):
            clients.request_once(farm.client, protocol, routed, 7)
    assert lvs.drops().no_server == 2
    lvs.add_real(lvs.service("tcp", endpoint(routed, 7)), farm.real(0), method="nat")
    with Echo(farm.servers[0], "tcp", farm.reals[0], 7):
        sock = clients.connect(farm.client, "tcp", routed, 7)
        clients.request(sock)
        lvs.clear()
        lvs.add_service("tcp", endpoint(routed, 7))
        with pytest.raises(ConnectionResetError):
            clients.request(sock)
        sock.close()
    assert lvs.drops().no_connection == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_services_work_behind_a_stateful_firewall(
    farm: Farm, balance: Balance, echoes: Echoes, protocol: str
) -> None:
    servers = echoes(protocol, 7)
    balance(protocol, 7)
    icmp = "icmp type echo-request accept" if farm.family == 4 else "meta l4proto ipv6-icmp accept"
    rules = f"{icmp}\n{STATEFUL}"
    with _table(farm, ("input", rules), ("forward", rules)):
        assert Path("/sys/module/nf_conntrack").exists()
        with clients.connect(farm.client, protocol, farm.vip, 7) as sock:
            for number in range(5):
                assert clients.request(sock, b"%d" % number) in [server.name for server in servers]
        names = [
            clients.request_once(farm.client, protocol, farm.vip, 7)
            for _ in range(2 * len(servers))
        ]
    assert sorted(names) == sorted(2 * [server.name for server in servers])


@pytest.mark.farm(methods=["nat"], families=[4])
def test_the_module_does_not_depend_on_connection_tracking(farm: Farm) -> None:
    """The module does not depend on nf_conntrack, not even indirectly."""
    users = {
        module.name: {holder.name for holder in (module / "holders").iterdir()}
        for module in Path("/sys/module").iterdir()
        if (module / "holders").exists()
    }
    needed = {"ippfvs"}
    while more := {name for name, holders in users.items() if holders & needed} - needed:
        needed |= more
    assert "nf_conntrack" not in needed
