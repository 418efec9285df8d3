# SPDX-License-Identifier: GPL-2.0
"""Local Node: clients reach a server on the director at each address and port it is bound to."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients
from ippfvslab.capture import frame_of, send_frames
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm, endpoint

from tests.live.helpers.packets import UDP, PacketSpec, error

if TYPE_CHECKING:
    import pylvs
    from tests.live.conftest import Ippfvsadm

pytestmark = pytest.mark.farm(methods=["local"])

# Pairs of the address that the server is bound to and the real server's address in the rule.
BINDINGS = [
    ("vip", "loopback"),
    ("any", "loopback"),
    ("loopback", "loopback"),
    ("vip", "own"),
    ("any", "own"),
    ("own", "own"),
    ("vip", "vip"),
]


def _address(farm: Farm, place: str) -> str:
    four = farm.family == 4
    return {
        "vip": farm.vip,
        "any": "0.0.0.0" if four else "::",
        "loopback": farm.reals[0],
        "own": "192.168.1.1" if four else "2001:db8:192:168::1",
    }[place]


@pytest.mark.parametrize("port", [80, 8080])
@pytest.mark.parametrize(("bound", "real"), BINDINGS)
def test_the_local_server_is_reached_at_each_bound_address(
    farm: Farm, lvs: pylvs.Manager, bound: str, real: str, port: int
) -> None:
    # UDP replies leave from the bound address, but Linux sends no packet from 127.0.0.1 to others.
    for protocol in ["tcp"] if bound == "loopback" else ["tcp", "udp"]:
        service = lvs.add_service(protocol, farm.service(80))
        lvs.add_real(service, endpoint(_address(farm, real), port))
        with (
            Echo(farm.director, protocol, _address(farm, bound), port, "local"),
            clients.connect(farm.client, protocol, farm.vip, 80) as one,
            clients.connect(farm.client, protocol, farm.vip, 80) as other,
        ):
            assert {clients.request(sock) for sock in (one, other, one, other)} == {"local"}
        info = lvs.service(protocol, farm.service(80))
        assert (str(info.reals[0].method), info.stats.connections) == ("local", 2)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_service_of_every_port_serves_each_port(
    farm: Farm, ippfvsadm: Ippfvsadm, protocol: str
) -> None:
    ippfvsadm("-A", f"-{protocol[0]}", farm.vip, "-R", farm.reals[0])
    bound = "loopback" if protocol == "tcp" else "any"
    for port in (21, 80, 50000):
        with (
            Echo(farm.director, protocol, _address(farm, bound), port, f"at {port}"),
            clients.connect(farm.client, protocol, farm.vip, port) as sock,
        ):
            assert clients.request(sock) == f"at {port}"


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_connection_without_a_listener_is_refused(
    farm: Farm, lvs: pylvs.Manager, protocol: str
) -> None:
    service = lvs.add_service(protocol, farm.service(80))
    lvs.add_real(service, endpoint(farm.reals[0], 8080))
    with pytest.raises(ConnectionRefusedError):
        clients.request_once(farm.client, protocol, farm.vip, 80)
    assert lvs.drops().no_listener == 1
    assert lvs.service(protocol, farm.service(80)).reals[0].active == 0


def test_the_clients_port_is_reusable_immediately(farm: Farm, lvs: pylvs.Manager) -> None:
    service = lvs.add_service("tcp", farm.service(80))
    lvs.add_real(service, endpoint(farm.reals[0], 8080))
    with Echo(farm.director, "tcp", farm.reals[0], 8080, "local"):
        for _ in range(3):
            sock = clients.connect(farm.client, "tcp", farm.vip, 80, source_port=5001, limit_s=10)
            assert clients.request(sock) == "local"
            clients.reset(sock)


def test_two_local_servers_share_a_service(farm: Farm, lvs: pylvs.Manager) -> None:
    """Two local servers at two addresses of the director are scheduled in turn."""
    service = lvs.add_service("tcp", farm.service(80), "rr")
    lvs.add_real(service, endpoint(_address(farm, "loopback"), 8001))
    lvs.add_real(service, endpoint(_address(farm, "own"), 8002))
    with (
        Echo(farm.director, "tcp", _address(farm, "loopback"), 8001, "one"),
        Echo(farm.director, "tcp", _address(farm, "own"), 8002, "two"),
    ):
        socks = [clients.connect(farm.client, "tcp", farm.vip, 80) for _ in range(4)]
        assert sorted(clients.request(sock) for sock in socks) == ["one", "one", "two", "two"]
        for sock in socks:
            sock.close()


def test_local_clients_of_a_vip_that_is_only_routed_are_refused(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """The director's own clients are refused, because their packets never reach LOCAL_IN."""
    routed_vip = "198.51.100.9" if farm.family == 4 else "2001:db8:51:100::9"
    with farm.director.added(f"route add {routed_vip} dev eth0"):
        refusals = {"tcp": ConnectionRefusedError, "udp": PermissionError}
        for count, (protocol, refusal) in enumerate(refusals.items(), 1):
            service = lvs.add_service(protocol, endpoint(routed_vip, 80))
            lvs.add_real(service, endpoint(farm.reals[0], 8080))
            with pytest.raises(refusal):
                clients.request_once(farm.director, protocol, routed_vip, 80, limit_s=10)
            assert lvs.drops().no_listener == count


