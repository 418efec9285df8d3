# SPDX-License-Identifier: GPL-2.0
"""A UDP service of every port leaves to the director what is for the director's own sockets.

    client ── router ── director ── server1, server2        the farm of VS-NAT;
              peer                                          the director has the VIP

WireGuard, VXLAN and ntpd send from a socket that is not connected, and get answers at its port.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm, endpoint

if TYPE_CHECKING:
    import pylvs
    from tests.live.conftest import Echoes

pytestmark = pytest.mark.farm(methods=["nat"])

PORT = 51820
LIMIT_S = 5


@pytest.fixture
def every_port(farm: Farm, lvs: pylvs.Manager) -> pylvs.Service:
    """Balance every UDP port of the VIP."""
    service = lvs.add_service("udp", endpoint(farm.vip), "rr")
    for real in farm.reals:
        lvs.add_real(service, endpoint(real), method="nat")
    return service


@pytest.mark.parametrize("bound", ["any", "vip", "any of both families"])
def test_answers_to_an_unconnected_socket_arrive(
    farm: Farm, lvs: pylvs.Manager, every_port: pylvs.Service, bound: str
) -> None:
    peer = farm.layout.hosts["router"].nics["internet"][0].partition("/")[0]
    with (
        Echo(farm.hosts["router"], "udp", peer, PORT + 1, "peer"),
        unconnected(farm, bound) as sock,
    ):
        mapped = f"::ffff:{peer}" if sock.family == socket.AF_INET6 and farm.family == 4 else peer
        for _ in range(2):
            sock.sendto(b"hello", (mapped, PORT + 1))
            assert sock.recv(100) == b"peer:hello"
    assert lvs.service("udp", endpoint(farm.vip)).stats.connections == 0


def test_a_flow_stays_with_its_server_when_a_socket_takes_its_port(
    farm: Farm, lvs: pylvs.Manager, every_port: pylvs.Service, echoes: Echoes
) -> None:
    servers = {echo.name for echo in echoes("udp", PORT)}
    with clients.connect(farm.client, "udp", farm.vip, PORT) as known:
        name = clients.request(known)
        assert name in servers
        with (
            unconnected(farm, "any") as sock,
            clients.connect(farm.client, "udp", farm.vip, PORT) as new,
        ):
            assert clients.request(known) == name
            new.send(b"for the director")
            assert sock.recv(100) == b"for the director"
        with clients.connect(farm.client, "udp", farm.vip, PORT) as later:
            assert clients.request(later) in servers


def unconnected(farm: Farm, bound: str) -> socket.socket:
    """Return a UDP socket of the director that is bound to PORT and not connected."""
    family = clients.family_of(farm.vip)
    if bound == "any of both families":
        family = socket.AF_INET6
    sock = farm.director.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(LIMIT_S)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    anywhere = "::" if family == socket.AF_INET6 else "0.0.0.0"
    sock.bind((farm.vip if bound == "vip" else anywhere, PORT))
    return sock
