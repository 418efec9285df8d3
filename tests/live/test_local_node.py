# SPDX-License-Identifier: GPL-2.0
"""Local Node: the director serves, wherever its server is bound and on whatever port."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from ippfvslab import talk, wire
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm, endpoint

from tests.live.helpers.packets import UDP, Made, error

if TYPE_CHECKING:
    import pylvs
    from tests.live.conftest import Ippfvsadm

pytestmark = pytest.mark.farm(methods=["local"])

# Where the server is bound, and the real server's address in the rule.
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
def test_server_is_reached(
    farm: Farm, lvs: pylvs.Manager, bound: str, real: str, port: int
) -> None:
    # UDP's answers leave from where the server is bound: Linux sends none from 127.0.0.1 abroad.
    for protocol in ["tcp"] if bound == "loopback" else ["tcp", "udp"]:
        service = lvs.add_service(protocol, farm.service(80))
        lvs.add_real(service, endpoint(_address(farm, real), port))
        with (
            Echo(farm.director, protocol, _address(farm, bound), port, "local"),
            talk.connect(farm.client, protocol, farm.vip, 80) as one,
            talk.connect(farm.client, protocol, farm.vip, 80) as other,
        ):
            assert {talk.who(sock) for sock in (one, other, one, other)} == {"local"}
        info = lvs.service(protocol, farm.service(80))
        assert (str(info.reals[0].method), info.stats.connections) == ("local", 2)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_service_of_every_port(farm: Farm, ippfvsadm: Ippfvsadm, protocol: str) -> None:
    ippfvsadm("-A", f"-{protocol[0]}", farm.vip, "-R", farm.reals[0])
    bound = "loopback" if protocol == "tcp" else "any"
    for port in (21, 80, 50000):
        with (
            Echo(farm.director, protocol, _address(farm, bound), port, f"at {port}"),
            talk.connect(farm.client, protocol, farm.vip, port) as sock,
        ):
            assert talk.who(sock) == f"at {port}"


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_nobody_listens(farm: Farm, lvs: pylvs.Manager, protocol: str) -> None:
    service = lvs.add_service(protocol, farm.service(80))
    lvs.add_real(service, endpoint(farm.reals[0], 8080))
    with pytest.raises(ConnectionRefusedError):
        talk.ask(farm.client, protocol, farm.vip, 80)
    assert lvs.drops().no_listener == 1
    assert lvs.service(protocol, farm.service(80)).reals[0].active == 0


def test_the_clients_port_is_used_again_at_once(farm: Farm, lvs: pylvs.Manager) -> None:
    service = lvs.add_service("tcp", farm.service(80))
    lvs.add_real(service, endpoint(farm.reals[0], 8080))
    with Echo(farm.director, "tcp", farm.reals[0], 8080, "local"):
        for _ in range(3):
            sock = talk.connect(farm.client, "tcp", farm.vip, 80, source_port=5001, limit_s=10)
            assert talk.who(sock) == "local"
            talk.reset(sock)


def test_one_director_serves_beside_others(farm: Farm, lvs: pylvs.Manager) -> None:
    """Two local servers at two addresses of the director take turns."""
    service = lvs.add_service("tcp", farm.service(80), "rr")
    lvs.add_real(service, endpoint(_address(farm, "loopback"), 8001))
    lvs.add_real(service, endpoint(_address(farm, "own"), 8002))
    with (
        Echo(farm.director, "tcp", _address(farm, "loopback"), 8001, "one"),
        Echo(farm.director, "tcp", _address(farm, "own"), 8002, "two"),
    ):
        socks = [talk.connect(farm.client, "tcp", farm.vip, 80) for _ in range(4)]
        assert sorted(talk.who(sock) for sock in socks) == ["one", "one", "two", "two"]
        for sock in socks:
            sock.close()


def test_a_virtual_address_of_nobody_has_no_socket_here(farm: Farm, lvs: pylvs.Manager) -> None:
    """The director's own clients are refused: their packets never arrive where sockets are."""
    nobody = "198.51.100.9" if farm.family == 4 else "2001:db8:51:100::9"
    with farm.director.added(f"route add {nobody} dev eth0"):
        told = {"tcp": ConnectionRefusedError, "udp": PermissionError}
        for count, (protocol, refusal) in enumerate(told.items(), 1):
            service = lvs.add_service(protocol, endpoint(nobody, 80))
            lvs.add_real(service, endpoint(farm.reals[0], 8080))
            with pytest.raises(refusal):
                talk.ask(farm.director, protocol, nobody, 80, limit_s=10)
            assert lvs.drops().no_listener == count


