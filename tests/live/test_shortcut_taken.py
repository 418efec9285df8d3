# SPDX-License-Identifier: GPL-2.0
"""When the shortcut is taken, and when it is not; packets arrive at their servers either way.

    router ── eth0 ── director ── server1, server2          (the NAT farm without its client)

What the stack looked up tells the two ways apart (helpers/lookups.py). Each test shows first that
the shortcut is taken, then what a change does to it, then that it is taken again.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from subprocess import run
from typing import TYPE_CHECKING

import pytest
from ippfvslab import talk
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm, endpoint
from ippfvslab.netns import Host

from tests.live.helpers.ways import LONG, PORT, SHORT, Ways

if TYPE_CHECKING:
    import pylvs
    from tests.live.conftest import Balance, Echoes

pytestmark = pytest.mark.farm(methods=["nat"])

Change = Callable[[Farm], AbstractContextManager[object]]
NEVER, ALWAYS, ANEW = [LONG] * 3, [SHORT] * 3, [LONG, SHORT, SHORT]
DSCP = 0x28


@pytest.fixture
def service(balance: Balance, echoes: Echoes) -> pylvs.Service:
    echoes("udp", PORT)
    return balance("udp", PORT)


def chain(hook: str, rule: str = "accept") -> Change:
    """A table of the administrator's that lets everything pass."""

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
    """What an `ip … add …` adds."""

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


def conntrack_elsewhere(farm: Farm) -> AbstractContextManager[object]:
    """The module is there, but no rule of the director's wants it."""
    run(["modprobe", "nf_conntrack"], check=True)
    return nullcontext()


CHANGES: dict[str, tuple[Change, list[str]]] = {
    "nothing": (lambda farm: nullcontext(), ALWAYS),
    "chain on raw prerouting": (chain("prerouting priority -300"), ALWAYS),
    "chain on forward": (chain("forward priority 0"), ALWAYS),
    "chain on output": (chain("output priority 0"), ALWAYS),
    "chain on postrouting": (chain("postrouting priority 100"), ALWAYS),
    "conntrack of others": (conntrack_elsewhere, ALWAYS),
    "chain on mangle prerouting": (chain("prerouting priority -150"), NEVER),
    "chain on input": (chain("input priority 0"), NEVER),
    "conntrack": (chain("output priority 0", "ct state new accept"), NEVER),
    "route": (
        command("route add blackhole 203.0.113.0/24", "route add blackhole 2001:db8:203::/64"),
        ANEW,
    ),
    "address": (
        command("addr add 203.0.113.1/32 dev lo", "addr add 2001:db8:203::1/128 dev lo nodad"),
        ANEW,
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_comes_to_the_director(
    farm: Farm, ways: Ways, service: pylvs.Service, name: str
) -> None:
    change, expected = CHANGES[name]
    ways.warm()
    with change(farm):
        assert ways.new(3) == expected
    ways.warm()


@pytest.mark.farm(methods=["nat"], own=True)
def test_a_rule_of_the_administrators(farm: Farm, ways: Ways, service: pylvs.Service) -> None:
    """Linux remembers for ever that a namespace has had one, and so do we."""
    ways.warm()
    four, six = "from 203.0.113.9", "from 2001:db8:203::9"
    with command(f"rule add {four} lookup main", f"rule add {six} lookup main")(farm):
        assert ways.new(3) == NEVER
    assert ways.new(3) == NEVER


@pytest.mark.farm(methods=["nat"], families=[4])
@pytest.mark.parametrize("mode", [1, 2])
def test_reverse_path_filtering(farm: Farm, ways: Ways, service: pylvs.Service, mode: int) -> None:
    ways.warm()
    farm.director.sysctl("ipv4.conf.eth0.rp_filter", mode)
    try:
        assert ways.new(3) == NEVER
    finally:
        farm.director.sysctl("ipv4.conf.eth0.rp_filter", 0)
    ways.warm()


def test_options(farm: Farm, ways: Ways, service: pylvs.Service) -> None:
    def have_options(sock: socket.socket) -> None:
        if farm.family == 4:  # no operation, thrice; end of list
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"\1\1\1\0")
        else:  # six bytes of padding
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, b"\0\0\1\4\0\0\0\0")

    ways.warm()
    assert ways.new(3, prepare=have_options) == NEVER
    assert ways.new(3) == ALWAYS


