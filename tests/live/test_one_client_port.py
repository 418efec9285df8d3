# SPDX-License-Identifier: GPL-2.0
"""Connections of one client port: to many ports, and to one server through several services.

The farm is the paper's, VS-NAT, with two services that share a port of their servers:

    client ── router ── director ─┬─ server1 port 7     VIP port 8: server1
                        VIP       └─ server2 port 7     VIP port 9: server1, or both
"""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm, endpoint

if TYPE_CHECKING:
    import pylvs
    from tests.live.conftest import Balance, Echoes

PORTS = range(7000, 7100)
OWN_PORTS, EVERY_PORT = PORTS[:50], PORTS[50:]
SOURCE = 19_000
UDP_S = 1
LIMIT_S = 40
SOON_S = 5
"""A client that is answered at all is answered within this time, even on a busy machine."""
pytestmark = pytest.mark.farm(methods=["nat"])


def _bound_socket(farm: Farm, source: int, kind: socket.SocketKind) -> socket.socket:
    sock = farm.client.socket(clients.family_of(farm.vip), kind)
    sock.settimeout(clients.LIMIT_S)
    sock.bind((farm.layout.client, source))
    return sock


def _check_all_ports(farm: Farm, sock: socket.socket) -> None:
    """Check that every port of the VIP answers from its own address and port."""
    for port in PORTS:
        data = str(port).encode()
        sock.sendto(data, (farm.vip, port))
        answer, sender = sock.recvfrom(100)
        assert answer.endswith(b":" + data)
        assert sender[:2] == (farm.vip, port)


def _assert_each_listed_once(farm: Farm, lvs: pylvs.Manager, ports: range = PORTS) -> None:
    listed = sorted(str(each.virtual) for each in lvs.connections())
    assert listed == sorted(endpoint(farm.vip, port) for port in ports)
    assert lvs.config().connections == len(ports)
    assert sum(each.inactive + each.active for each in lvs.services()) == len(ports)


def _wait_until_empty(lvs: pylvs.Manager) -> None:
    limit = time.monotonic() + LIMIT_S
    while list(lvs.connections()) or lvs.config().connections:
        assert time.monotonic() < limit, lvs.config()
        time.sleep(0.2)
    assert not sum(each.inactive + each.active for each in lvs.services())


