# SPDX-License-Identifier: GPL-2.0
"""Two directors with the same VIP in different namespaces do not affect each other.

client ── router ── director ── server1, server2        own0-: rules in its director
client ── router ── director ── server1, server2        own1-: the same addresses

An unprivileged user who is root in a user namespace cannot use up all connections.
"""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm

import pylvs
import pylvs.uapi
from tests.live.helpers import unprivileged

if TYPE_CHECKING:
    from tests.live.conftest import OwnFarm


def _serve(farm: Farm, stack: contextlib.ExitStack) -> pylvs.Manager:
    for server, real in zip(farm.servers, farm.reals, strict=True):
        stack.enter_context(Echo(server, "tcp", real, 7))
    return stack.enter_context(pylvs.Manager(str(farm.director.path)))


def test_two_directors_with_one_vip_are_independent(own_farm: OwnFarm) -> None:
    one, other = own_farm("nat"), own_farm("nat")
    with contextlib.ExitStack() as stack:
        lvs, lvs_other = _serve(one, stack), _serve(other, stack)
        service = lvs.add_service("tcp", one.service(7))
        lvs.add_real(service, one.real(0, 7))
        assert lvs_other.services() == []
        with pytest.raises(ConnectionRefusedError):
            clients.request_once(other.client, "tcp", other.vip, 7)

        lvs_other.add_real(service, other.real(1, 7), create=True)
        sock = stack.enter_context(clients.connect(one.client, "tcp", one.vip, 7, 5000))
        sock_other = stack.enter_context(clients.connect(other.client, "tcp", other.vip, 7, 5000))
        assert [clients.request(sock), clients.request(sock_other)] == [
            "own0-server1",
            "own1-server2",
        ]
        for manager, farm, number in ((lvs, one, 0), (lvs_other, other, 1)):
            (connection,) = manager.connections()
            assert str(connection.real) == farm.real(number, 7)
            assert manager.stats().connections == 1

        lvs_other.configure(default_method="dr", conn_max=7)
        assert (str(lvs.config().default_method), lvs.config().conn_max) == ("nat", 0)
        lvs_other.clear()
        assert clients.request(sock) == "own0-server1"


def _connections_with_conn_max(number: int) -> int:
    with pylvs.Manager() as lvs:
        lvs.configure(conn_max=number)
        for _ in range(4):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b"hello", (unprivileged.VIP, 7))
        return len(list(lvs.connections()))


@pytest.mark.farm(methods=["nat"])
def test_unprivileged_namespaces_use_at_most_half_of_the_limit(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """The user is root there and sets that namespace's maximum."""
    limit = Path("/sys/module/ippfvs/parameters/conn_limit")
    service = lvs.add_service("udp", pylvs.Endpoint(farm.vip, 7), "rr")
    lvs.add_real(service, farm.real(0, 7), method="nat")
    limit.write_text("4")
    try:
        with unprivileged.Process() as user:
            user.call(unprivileged.become_a_user)
            user.call(unprivileged.add_service, 7)
            most = pylvs.uapi.UNPRIVILEGED_CONNS
            assert [user.call(_connections_with_conn_max, number) for number in (0, most)] == [2, 2]
            with Echo(farm.servers[0], "udp", farm.reals[0], 7):
                clients.request_once(farm.client, "udp", farm.vip, 7)
    finally:
        limit.write_text("0")
