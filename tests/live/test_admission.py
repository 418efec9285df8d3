# SPDX-License-Identifier: GPL-2.0
"""The host's firewall comes first: a packet that it drops creates no connection.

The VIP may be the director's own address, or an address that is only routed to the director:

    client ─── (router) ─── director ─── servers         route: VIP via director
                              │
                            routed0 (dummy)              route: VIP, so packets pass FORWARD

A reply must come from where a route leads to the real server:

    edge ── director ── behind          replies of VS-NAT come from behind (wiretap.py)
                └────── second          another link, which tests add
"""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients
from ippfvslab.capture import frame_of, send_frames
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm, endpoint
from ippfvslab.netns import Host

from tests.live.helpers.nfqueue import accepting_queue
from tests.live.helpers.packets import TCP, UDP, PacketSpec, error
from tests.live.helpers.wiretap import (
    REAL_PORT,
    VIRTUAL_PORT,
    Tap,
    captured,
    frames,
    serve,
    tap,
)

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


SECOND = "02:00:00:00:0a:01"


@contextlib.contextmanager
def _second_link(farm: Farm) -> Iterator[Host]:
    """Give the director a link `second`, of which the other end, `behind2`, is in server1."""
    server = farm.servers[0]
    farm.director.ip(
        f"link add second address {SECOND} type veth peer name behind2 netns {server.name}",
        "link set second up",
    )
    server.ip("link set behind2 up")
    # Without an address or a route IPv4 is not enabled on the device for packets of others.
    farm.director.ip("addr add 192.0.2.1/32 dev second")
    try:
        yield server
    finally:
        farm.director.ip("link del second")


def _by_second(server: Host, raw: bytes) -> None:
    """Send a packet to the director by the second link."""
    send_frames(server, "behind2", frame_of(raw, SECOND, "02:00:00:00:0a:02"))


def _open_flow(wires: Tap, number: int) -> PacketSpec:
    """Create a connection and return the first reply to it."""
    first = PacketSpec(wires.client, wires.vip, number, 4000, VIRTUAL_PORT, b"who?")
    with captured(wires.behind) as capture:
        wires.to_vip(first.changed(data=b"" if number == TCP else first.data).raw)
        assert len(frames(capture, 1)) == 1
    return PacketSpec(wires.real, wires.client, number, REAL_PORT, 4000, b"me", flags=0x12)


@pytest.mark.farm(methods=["nat"])
@pytest.mark.parametrize("number", [TCP, UDP], ids=PROTOCOLS)
def test_a_reply_from_the_clients_side_is_dropped(
    farm: Farm, lvs: pylvs.Manager, number: int
) -> None:
    """Anyone can write the address of the real server into a packet."""
    with tap(farm) as wires, captured(wires.edge) as capture:
        serve(lvs, wires, "nat")
        reply = _open_flow(wires, number)
        for count in (1, 2):
            wires.to_vip(reply.raw)
            assert frames(capture, 1, limit_s=SHORT_S) == []
            assert lvs.drops().wrong_device == count
        wires.from_real(reply.raw)
        assert len(frames(capture, 1)) == 1
        wires.to_vip(reply.raw)
        assert len(frames(capture, 2, limit_s=SHORT_S)) == 1
        assert lvs.drops().wrong_device == 3


@pytest.mark.farm(methods=["nat"])
def test_an_error_about_a_request_from_the_clients_side_is_dropped(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    with tap(farm) as wires, captured(wires.edge) as capture:
        serve(lvs, wires, "nat")
        _open_flow(wires, UDP)
        seen = PacketSpec(wires.client, wires.real, UDP, 4000, REAL_PORT, b"who?")
        kind, code = (3, 3) if farm.family == 4 else (1, 4)
        unreachable = error(PacketSpec(wires.real, wires.client), kind, code, seen.raw)
        wires.to_vip(unreachable)
        assert frames(capture, 1, limit_s=SHORT_S) == []
        assert lvs.drops().wrong_device == 1
        wires.from_real(unreachable)
        assert len(frames(capture, 1)) == 1


@pytest.mark.farm(methods=["nat"])
def test_a_reply_by_another_link_needs_a_route_to_the_server_by_that_link(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """A route with any metric is enough, but not one to a larger network."""
    bits, larger = (24, 16) if farm.family == 4 else (64, 48)
    with tap(farm) as wires, _second_link(farm) as server, captured(wires.edge) as capture:
        serve(lvs, wires, "nat")
        reply = _open_flow(wires, UDP)
        _by_second(server, reply.raw)
        assert frames(capture, 1, limit_s=SHORT_S) == []
        assert lvs.drops().wrong_device == 1
        with farm.director.added(
            f"route add {_network(wires.real, larger)} dev second metric 5000"
        ):
            _by_second(server, reply.raw)
            assert frames(capture, 1, limit_s=SHORT_S) == []
            assert lvs.drops().wrong_device == 2
        with farm.director.added(f"route add {_network(wires.real, bits)} dev second metric 5000"):
            for count in (2, 4):
                _by_second(server, reply.raw)
                wires.from_real(reply.raw)
                assert len(frames(capture, count)) == count
        # The client's next packet finds the changed routes.
        wires.to_vip(PacketSpec(wires.client, wires.vip, UDP, 4000, VIRTUAL_PORT, b"who?").raw)
        _by_second(server, reply.raw)
        assert len(frames(capture, 5, limit_s=SHORT_S)) == 4
        assert lvs.drops().wrong_device == 3


@pytest.mark.farm(methods=["nat"], families=[4])
def test_a_reply_from_a_device_that_must_not_forward_is_dropped(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """The host is a router, but not for this device. Without ip_forward the director forwards."""
    inside = f"ipv4.conf.{farm.device('director', 'inside')}.forwarding"
    with tap(farm) as wires, captured(wires.edge) as capture:
        serve(lvs, wires, "nat")
        reply = _open_flow(wires, UDP)
        farm.director.sysctl(inside, 0)
        try:
            wires.from_real(reply.raw)
            assert frames(capture, 1, limit_s=SHORT_S) == []
            assert lvs.drops().no_route == 1
            farm.director.sysctl("ipv4.ip_forward", 0)
            wires.from_real(reply.raw)
            assert len(frames(capture, 1)) == 1
        finally:
            farm.director.sysctl("ipv4.ip_forward", 1)
        wires.from_real(reply.raw)
        assert len(frames(capture, 2)) == 2


def _network(address: str, bits: int) -> str:
    return str(ipaddress.ip_network(f"{address}/{bits}", strict=False))