def test_udp_flows_of_one_client_port_are_one_connection_each(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    """Half of the ports have a separate service. The others share a service on all ports."""
    for port in PORTS:
        echoes("udp", port)
    for port in OWN_PORTS:
        balance("udp", port)
    every = lvs.add_service("udp", endpoint(farm.vip), "rr")
    for number in range(len(farm.reals)):
        lvs.add_real(every, endpoint(farm.reals[number]), 1, "nat")
    with _bound_socket(farm, SOURCE, socket.SOCK_DGRAM) as sock:
        _check_all_ports(farm, sock)
        _assert_each_listed_once(farm, lvs)
        _check_all_ports(farm, sock)
        _assert_each_listed_once(farm, lvs)
        assert lvs.service("udp", endpoint(farm.vip)).stats.connections == len(EVERY_PORT)
        assert lvs.stats().connections == len(PORTS)
        lvs.configure(udp_timeout_s=UDP_S)
        _wait_until_empty(lvs)
        lvs.configure(udp_timeout_s=300)
        _check_all_ports(farm, sock)
        _assert_each_listed_once(farm, lvs)
        assert lvs.stats().connections == 2 * len(PORTS)
        lvs.clear()
        _wait_until_empty(lvs)


def test_tcp_flows_of_one_client_port_are_one_connection_each(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    with contextlib.ExitStack() as stack:
        socks = []
        for port in OWN_PORTS:
            echoes("tcp", port)
            balance("tcp", port)
        for port in OWN_PORTS:
            sock = clients.connect(farm.client, "tcp", farm.vip, port, SOURCE)
            socks.append(stack.enter_context(sock))
        for _ in range(2):
            for sock in socks:
                clients.request(sock)
            _assert_each_listed_once(farm, lvs, OWN_PORTS)
        # Otherwise the servers would send packets during the next tests.
        for sock in socks:
            clients.reset(sock)
        lvs.clear()


def _share_server(
    farm: Farm, lvs: pylvs.Manager, protocol: str, scheduler: str = "rr", servers: int = 1
) -> None:
    """Create a service at port 8 with the first real server, and one at port 9 with SERVERS.

    The real servers use port 7 for both. So their replies to one client port are the same.
    """
    for port, count in ((8, 1), (9, servers)):
        service = lvs.add_service(protocol, endpoint(farm.vip, port), scheduler)
        for number in range(count):
            lvs.add_real(service, farm.real(number, 7), 1, farm.method)


def _end(socks: list[socket.socket], protocol: str) -> None:
    """End TCP connections at their servers, too, which later tests use from the same ports."""
    for sock in socks:
        if protocol == "tcp":
            clients.reset(sock)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("scheduler", ["rr", "wrr", "lc", "wlc"])
def test_a_client_port_in_use_at_one_server_gets_another_server(
    farm: Farm, lvs: pylvs.Manager, echoes: Echoes, protocol: str, scheduler: str
) -> None:
    """The scheduler's own choice would be the server where the port is in use, again and again."""
    echoes(protocol, 7)
    _share_server(farm, lvs, protocol, scheduler, servers=2)
    with contextlib.ExitStack() as stack:
        socks = []
        for source in range(SOURCE + 10, SOURCE + 14):
            for port, server in zip((8, 9), farm.servers, strict=True):
                sock = clients.connect(
                    farm.client, protocol, farm.vip, port, source, limit_s=SOON_S
                )
                socks.append(stack.enter_context(sock))
                assert clients.request(sock) == server.name
        assert lvs.drops().tuple_in_use == 0
        assert [service.stats.connections for service in lvs.services()] == [4, 4]
        _end(socks, protocol)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_client_port_in_use_at_the_only_server_is_translated(
    farm: Farm, lvs: pylvs.Manager, echoes: Echoes, protocol: str
) -> None:
    """Both connections of the port are served, and both end."""
    echoes(protocol, 7)
    _share_server(farm, lvs, protocol)
    with contextlib.ExitStack() as stack:
        socks = []
        for port in (8, 9):
            sock = clients.connect(
                farm.client, protocol, farm.vip, port, SOURCE + 20, limit_s=SOON_S
            )
            socks.append(stack.enter_context(sock))
        for _ in range(3):
            for sock in socks:
                assert clients.request(sock) == farm.servers[0].name
        assert lvs.drops().tuple_in_use == 0
        listed = [str(each.client) for each in lvs.connections()]
        assert listed == [endpoint(farm.layout.client, SOURCE + 20)] * 2
        _end(socks, protocol)
    lvs.clear()
    _wait_until_empty(lvs)


def _first_datagrams(farm: Farm, server: socket.socket, source: int) -> list[tuple[str, int]]:
    """Send from port SOURCE to both services, and return the senders as SERVER knows them."""
    senders = []
    for port in (8, 9):
        with clients.connect(farm.client, "udp", farm.vip, port, source) as sock:
            sock.send(b"hello")
            senders.append(server.recvfrom(100)[1][:2])
    return senders


def _server_socket(farm: Farm) -> socket.socket:
    server = farm.servers[0].socket(clients.family_of(farm.vip), socket.SOCK_DGRAM)
    server.settimeout(SOON_S)
    server.bind((farm.reals[0], 7))
    return server


@pytest.mark.parametrize("source", [SOURCE + 30, 500])
def test_a_translated_client_port_stays_privileged_or_not(
    farm: Farm, lvs: pylvs.Manager, source: int
) -> None:
    """Some servers trust clients whose port is below 1024."""
    _share_server(farm, lvs, "udp")
    with _server_socket(farm) as server:
        first, second = _first_datagrams(farm, server, source)
    assert first == (farm.layout.client, source)
    assert second[0] == farm.layout.client
    assert second[1] != source
    assert (second[1] < 1024) == (source < 1024)


def test_errors_about_a_translated_client_port_reach_the_server(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """The client's error quotes its own port. The server's socket accepts only the other one."""
    _share_server(farm, lvs, "udp")
    with _server_socket(farm) as server:
        _first, second = _first_datagrams(farm, server, SOURCE + 31)
        server.connect(second)
        server.send(b"nobody listens any more")
        with pytest.raises(ConnectionRefusedError):
            server.recv(100)
    assert lvs.drops().icmp == 0


def test_errors_about_a_translated_client_port_reach_the_client(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """The server's error quotes the translated port. The client's socket accepts only its own."""
    _share_server(farm, lvs, "udp")
    for port in (8, 9):
        with pytest.raises(ConnectionRefusedError):
            clients.request_once(farm.client, "udp", farm.vip, port, SOURCE + 32, limit_s=SOON_S)
    assert lvs.drops().icmp == lvs.drops().tuple_in_use == 0
    assert len(list(lvs.connections())) == 2


def test_a_client_may_use_a_port_that_stands_for_another_one(
    farm: Farm, lvs: pylvs.Manager, echoes: Echoes
) -> None:
    """That port is translated in turn, and no reply reaches the wrong socket."""
    _share_server(farm, lvs, "udp")
    with _server_socket(farm) as server:
        _first, second = _first_datagrams(farm, server, SOURCE + 33)
        (third, _fourth) = _first_datagrams(farm, server, second[1])
    assert third[0] == farm.layout.client
    assert third[1] not in (second[1], SOURCE + 33)
    echoes("udp", 7)
    for source in (SOURCE + 33, second[1]):
        for port in (8, 9):
            assert (
                clients.request_once(farm.client, "udp", farm.vip, port, source, limit_s=SOON_S)
                == farm.servers[0].name
            )
    assert len(list(lvs.connections())) == 4


def test_a_client_port_is_refused_at_once_if_all_others_are_in_use(
    farm: Farm, lvs: pylvs.Manager, echoes: Echoes
) -> None:
    """The client need not wait. It has used every port that may stand for a privileged one."""
    echoes("udp", 7)
    _share_server(farm, lvs, "udp")
    for source in (500, *range(600, 1024)):
        assert clients.request_once(farm.client, "udp", farm.vip, 8, source) == farm.servers[0].name
    with pytest.raises(ConnectionRefusedError):
        clients.request_once(farm.client, "udp", farm.vip, 9, 500, limit_s=SOON_S)
    assert lvs.drops().tuple_in_use == 1
    assert len(list(lvs.connections())) == 1 + 424


@pytest.mark.farm(methods=["local"])
def test_a_client_port_in_use_at_the_only_local_socket_is_refused_at_once(
    farm: Farm, lvs: pylvs.Manager, echoes: Echoes
) -> None:
    """The client need not wait, and another port of it is served."""
    echoes("udp", 7)
    _share_server(farm, lvs, "udp")
    with clients.connect(farm.client, "udp", farm.vip, 8, SOURCE + 40) as first:
        assert clients.request(first) == farm.servers[0].name
        with pytest.raises(ConnectionRefusedError):
            clients.request_once(farm.client, "udp", farm.vip, 9, SOURCE + 40, limit_s=SOON_S)
        assert lvs.drops().tuple_in_use == 1
        assert clients.request(first) == farm.servers[0].name
        assert (
            clients.request_once(farm.client, "udp", farm.vip, 9, SOURCE + 41)
            == farm.servers[0].name
        )


def test_a_second_vip_whose_replies_would_collide_is_served(farm: Farm, lvs: pylvs.Manager) -> None:
    """The server's replies to the client would be the same for both VIPs."""
    second = "202.103.106.6" if farm.family == 4 else farm.vip.rpartition(":")[0] + ":6"
    bits = 32 if farm.family == 4 else "128 nodad"
    farm.director.ip(f"addr add {second}/{bits} dev eth0")
    try:
        for vip in (farm.vip, second):
            service = lvs.add_service("udp", endpoint(vip, 7), "rr")
            lvs.add_real(service, farm.real(0, 7), 1, "nat")
        with (
            Echo(farm.servers[0], "udp", farm.reals[0], 7) as server,
            _bound_socket(farm, SOURCE + 1, socket.SOCK_DGRAM) as sock,
        ):
            sock.sendto(b"one", (farm.vip, 7))
            assert sock.recvfrom(100)[0].endswith(b":one")
            sock.sendto(b"two", (second, 7))
            answer, sender = sock.recvfrom(100)
            assert answer.endswith(b":two")
            assert sender[:2] == (second, 7)
            assert lvs.drops().tuple_in_use == 0
            assert server.served == 2
            assert len(list(lvs.connections())) == 2
    finally:
        farm.director.ip(f"addr del {second}/{str(bits).split()[0]} dev eth0")