def test_drained_after_its_address_has_moved(farm: Farm, lvs: pylvs.Manager) -> None:
    own = "192.168.1.99" if farm.family == 4 else "2001:db8:192:168::99"
    real = endpoint(own, 8080)
    service = lvs.add_service("tcp", farm.service(80))
    with farm.director.added(f"addr add {own} dev lo"):
        lvs.add_real(service, real)
    lvs.edit_real(service, real, weight=0)
    assert lvs.service("tcp", farm.service(80)).reals[0].weight == 0


def test_a_socket_for_each_client(farm: Farm, lvs: pylvs.Manager) -> None:
    """UDP servers (DTLS, QUIC) connect a socket on their port to a client; it gets the rest."""
    service = lvs.add_service("udp", farm.service(80))
    lvs.add_real(service, endpoint(farm.reals[0], 8080))
    here = (farm.vip, 8080)
    with (
        shared_socket(farm, here) as listener,
        talk.connect(farm.client, "udp", farm.vip, 80) as client,
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
def test_an_answer_forged_outside_is_no_answer(farm: Farm, lvs: pylvs.Manager, bound: str) -> None:
    """A datagram with the director's own source address, from the wire: the stack refuses it."""
    service = lvs.add_service("udp", farm.service(80))
    lvs.add_real(service, endpoint(_address(farm, "own"), 8080))
    with (
        Echo(farm.director, "udp", _address(farm, bound), 8080, "local"),
        talk.connect(farm.client, "udp", farm.vip, 80) as sock,
    ):
        assert talk.who(sock) == "local"
        before = lvs.stats()
        address, port = sock.getsockname()[:2]
        forged = Made(_address(farm, "own"), address, UDP, 8080, port, b"forged")
        throw(farm, forged)
        assert talk.who(sock) == "local"
        assert lvs.stats().packets_out == before.packets_out + 1


def test_an_error_forged_outside_is_no_error(farm: Farm, lvs: pylvs.Manager) -> None:
    """It quotes the client's packet to the server's own port, which was on no wire."""
    own = _address(farm, "own")
    service = lvs.add_service("udp", farm.service(80))
    lvs.add_real(service, endpoint(own, 8080))
    with (
        Echo(farm.director, "udp", own, 8080, "local"),
        talk.connect(farm.client, "udp", farm.vip, 80) as sock,
    ):
        assert talk.who(sock) == "local"
        address, port = sock.getsockname()[:2]
        quote = Made(address, own, UDP, port, 8080, b"hello").raw
        outer = Made(own, address)
        kind, code = (3, 3) if farm.family == 4 else (1, 4)
        throw(farm, outer, error(outer, kind, code, quote, 0))
        assert talk.who(sock) == "local"


def throw(farm: Farm, made: Made, whole: bytes = b"") -> None:
    """Send MADE, or what is WHOLE with it, from the client's cable, whatever addresses it bears."""
    frame = wire.frame_of(whole or made.raw, farm.mac("director", "lan"), farm.mac("client", "lan"))
    wire.throw(farm.client, farm.device("client", "lan"), frame)


def shared_socket(farm: Farm, address: tuple[str, int]) -> socket.socket:
    """A UDP socket of the director at ADDRESS, which others may share."""
    sock = farm.director.socket(talk.family_of(address[0]), socket.SOCK_DGRAM)
    sock.settimeout(10)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(address)
    return sock
