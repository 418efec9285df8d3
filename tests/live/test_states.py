# SPDX-License-Identifier: GPL-2.0
"""The state of a connection in the table, from its SYN to its end."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients
from ippfvslab.farm import Farm

if TYPE_CHECKING:
    import pylvs
    from tests.live.conftest import Balance, Echoes, Ippfvsadm

LIMIT_S = 20
# A sweep of the table takes 8 seconds, and it may be late in a busy guest.
SWEEP_S = 8
LATE_S = 5


def _wait_for_states(lvs: pylvs.Manager, *states: str) -> list[pylvs.Connection]:
    """Return the connections when their states are STATES."""
    limit = time.monotonic() + LIMIT_S
    while True:
        connections = list(lvs.connections())
        found = sorted(str(each.state) for each in connections)
        if found == sorted(states):
            return connections
        assert time.monotonic() < limit, f"{found}, not {states}"
        time.sleep(0.01)


def _load(lvs: pylvs.Manager) -> tuple[int, int]:
    """Return the active and inactive connections of all real servers."""
    services = lvs.services()
    return sum(each.active for each in services), sum(each.inactive for each in services)


def _listener(farm: Farm) -> socket.socket:
    """Return a TCP listener on the first real server. The test itself is the server."""
    address = farm.reals[0] if farm.method == "nat" else farm.vip
    listener = farm.servers[0].socket(clients.family_of(address), socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, 7))
    listener.listen()
    listener.settimeout(LIMIT_S)
    return listener


def test_a_connection_goes_from_established_to_close(
    farm: Farm, lvs: pylvs.Manager, balance: Balance
) -> None:
    balance("tcp", 7, "rr", 1, *[0] * (len(farm.reals) - 1))
    with _listener(farm) as listener, clients.connect(farm.client, "tcp", farm.vip, 7) as client:
        server, _ = listener.accept()
        (connection,) = _wait_for_states(lvs, "established")
        assert str(connection.client) == str(_endpoint(farm, client))
        assert str(connection.virtual) == farm.service(7)
        assert str(connection.real) == farm.real(0, 7)
        assert str(connection.method) == farm.method
        # Unless the director sees both sides, this client may not exist (test_pressure.py).
        assert 7000 < connection.expires_s <= 7500 or farm.method != "nat"
        assert _load(lvs) == (1, 0)
        client.shutdown(socket.SHUT_WR)
        _wait_for_states(lvs, "fin_wait")
        assert _load(lvs) == (0, 1)
        server.close()
        assert client.recv(1) == b""
        _wait_for_states(lvs, {"nat": "time_wait"}.get(farm.method, "fin_wait"))


def _endpoint(farm: Farm, sock: socket.socket) -> pylvs.Endpoint:
    from pylvs import Endpoint

    address, port = sock.getsockname()[:2]
    return Endpoint(address, port)


@pytest.mark.farm(methods=["nat"])
def test_a_silent_server_shows_syn_sent_and_a_closing_one_close_wait(
    farm: Farm, lvs: pylvs.Manager, balance: Balance
) -> None:
    balance("tcp", 7, "rr", 1)
    silence = f"{'-6 ' if farm.family == 6 else ''}route add blackhole {farm.layout.client}"
    with _listener(farm) as listener:
        farm.servers[0].run("ip", *silence.split())
        family = clients.family_of(farm.vip)
        with farm.client.socket(family, socket.SOCK_STREAM) as client:
            client.setblocking(False)
            client.connect_ex((farm.vip, 7))
            _wait_for_states(lvs, "syn_sent")
            assert _load(lvs) == (0, 1)
            farm.servers[0].run("ip", *silence.replace("add", "del").split())
            server, _ = listener.accept()
            _wait_for_states(lvs, "established")
            server.close()
            _wait_for_states(lvs, "close_wait")
            assert _load(lvs) == (0, 1)
            clients.reset(client)
            _wait_for_states(lvs, "closed")


def test_a_closing_connection_is_replaced_immediately(
    farm: Farm, lvs: pylvs.Manager, balance: Balance
) -> None:
    """The client's next SYN from the same port is answered without a retransmission."""
    balance("tcp", 7, "rr", 1, *[0] * (len(farm.reals) - 1))
    with _listener(farm) as listener:
        for _ in range(4):
            began = time.monotonic()
            client = clients.connect(farm.client, "tcp", farm.vip, 7, source_port=5000)
            assert time.monotonic() - began < 0.9
            server, _ = listener.accept()
            server.close()  # the server closes first, so that TIME_WAIT is the server's
            assert client.recv(1) == b""
            client.close()
    assert lvs.stats().connections == 4
    assert len(list(lvs.connections())) == 1


@pytest.mark.farm(methods=["nat"])
def test_idle_connections_expire(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    lvs.configure(tcp_timeout_s=1, udp_timeout_s=1)
    socks = []
    for protocol in ("tcp", "udp"):
        echoes(protocol, 7)
        balance(protocol, 7)
        socks += [clients.connect(farm.client, protocol, farm.vip, 7) for _ in range(10)]
    for sock in socks:
        clients.request(sock)
    began = time.monotonic()
    assert sum(_load(lvs)) == len(socks)
    while lvs.config().connections and time.monotonic() < began + LIMIT_S:
        time.sleep(0.1)
    assert time.monotonic() - began < 1 + SWEEP_S + LATE_S
    assert _load(lvs) == (0, 0)
    for sock in socks:
        sock.close()


@pytest.mark.farm(methods=["nat"])
def test_the_command_lists_connections(
    farm: Farm, ippfvsadm: Ippfvsadm, balance: Balance, echoes: Echoes
) -> None:
    echoes("tcp", 7)
    balance("tcp", 7, "rr", 1)
    ippfvsadm("--set", 900, 120, 300)
    with clients.connect(farm.client, "tcp", farm.vip, 7) as sock:
        clients.request(sock)
        listed = ippfvsadm("-L", "-c").stdout.lower()
    for word in (farm.layout.client, farm.service(7), farm.real(0, 7), "established"):
        assert word in listed
    ippfvsadm("--set", 7500, 120, 300)