def test_a_dscp_not_seen_before(farm: Farm, ways: Ways, service: pylvs.Service) -> None:
    def have_dscp(sock: socket.socket) -> None:
        if farm.family == 4:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, DSCP)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, DSCP)

    ways.warm()
    assert ways.new(3, prepare=have_dscp) == ANEW
    assert ways.new(3) == ALWAYS


def _settle(host: Host) -> None:
    """A link comes up up to a second later, and changes routes then."""
    for _ in range(100):
        if " state UP " in host.run("ip", "link", "show", "second").stdout:
            return
        time.sleep(0.1)
    pytest.fail(f"the second cable of {host.name} has no carrier")


@contextmanager
def second_cable(farm: Farm) -> Iterator[str]:
    """Router and director have another, of which no route tells yet; the director's address."""
    net, bits = ("192.0.2.", 24) if farm.family == 4 else ("2001:db8:192:2::", 64)
    router, director = farm.hosts["router"], farm.director
    nodad = "" if farm.family == 4 else " nodad"
    router.ip(f"link add second type veth peer name second netns {director.name}")
    try:
        for host, number in ((router, 1), (director, 2)):
            host.ip(f"addr add {net}{number}/{bits} dev second{nodad}", "link set second up")
        for host in (router, director):
            _settle(host)
        yield f"{net}2"
    finally:
        router.ip("link del second")


def test_a_device_not_seen_before(farm: Farm, ways: Ways, service: pylvs.Service) -> None:
    alone = 32 if farm.family == 4 else 128
    with second_cable(farm) as director:
        ways.warm()
        with farm.hosts["router"].added(f"route add {farm.vip}/{alone} via {director}"):
            assert ways.new(3) == ANEW
        ways.warm()
    ways.warm()


def test_local_node(farm: Farm, lvs: pylvs.Manager, ways: Ways, service: pylvs.Service) -> None:
    anywhere, loopback = ("0.0.0.0", "127.0.0.1") if farm.family == 4 else ("::", "::1")
    ways.warm()
    with Echo(farm.director, "udp", anywhere, PORT, "local"):
        lvs.add_real(service, endpoint(loopback, PORT))
        came = ways.answered(6)
        lvs.remove_real(service, endpoint(loopback, PORT))
    assert [way for way, _ in came] == 2 * NEVER
    assert sorted(who for _, who in came) == sorted(
        2 * ["local", *(server.name for server in farm.servers)]
    )
    ways.warm()


def test_a_service_of_every_port(
    farm: Farm, lvs: pylvs.Manager, ways: Ways, echoes: Echoes
) -> None:
    echoes("udp", PORT)
    service = lvs.add_service("udp", farm.service(), "rr")
    for number in range(len(farm.reals)):
        lvs.add_real(service, farm.real(number), 1, "nat")
    assert ways.new(3) == NEVER


def test_a_server_of_weight_0(
    farm: Farm, lvs: pylvs.Manager, ways: Ways, service: pylvs.Service
) -> None:
    ways.warm()
    lvs.edit_real(service, farm.real(0), 0)
    other = farm.servers[1].name
    assert ways.answered(3) == [(way, other) for way in ANEW]
    lvs.edit_real(service, farm.real(0), 1)
    ways.warm()


@pytest.mark.parametrize("none", ["all of weight 0", "all removed"])
def test_no_server(
    farm: Farm, lvs: pylvs.Manager, ways: Ways, service: pylvs.Service, none: str
) -> None:
    """The first is refused behind the stack, the others on arrival: the client sees the same."""
    ways.warm()
    for number in range(len(farm.reals)):
        if none == "all removed":
            lvs.remove_real(service, farm.real(number))
        else:
            lvs.edit_real(service, farm.real(number), 0)
    made = lvs.stats().connections
    for refused in range(1, 4):
        with pytest.raises(ConnectionRefusedError):
            talk.ask(farm.hosts["router"], "udp", farm.vip, PORT)
        assert lvs.drops().no_server == refused
    assert lvs.stats().connections == made
