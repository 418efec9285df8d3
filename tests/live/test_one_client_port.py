# SPDX-License-Identifier: GPL-2.0
"""Many connections of one client port, most of which are linked by their five-tuple hash."""

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


def test_a_second_vip_whose_replies_would_collide_is_refused(
    farm: Farm, lvs: pylvs.Manager
) -> None:
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
            sock.settimeout(0.3)
            sock.sendto(b"two", (second, 7))
            with pytest.raises(TimeoutError):
                sock.recvfrom(100)
            assert lvs.drops().tuple_in_use == 1
            assert server.served == 1
            assert len(list(lvs.connections())) == 1
    finally:
        farm.director.ip(f"addr del {second}/{str(bits).split()[0]} dev eth0")