def test_a_local_server_whose_address_was_removed_can_be_drained(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    own = "192.168.1.99" if farm.family == 4 else "2001:db8:192:168::99"
    real = endpoint(own, 8080)
    service = lvs.add_service("tcp", farm.service(80))
    with farm.director.added(f"addr add {own} dev lo"):
        lvs.add_real(service, real)
    lvs.edit_real(service, real, weight=0)
    assert lvs.service("tcp", farm.service(80)).reals[0].weight == 0


def test_a_connected_socket_receives_the_rest_of_its_clients_datagrams(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """UDP servers (DTLS, QUIC) may create one more socket for each client and connect it."""
    service = lvs.add_service("udp", farm.service(80))
    lvs.add_real(service, endpoint(farm.reals[0], 8080))
    here = (farm.vip, 8080)
    with (
        shared_socket(farm, here) as listener,
        clients.connect(farm.client, "udp", farm.vip, 80) as client,
    ):
        client.send(b"hello")
        data, peer = listener.recvfrom(100)
        assert data == b"hello"
        with shared_socket(farm, here) as accepted:
            accepted.connect(peer)
            for each in (b"first", b"second"):
                accepted.send(each)
                assert client.recv(100) == each
                client.send(each)
                assert accepted.recv(100) == each


@pytest.mark.parametrize("bound", ["own", "any"])
def test_a_reply_forged_outside_is_dropped(farm: Farm, lvs: pylvs.Manager, bound: str) -> None:
    """The stack drops a datagram from outside that has the director's own source address."""
    service = lvs.add_service("udp", farm.service(80))
    lvs.add_real(service, endpoint(_address(farm, "own"), 8080))
    with (
        Echo(farm.director, "udp", _address(farm, bound), 8080, "local"),
        clients.connect(farm.client, "udp", farm.vip, 80) as sock,
    ):
        assert clients.request(sock) == "local"
        before = lvs.stats()
        address, port = sock.getsockname()[:2]
        forged = PacketSpec(_address(farm, "own"), address, UDP, 8080, port, b"forged")
        send_from_client(farm, forged)
        assert clients.request(sock) == "local"
        assert lvs.stats().packets_out == before.packets_out + 1


def test_an_error_forged_outside_is_dropped(farm: Farm, lvs: pylvs.Manager) -> None:
    """The error quotes the client's packet to the server's port, which never left the director."""
    own = _address(farm, "own")
    service = lvs.add_service("udp", farm.service(80))
    lvs.add_real(service, endpoint(own, 8080))
    with (
        Echo(farm.director, "udp", own, 8080, "local"),
        clients.connect(farm.client, "udp", farm.vip, 80) as sock,
    ):
        assert clients.request(sock) == "local"
        address, port = sock.getsockname()[:2]
        quote = PacketSpec(address, own, UDP, port, 8080, b"hello").raw
        outer = PacketSpec(own, address)
        kind, code = (3, 3) if farm.family == 4 else (1, 4)
        send_from_client(farm, outer, error(outer, kind, code, quote, 0))
        assert clients.request(sock) == "local"


def send_from_client(farm: Farm, spec: PacketSpec, whole: bytes = b"") -> None:
    """Send SPEC, or the packet WHOLE, from the client's interface with any addresses."""
    frame = frame_of(whole or spec.raw, farm.mac("director", "lan"), farm.mac("client", "lan"))
    send_frames(farm.client, farm.device("client", "lan"), frame)


def shared_socket(farm: Farm, address: tuple[str, int]) -> socket.socket:
    """Return a UDP socket of the director at ADDRESS that shares its port."""
    sock = farm.director.socket(clients.family_of(address[0]), socket.SOCK_DGRAM)
    sock.settimeout(10)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(address)
    return sock
