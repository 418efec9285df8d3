# SPDX-License-Identifier: GPL-2.0
"""Local Node: clients reach a server on the director at each address and port it is bound to."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients
from ippfvslab.capture import frame_of, send_frames
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm, endpoint

from tests.live.helpers.packets import UDP, PacketSpec, error

if TYPE_CHECKING:
    import pylvs
    from tests.live.conftest import Echoes, Ippfvsadm

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

# These are also tested with rules that give NAT, DR or TUN as the method.
DIRECTORS = [("loopback", "loopback"), ("any", "loopback"), ("own", "own"), ("vip", "own")]


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


@pytest.mark.parametrize("flag", ["-m", "-g", "-i"])
@pytest.mark.parametrize(("bound", "real"), DIRECTORS)
def test_an_address_of_the_director_is_local_node_whatever_the_flag(
    farm: Farm, ippfvsadm: Ippfvsadm, lvs: pylvs.Manager, bound: str, real: str, flag: str
) -> None:
    """IPVS takes any method for it, so people write `-r 127.0.0.1:8080 -g`."""
    for protocol in ["tcp"] if bound == "loopback" else ["tcp", "udp"]:
        for port in (80, 8080):
            service, server = farm.service(80), endpoint(_address(farm, real), port)
            ippfvsadm("-A", f"-{protocol[0]}", service, "-s", "rr")
            ippfvsadm("-a", f"-{protocol[0]}", service, "-r", server, flag)
            ippfvsadm("-e", f"-{protocol[0]}", service, "-r", server, flag, "-w", 2)
            with Echo(farm.director, protocol, _address(farm, bound), port, "local"):
                for host in (farm.client, farm.director):
                    assert clients.request_once(host, protocol, farm.vip, 80) == "local"
            info = lvs.service(protocol, service)
            assert (str(info.reals[0].method), info.stats.connections) == ("local", 2)
            ippfvsadm("-D", f"-{protocol[0]}", service)


@pytest.mark.farm(methods=["nat", "dr"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_local_node_serves_beside_other_servers_of_one_method(
    farm: Farm, lvs: pylvs.Manager, echoes: Echoes, protocol: str
) -> None:
    others = [echo.name for echo in echoes(protocol, 80)]
    lan = "inside" if farm.method == "nat" else "lan"
    own = farm.layout.hosts["director"].nics[lan][0].partition("/")[0]
    service = lvs.add_service(protocol, farm.service(80), "rr")
    for real in (own, *farm.reals):
        lvs.add_real(service, endpoint(real, 80), method=farm.method)
    bound = own if farm.method == "nat" else farm.vip
    with Echo(farm.director, protocol, bound, 80, "local"):
        count = 2 * (1 + len(farm.reals))
        names = [clients.request_once(farm.client, protocol, farm.vip, 80) for _ in range(count)]
    assert sorted(names) == sorted(2 * ["local", *others])


def test_an_address_that_is_being_checked_or_only_routed_is_local_node(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """Rules are loaded at boot, when IPv6 still checks addresses. `ip route add local` counts."""
    routed = "198.51.100.7" if farm.family == 4 else "2001:db8:51:100::7"
    service = lvs.add_service("tcp", farm.service(80))
    with farm.director.added(f"route add local {routed} dev lo"):
        lvs.add_real(service, endpoint(routed, 8080), method="nat")
        with Echo(farm.director, "tcp", _address(farm, "any"), 8080, "local"):
            assert clients.request_once(farm.client, "tcp", farm.vip, 80) == "local"
    methods = {str(real.method) for real in lvs.service("tcp", farm.service(80)).reals}
    if farm.family == 6:
        late = "2001:db8:192:168::98"
        device = farm.device("director", "lan")
        with checked_addresses(farm), farm.director.added(f"addr add {late}/64 dev {device}"):
            assert "tentative" in farm.director.run("ip", "-6", "addr", "show", "tentative").stdout
            lvs.add_real(service, endpoint(late, 8080), method="dr")
        methods |= {str(real.method) for real in lvs.service("tcp", farm.service(80)).reals}
    assert methods == {"local"}


@contextlib.contextmanager
def checked_addresses(farm: Farm) -> Iterator[None]:
    """Let the director check new addresses for duplicates."""
    names = ["ipv6.conf.all.accept_dad", f"ipv6.conf.{farm.device('director', 'lan')}.accept_dad"]
    for name in names:
        farm.director.sysctl(name, 1)
    try:
        yield
    finally:
        for name in names:
            farm.director.sysctl(name, 0)


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


def test_the_listing_marks_rules_that_changed_addresses_have_broken(
    farm: Farm, ippfvsadm: Ippfvsadm, lvs: pylvs.Manager
) -> None:
    """Each service has one real server. Its fault comes and goes with an address."""
    late, vip = _more_addresses(farm)
    device = farm.device("director", "lan")
    services = {
        "real_is_own": (farm.service(81), endpoint(late, 81), "-g", late),
        "real_not_own": (farm.service(82), endpoint(late, 82), "--method=local", late),
        "virtual_not_own": (endpoint(vip, 83), endpoint(farm.reals[0], 83), "-m", vip),
    }
    for fault, (service, real, method, moving) in services.items():
        moves = farm.director.added(f"addr add {moving} dev {device}")
        if fault == "real_not_own":
            with moves:
                ippfvsadm("-A", "-t", service, "-R", real, method)
                assert _fault(ippfvsadm, service) == (None, "")
            mark, warning = _fault(ippfvsadm, service)
        elif fault == "real_is_own":
            ippfvsadm("-A", "-t", service, "-R", real, method)
            assert _fault(ippfvsadm, service) == (None, "")
            with moves:
                mark, warning = _fault(ippfvsadm, service)
                ippfvsadm("-e", "-t", service, "-r", real, method)
                assert _fault(ippfvsadm, service) == (None, "")
                with Echo(farm.director, "tcp", late, 81, "local"):
                    assert clients.request_once(farm.client, "tcp", farm.vip, 81) == "local"
        else:
            ippfvsadm("-A", "-t", service, "-R", real, method)
            mark, warning = _fault(ippfvsadm, service)
            with moves:
                assert _fault(ippfvsadm, service) == (None, "")
        assert mark == fault
        assert warning.startswith(f"ippfvsadm: warning: {real} of tcp {service} is ")


def _more_addresses(farm: Farm) -> tuple[str, str]:
    """Return a real server's address and a VIP that the director does not have yet."""
    if farm.family == 4:
        return "192.168.1.97", "192.168.1.96"
    return "2001:db8:192:168::97", "2001:db8:192:168::96"


def _fault(ippfvsadm: Ippfvsadm, service: str) -> tuple[str | None, str]:
    """Return the fault of the only real server of SERVICE, and the warning of the listing."""
    (listed,) = json.loads(ippfvsadm("-L", "-t", service, "--json").stdout)["services"]
    (real,) = listed["reals"]
    return real["fault"], ippfvsadm("-L", "-t", service, "-v").stderr


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
