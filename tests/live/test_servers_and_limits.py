# SPDX-License-Identifier: GPL-2.0
"""Connections and clients when servers or services are removed, or when limits are reached."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients
from ippfvslab.farm import Farm

if TYPE_CHECKING:
    import pylvs
    from tests.live.conftest import Balance, Echoes

PROTOCOLS = ["tcp", "udp"]
SHARED = pytest.mark.farm(methods=["nat", "tun", "dr"])


@SHARED
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_of_weight_0_keeps_connections_and_gets_no_new_ones(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes, protocol: str
) -> None:
    servers = echoes(protocol, 7)
    service = balance(protocol, 7)
    names = [server.name for server in servers]
    socks = [clients.connect(farm.client, protocol, farm.vip, 7) for _ in servers]
    before = [clients.request(sock) for sock in socks]
    assert sorted(before) == sorted(names)
    lvs.edit_real(service, farm.real(0), weight=0)
    new = {clients.request_once(farm.client, protocol, farm.vip, 7) for _ in range(4)}
    assert new == set(names[1:])
    assert [clients.request(sock) for sock in socks] == before
    for sock in socks:
        sock.close()


@SHARED
@pytest.mark.parametrize("remove", ["real", "service"])
def test_tcp_is_reset_when_its_server_is_removed(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes, remove: str
) -> None:
    servers = echoes("tcp", 7)
    service = balance("tcp", 7)
    balance("tcp", 8)  # so that the director keeps its hooks and its table
    with clients.connect(farm.client, "tcp", farm.vip, 7) as sock:
        lost = [server.name for server in servers].index(clients.request(sock))
        if remove == "real":
            lvs.remove_real(service, farm.real(lost))
        else:
            lvs.remove_service(service)
        # Whatever its state, the connection expires after the timeout of a closed connection.
        assert [each.expires_s <= 60 for each in lvs.connections()] == [True]
        with pytest.raises(ConnectionResetError):
            clients.request(sock)
    if remove == "real":
        assert clients.request_once(farm.client, "tcp", farm.vip, 7) != servers[lost].name
        lvs.add_real(service, farm.real(lost), method=farm.method)
    else:
        with pytest.raises(ConnectionRefusedError):
            clients.connect(farm.client, "tcp", farm.vip, 7)
        balance("tcp", 7)
    names = {clients.request_once(farm.client, "tcp", farm.vip, 7) for _ in range(2 * len(servers))}
    assert names == {server.name for server in servers}


@SHARED
def test_a_udp_flow_moves_to_another_server(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    names = [server.name for server in echoes("udp", 7)]
    service = balance("udp", 7)
    with clients.connect(farm.client, "udp", farm.vip, 7) as sock:
        first = clients.request(sock)
        lvs.remove_real(service, farm.real(names.index(first)))
        second = clients.request(sock)
        assert second in set(names) - {first}
        lvs.remove_service(service)
        with pytest.raises(ConnectionRefusedError):
            clients.request(sock)
        balance("udp", 7)
        assert clients.request(sock) in names


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_service_without_an_available_server_refuses(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, protocol: str
) -> None:
    balance(protocol, 7, "wrr", *[0] * len(farm.reals))
    with pytest.raises(ConnectionRefusedError):
        clients.request_once(farm.client, protocol, farm.vip, 7, limit_s=10)
    assert lvs.drops().no_server == 1
    assert lvs.config().connections == 0


@pytest.mark.farm(methods=["nat", "dr"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_full_table_keeps_its_connections(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes, protocol: str
) -> None:
    echoes(protocol, 7)
    balance(protocol, 7)
    lvs.configure(conn_max=4)
    socks = [clients.connect(farm.client, protocol, farm.vip, 7) for _ in range(4)]
    for _ in range(5):  # an unconfirmed connection would go for a new one
        before = [clients.request(sock) for sock in socks]
        time.sleep(0.4)
    with pytest.raises(TimeoutError):
        clients.request_once(farm.client, protocol, farm.vip, 7, limit_s=0.3)
    assert lvs.drops().table_full >= 1
    assert lvs.evictions().pressure == 0
    assert [clients.request(sock) for sock in socks] == before
    lvs.configure(conn_max=0)
    clients.request_once(farm.client, protocol, farm.vip, 7)
    for sock in socks:
        sock.close()


@pytest.mark.farm(methods=["nat"])
def test_conn_limit_bounds_all_namespaces_together(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    echoes("udp", 7)
    balance("udp", 7)
    limit = Path("/sys/module/ippfvs/parameters/conn_limit")
    with clients.connect(farm.client, "udp", farm.vip, 7) as sock:
        before = clients.request(sock)
        limit.write_text("1")
        try:
            with pytest.raises(TimeoutError):
                clients.request_once(farm.client, "udp", farm.vip, 7, limit_s=0.3)
            assert clients.request(sock) == before
        finally:
            limit.write_text("0")
        assert lvs.drops().table_full == 1
        clients.request_once(farm.client, "udp", farm.vip, 7)


@pytest.mark.farm(methods=["nat"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_directors_own_clients_are_served(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes, protocol: str
) -> None:
    servers = echoes(protocol, 7)
    balance(protocol, 7)
    socks = [clients.connect(farm.director, protocol, farm.vip, 7) for _ in range(4)]
    names = [clients.request(sock) for sock in socks]
    for sock in socks:
        sock.close()
    assert sorted(names) == sorted(2 * [server.name for server in servers])
    stats = lvs.stats()
    assert stats.connections == 4
    if protocol == "udp":
        assert (stats.packets_in, stats.packets_out) == (4, 4)


def test_a_client_of_a_removed_server_is_reset_during_a_download(
    farm: Farm, lvs: pylvs.Manager, balance: Balance
) -> None:
    """The client accepts the sequence number of the RST that its next packet gets.

    A server of VS-TUN, VS-DR or Local Node goes on sending for a while, so the first RST may be
    older than the data that the client has received.
    """
    address = farm.reals[0] if farm.method == "nat" else farm.vip
    service = balance("tcp", 7, "rr", 1, *[0] * (len(farm.reals) - 1))
    with farm.servers[0].socket(clients.family_of(address), socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, 7))
        listener.listen()
        with clients.connect(farm.client, "tcp", farm.vip, 7) as client:
            server, _ = listener.accept()
            with server:
                server.setblocking(False)
                server.send(bytes(1 << 20))
                assert client.recv(1)
                lvs.remove_real(service, farm.real(0))
                client.settimeout(10)
                client.sendall(b"more")
                with pytest.raises(ConnectionResetError):
                    _download(client, server)
    assert lvs.drops().server_removed >= 1


def _download(client: socket.socket, server: socket.socket) -> None:
    """Send to CLIENT as fast as it receives, until it has no more to receive."""
    while client.recv(1 << 16):
        with contextlib.suppress(OSError):
            server.send(bytes(1 << 16))
