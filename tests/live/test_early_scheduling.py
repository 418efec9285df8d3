# SPDX-License-Identifier: GPL-2.0
"""Conditions of early scheduling. Packets reach a server with and without it.

    router ── eth0 ── director ── server1, server2          (the NAT farm without its client)

The route lookups of the stack show where a connection was scheduled (helpers/early_scheduling.py).
Each test first shows early scheduling, then the effect of a change, then early scheduling again.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from subprocess import run
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm, endpoint
from ippfvslab.netns import Host

from tests.live.helpers.early_scheduling import EARLY, PORT, ROUTED, NewConnections

if TYPE_CHECKING:
    import pylvs
    from tests.live.conftest import Balance, Echoes

pytestmark = pytest.mark.farm(methods=["nat"])

Change = Callable[[Farm], AbstractContextManager[object]]
NEVER, ALWAYS, AFTER_ONE = [ROUTED] * 3, [EARLY] * 3, [ROUTED, EARLY, EARLY]
DSCP = 0x28


@pytest.fixture
def service(balance: Balance, echoes: Echoes) -> pylvs.Service:
    echoes("udp", PORT)
    return balance("udp", PORT)


def chain(hook: str, rule: str = "accept") -> Change:
    """Return a change that adds an administrator's chain, which accepts everything by default."""

    @contextmanager
    def change(farm: Farm) -> Iterator[None]:
        text = f"table inet lab {{ chain c {{ type filter hook {hook}; {rule}; }}\n}}\n"
        farm.director.run("nft", "-f", "-", text=text)
        try:
            yield
        finally:
            farm.director.run("nft", "delete", "table", "inet", "lab")

    return change


def command(four: str, six: str) -> Change:
    """Return a change that runs an `ip … add …` command."""

    @contextmanager
    def change(farm: Farm) -> Iterator[None]:
        words = four if farm.family == 4 else six
        ip = "ip", f"-{farm.family}"
        farm.director.run(*ip, *words.split())
        try:
            yield
        finally:
            farm.director.run(*ip, *words.replace(" add ", " del ").split())

    return change


def load_conntrack(farm: Farm) -> AbstractContextManager[object]:
    """Load the module nf_conntrack. No rule of the director uses it."""
    run(["modprobe", "nf_conntrack"], check=True)
    return nullcontext()


CHANGES: dict[str, tuple[Change, list[str]]] = {
    "nothing": (lambda farm: nullcontext(), ALWAYS),
    "chain on raw prerouting": (chain("prerouting priority -300"), ALWAYS),
    "chain on forward": (chain("forward priority 0"), ALWAYS),
    "chain on output": (chain("output priority 0"), ALWAYS),
    "chain on postrouting": (chain("postrouting priority 100"), ALWAYS),
    "conntrack without a rule": (load_conntrack, ALWAYS),
    "chain on mangle prerouting": (chain("prerouting priority -150"), NEVER),
    "chain on input": (chain("input priority 0"), NEVER),
    "conntrack": (chain("output priority 0", "ct state new accept"), NEVER),
    "route": (
        command("route add blackhole 203.0.113.0/24", "route add blackhole 2001:db8:203::/64"),
        AFTER_ONE,
    ),
    "address": (
        command("addr add 203.0.113.1/32 dev lo", "addr add 2001:db8:203::1/128 dev lo nodad"),
        AFTER_ONE,
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_chains_routes_and_addresses_decide_on_early_scheduling(
    farm: Farm, new_connections: NewConnections, service: pylvs.Service, name: str
) -> None:
    change, expected = CHANGES[name]
    new_connections.warm_up()
    with change(farm):
        assert new_connections.scheduled(3) == expected
    new_connections.warm_up()


@pytest.mark.farm(methods=["nat"], own=True)
def test_a_policy_rule_ends_early_scheduling_for_good(
    farm: Farm, new_connections: NewConnections, service: pylvs.Service
) -> None:
    """The module can only ask Linux whether the namespace has ever had a policy rule."""
    new_connections.warm_up()
    four, six = "from 203.0.113.9", "from 2001:db8:203::9"
    with command(f"rule add {four} lookup main", f"rule add {six} lookup main")(farm):
        assert new_connections.scheduled(3) == NEVER
    assert new_connections.scheduled(3) == NEVER


@pytest.mark.farm(methods=["nat"], families=[4])
@pytest.mark.parametrize("mode", [1, 2])
def test_reverse_path_filtering_prevents_early_scheduling(
    farm: Farm, new_connections: NewConnections, service: pylvs.Service, mode: int
) -> None:
    new_connections.warm_up()
    farm.director.sysctl("ipv4.conf.eth0.rp_filter", mode)
    try:
        assert new_connections.scheduled(3) == NEVER
    finally:
        farm.director.sysctl("ipv4.conf.eth0.rp_filter", 0)
    new_connections.warm_up()


def test_packets_with_options_are_not_scheduled_early(
    farm: Farm, new_connections: NewConnections, service: pylvs.Service
) -> None:
    def set_options(sock: socket.socket) -> None:
        if farm.family == 4:  # no operation, thrice; end of list
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"\1\1\1\0")
        else:  # six bytes of padding
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, b"\0\0\1\4\0\0\0\0")

    new_connections.warm_up()
    assert new_connections.scheduled(3, prepare=set_options) == NEVER
    assert new_connections.scheduled(3) == ALWAYS


def test_the_first_packet_with_another_dscp_is_not_scheduled_early(
    farm: Farm, new_connections: NewConnections, service: pylvs.Service
) -> None:
    def set_dscp(sock: socket.socket) -> None:
        if farm.family == 4:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, DSCP)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, DSCP)

    new_connections.warm_up()
    assert new_connections.scheduled(3, prepare=set_dscp) == AFTER_ONE
    assert new_connections.scheduled(3) == ALWAYS


def _wait_for_carrier(host: Host) -> None:
    """Wait for the carrier, which comes up to a second late and changes routes then."""
    for _ in range(100):
        if " state UP " in host.run("ip", "link", "show", "second").stdout:
            return
        time.sleep(0.1)
    pytest.fail(f"the second link of {host.name} has no carrier")


@contextmanager
def second_link(farm: Farm) -> Iterator[str]:
    """Add a second link from router to director, but no route. Yield the director's address."""
    net, bits = ("192.0.2.", 24) if farm.family == 4 else ("2001:db8:192:2::", 64)
    router, director = farm.hosts["router"], farm.director
    nodad = "" if farm.family == 4 else " nodad"
    router.ip(f"link add second type veth peer name second netns {director.name}")
    try:
        for host, number in ((router, 1), (director, 2)):
            host.ip(f"addr add {net}{number}/{bits} dev second{nodad}", "link set second up")
        for host in (router, director):
            _wait_for_carrier(host)
        yield f"{net}2"
    finally:
        router.ip("link del second")


def test_the_first_packet_by_another_device_is_not_scheduled_early(
    farm: Farm, new_connections: NewConnections, service: pylvs.Service
) -> None:
    bits = 32 if farm.family == 4 else 128
    with second_link(farm) as director:
        new_connections.warm_up()
        with farm.hosts["router"].added(f"route add {farm.vip}/{bits} via {director}"):
            assert new_connections.scheduled(3) == AFTER_ONE
        new_connections.warm_up()
    new_connections.warm_up()


def test_a_service_with_a_local_server_is_not_scheduled_early(
    farm: Farm, lvs: pylvs.Manager, new_connections: NewConnections, service: pylvs.Service
) -> None:
    anywhere, loopback = ("0.0.0.0", "127.0.0.1") if farm.family == 4 else ("::", "::1")
    new_connections.warm_up()
    with Echo(farm.director, "udp", anywhere, PORT, "local"):
        lvs.add_real(service, endpoint(loopback, PORT))
        opened = new_connections.scheduled_and_served(6)
        lvs.remove_real(service, endpoint(loopback, PORT))
    assert [where for where, _ in opened] == 2 * NEVER
    assert sorted(name for _, name in opened) == sorted(
        2 * ["local", *(server.name for server in farm.servers)]
    )
    new_connections.warm_up()


def test_a_service_of_every_port_is_not_scheduled_early(
    farm: Farm, lvs: pylvs.Manager, new_connections: NewConnections, echoes: Echoes
) -> None:
    echoes("udp", PORT)
    service = lvs.add_service("udp", farm.service(), "rr")
    for number in range(len(farm.reals)):
        lvs.add_real(service, farm.real(number), 1, "nat")
    assert new_connections.scheduled(3) == NEVER


def test_early_scheduling_honours_weight_0(
    farm: Farm, lvs: pylvs.Manager, new_connections: NewConnections, service: pylvs.Service
) -> None:
    new_connections.warm_up()
    lvs.edit_real(service, farm.real(0), 0)
    other = farm.servers[1].name
    assert new_connections.scheduled_and_served(3) == [(where, other) for where in AFTER_ONE]
    lvs.edit_real(service, farm.real(0), 1)
    new_connections.warm_up()


@pytest.mark.parametrize("none", ["all of weight 0", "all removed"])
def test_a_service_without_a_server_refuses_early_and_late(
    farm: Farm,
    lvs: pylvs.Manager,
    new_connections: NewConnections,
    service: pylvs.Service,
    none: str,
) -> None:
    """The first packet is refused at LOCAL_IN, the others at PREROUTING.

    The client sees no difference.
    """
    new_connections.warm_up()
    for number in range(len(farm.reals)):
        if none == "all removed":
            lvs.remove_real(service, farm.real(number))
        else:
            lvs.edit_real(service, farm.real(number), 0)
    before = lvs.stats().connections
    for refused in range(1, 4):
        with pytest.raises(ConnectionRefusedError):
            clients.request_once(farm.hosts["router"], "udp", farm.vip, PORT)
        assert lvs.drops().no_server == refused
    assert lvs.stats().connections == before
