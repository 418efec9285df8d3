# SPDX-License-Identifier: GPL-2.0
"""ICMP errors about our flows in both directions: byte for byte, and as sockets see them."""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm

from tests.live.helpers.packets import IPIP, IPV6, SYN, TCP, UDP, PacketSpec, compare, error, ip
from tests.live.helpers.wiretap import REAL_PORT, VIRTUAL_PORT, Tap, captured, frames, serve, tap

if TYPE_CHECKING:
    import pylvs

BOTH = ("udp", "tcp")
NUMBERS = {"udp": UDP, "tcp": TCP}
# For each error: the name, the type, the code, and the word after the checksum.
ERRORS = {
    4: (
        ("port unreachable", 3, 3, 0),
        ("fragmentation needed", 3, 4, 1400),
        ("source quench", 4, 0, 0),
        ("time exceeded", 11, 0, 0),
        ("parameter problem", 12, 0, 20 << 24),
    ),
    6: (
        ("port unreachable", 1, 4, 0),
        ("too big", 2, 0, 1400),
        ("time exceeded", 3, 0, 0),
        ("parameter problem", 4, 0, 40),
    ),
}
QUOTED = {"whole": 0, "eight bytes": 8, "twelve bytes": 12}
"""The number of quoted bytes of the transport header and data. 0 means all."""

RECVERR = {4: (socket.IPPROTO_IP, 11), 6: (socket.IPPROTO_IPV6, 25)}
TTL = {4: (socket.IPPROTO_IP, socket.IP_TTL), 6: (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)}


def quotes(packet: PacketSpec) -> dict[str, int]:
    """Return the length in bytes of each kind of quote of PACKET."""
    head = len(packet.raw) - len(packet.transport)
    return {name: head + size if size else len(packet.raw) for name, size in QUOTED.items()}


def open_flow(wires: Tap, protocol: str) -> PacketSpec:
    """Create a connection and return its first packet from the client."""
    first = PacketSpec(
        wires.client, wires.vip, NUMBERS[protocol], 4000, VIRTUAL_PORT, b"quote me!", flags=SYN
    )
    with captured(wires.behind) as capture:
        wires.to_vip(first.raw)
        assert len(frames(capture, 1)) == 1
    return first


def real_port(farm: Farm) -> int:
    return REAL_PORT if farm.method == "nat" else VIRTUAL_PORT


@pytest.mark.farm(methods=["nat", "tun", "dr"])
def test_errors_about_replies_reach_the_server(farm: Farm, lvs: pylvs.Manager) -> None:
    expected, sent = {}, []
    with tap(farm) as wires, captured(wires.behind) as capture:
        serve(lvs, wires, farm.method)
        for protocol in BOTH:
            first = open_flow(wires, protocol)
            seen = first.changed(source=wires.vip, dest=wires.client, sport=80, dport=4000)
            for name, kind, code, info in ERRORS[farm.family]:
                for size, length in quotes(seen).items():
                    outer = PacketSpec(hop(wires.client), wires.vip, tos=0xC0)
                    sent.append(error(outer, kind, code, seen.raw[:length], info))
                    expected[f"{protocol} {name} {size}"] = [
                        wires.frame_behind(
                            error_at_server(wires, outer, seen, length, kind, code, info)
                        )
                    ]
        frames(capture, 2)
        wires.to_vip(*sent)
        got = [without_ident(each, farm) for each in frames(capture, 2 + len(sent))[2:]]
        wanted = {n: [without_ident(e, farm) for e in each] for n, each in expected.items()}
        compare(got, wanted)


def hop(address: str) -> str:
    """Return the address after ADDRESS, which tests use as the address of a router."""
    return str(ipaddress.ip_address(address) + 1)


def error_at_server(
    wires: Tap, outer: PacketSpec, seen: PacketSpec, length: int, kind: int, code: int, info: int
) -> bytes:
    """Return the error that the real server receives: translated (NAT), or unchanged."""
    if wires.farm.method == "nat":
        quote = seen.changed(source=wires.real, sport=REAL_PORT).raw[:length]
        return error(outer.forwarded(dest=wires.real), kind, code, quote, info)
    passed = error(outer.forwarded(), kind, code, seen.raw[:length], info)
    if wires.farm.method == "dr":
        return passed
    return encapsulated_bytes(wires, outer, passed)


def encapsulated_bytes(wires: Tap, outer: PacketSpec, inner: bytes) -> bytes:
    """Return INNER with the director's outer header. OUTER describes the header of INNER."""
    number = IPIP if outer.family == 4 else IPV6
    return ip(PacketSpec(wires.own, wires.real, number, tos=outer.tos, ident=0), inner)


def without_ident(frame: bytes, farm: Farm) -> bytes:
    """Return FRAME without the outer identification, which is arbitrary, and its checksum."""
    if farm.method != "tun" or farm.family == 6:
        return frame
    return frame[:18] + frame[20:24] + frame[26:]


@pytest.mark.farm(methods=["nat"])
def test_errors_about_requests_reach_the_client(farm: Farm, lvs: pylvs.Manager) -> None:
    expected, sent = {}, []
    with tap(farm) as wires, captured(wires.edge) as capture:
        serve(lvs, wires, "nat")
        for protocol in BOTH:
            first = open_flow(wires, protocol)
            seen = first.forwarded(dest=wires.real, dport=REAL_PORT)
            virtual = seen.changed(dest=wires.vip, dport=VIRTUAL_PORT)
            for name, kind, code, info in ERRORS[farm.family]:
                for size, length in quotes(seen).items():
                    outer = PacketSpec(hop(wires.real), wires.client)
                    sent.append(error(outer, kind, code, seen.raw[:length], info))
                    outer = outer.forwarded(source=wires.vip)
                    translated = error(outer, kind, code, virtual.raw[:length], info)
                    expected[f"{protocol} {name} {size}"] = [wires.frame_at_edge(translated)]
        wires.from_real(*sent)
        compare(frames(capture, len(sent)), expected)


@pytest.mark.farm(methods=["nat"])
def test_an_error_from_a_removed_server_is_dropped(farm: Farm, lvs: pylvs.Manager) -> None:
    """The client's next datagram goes to another server, so the error must not reach the client."""
    with tap(farm) as wires:
        serve(lvs, wires, "nat")
        first = open_flow(wires, "udp")
        seen = first.forwarded(dest=wires.real, dport=REAL_PORT)
        _name, kind, code, info = ERRORS[farm.family][0]
        unreachable = error(PacketSpec(wires.real, wires.client), kind, code, seen.raw, info)
        with captured(wires.edge) as capture:
            wires.from_real(unreachable)
            assert len(frames(capture, 1)) == 1
            for service in lvs.services():
                lvs.remove_real(service.rule(), service.reals[0].endpoint)
            before = lvs.drops().server_removed
            wires.from_real(unreachable)
            assert len(frames(capture, 2, limit_s=0.1)) == 1
        assert lvs.drops().server_removed == before + 1


@pytest.mark.farm(methods=["nat", "tun", "dr"])
def test_an_error_with_a_wrong_checksum_is_dropped(farm: Farm, lvs: pylvs.Manager) -> None:
    """If the error were forwarded, it would get a correct checksum."""
    with tap(farm) as wires:
        serve(lvs, wires, farm.method)
        first = open_flow(wires, "udp")
        seen = first.changed(source=wires.vip, dest=wires.client, sport=80, dport=4000)
        outer = PacketSpec(hop(wires.client), wires.vip)
        _name, kind, code, info = ERRORS[farm.family][0]
        before = lvs.drops().icmp_checksum
        with captured(wires.behind) as capture:
            wires.to_vip(
                error(outer, kind, code, seen.raw, info, broken=True),
                error(outer.changed(ttl=9), kind, code, seen.raw, info),
            )
            assert len(frames(capture, 1)) == 1
            assert len(frames(capture, 2, limit_s=0.1)) == 1
        assert lvs.drops().icmp_checksum == before + 1


@pytest.mark.farm(methods=["nat"])
def test_an_error_that_quotes_the_other_family_changes_no_flow(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """The error belongs to no flow, and the flow in the director's family continues."""
    with tap(farm) as wires, captured(wires.behind) as capture:
        serve(lvs, wires, farm.method)
        first = open_flow(wires, "udp")
        seen = first.changed(source=wires.vip, dest=wires.client, sport=80, dport=4000)
        other = (
            PacketSpec("2001:db8::1", "2001:db8::2")
            if farm.family == 4
            else PacketSpec("1.0.0.1", "1.0.0.2")
        )
        _name, kind, code, info = ERRORS[other.family][0]
        wires.to_vip(error(other, kind, code, seen.raw, info), first.raw)
        before, after = frames(capture, 2)
        assert before == after


@pytest.mark.farm(methods=["tun"])
def test_only_an_error_that_quotes_a_clients_packet_reduces_the_tunnels_mtu(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """Each learned MTU is smaller than the MTUs that were learned before."""
    _name, kind, code, _info = next(each for each in ERRORS[farm.family] if each[3] == 1400)
    with tap(farm) as wires:
        serve(lvs, wires, "tun")
        known = open_flow(wires, "udp")
        teller = PacketSpec(hop(wires.real), wires.own, tos=0xC0)
        for first, mtu in ((known.changed(sport=4001), 1280), (known, 1300)):
            quote = encapsulated_bytes(wires, first, first.forwarded().raw)
            wires.from_real(error(teller, kind, code, quote, mtu))
        end = time.monotonic() + 10
        while "mtu" not in (route := farm.director.run("ip", "route", "get", wires.real).stdout):
            assert time.monotonic() < end, "the tunnel learned no MTU"
        farm.director.run("ip", f"-{farm.family}", "route", "flush", "cache")
        assert "mtu 1300" in route


@pytest.mark.farm(methods=["nat", "dr"])
def test_the_director_answers_an_echo_request_to_the_vip(farm: Farm, lvs: pylvs.Manager) -> None:
    with tap(farm) as wires, captured(wires.edge) as capture:
        serve(lvs, wires, farm.method)
        asked, answered = (8, 0) if farm.family == 4 else (128, 129)
        outer = PacketSpec(wires.client, wires.vip)
        data = struct.pack("!I", 0xBEEF0001)
        wires.to_vip(error(outer, asked, 0, b"ping", 0xBEEF0001))
        reply = frames(capture, 1)[0][14:]
        back = error(
            outer.changed(source=wires.vip, dest=wires.client), answered, 0, b"ping", 0xBEEF0001
        )
        assert reply[-12:] == back[-12:]
        assert data in reply


def client_socket(farm: Farm, protocol: str, ttl: int = 0) -> socket.socket:
    """Return a client's socket that receives ICMP errors."""
    family = socket.AF_INET if farm.family == 4 else socket.AF_INET6
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    sock = farm.client.socket(family, kind)
    sock.settimeout(20)
    sock.setsockopt(*RECVERR[farm.family], 1)
    if ttl:
        sock.setsockopt(*TTL[farm.family], ttl)
    return sock


def send_and_receive(sock: socket.socket, farm: Farm) -> None:
    """Send data to the service and wait for the reply."""
    sock.connect((farm.vip, 80))
    sock.send(b"anybody?")
    sock.recv(100)


def add_reals(farm: Farm, lvs: pylvs.Manager, protocol: str, *reals: str) -> None:
    """Add the service on port 80. With NAT or Local Node, the servers listen on another port."""
    import pylvs

    port = 8000 if farm.method in ("nat", "local") else 80
    service = lvs.add_service(protocol, pylvs.Endpoint(farm.vip, 80), "rr")
    for real in reals or farm.reals:
        lvs.add_real(service, pylvs.Endpoint(real, port), method=farm.method)


def test_port_unreachable_reaches_the_clients_socket(farm: Farm, lvs: pylvs.Manager) -> None:
    """No program listens on the server, with each method."""
    add_reals(farm, lvs, "udp")
    with client_socket(farm, "udp") as sock, pytest.raises(ConnectionRefusedError):
        send_and_receive(sock, farm)


@pytest.mark.farm(methods=["nat", "dr"])
@pytest.mark.parametrize("protocol", BOTH)
def test_host_unreachable_reaches_the_clients_socket(
    farm: Farm, lvs: pylvs.Manager, protocol: str
) -> None:
    """The real server is down, and the director's own error quotes the VIP."""
    version = f"ipv{farm.family}"
    lan = "inside" if farm.method == "nat" else "lan"
    waiting = f"{version}.neigh.{farm.device('director', lan)}.retrans_time_ms"
    farm.director.sysctl(waiting, 100)
    unused_address = str(ipaddress.ip_address(farm.reals[0]) + 90)
    add_reals(farm, lvs, protocol, unused_address)
    with client_socket(farm, protocol) as sock:
        with pytest.raises(OSError, match="No route to host") as refusal:
            send_and_receive(sock, farm)
        assert refusal.value.errno == errno.EHOSTUNREACH
    farm.director.sysctl(waiting, 1000)


@pytest.mark.farm(methods=["nat", "tun", "dr"])
@pytest.mark.parametrize("protocol", BOTH)
def test_traceroute_shows_each_hop_and_then_the_server(
    farm: Farm, lvs: pylvs.Manager, protocol: str
) -> None:
    port = 8000 if farm.method == "nat" else 80
    add_reals(farm, lvs, protocol)
    router = farm.layout.hosts.get("router")
    path = [[address.partition("/")[0] for address in router.nics["outside"]]] if router else []
    nics = farm.layout.hosts["director"].nics.values()
    path.append([farm.vip, *[each.partition("/")[0] for addresses in nics for each in addresses]])
    with ExitStack() as stack:
        for host, address in zip(farm.servers, farm.reals, strict=True):
            listens = address if farm.method == "nat" else farm.vip
            stack.enter_context(Echo(host, protocol, listens, port))
        for ttl, expected in enumerate(path, 1):
            assert hop_at(farm, protocol, ttl) in expected
        assert hop_at(farm, protocol, len(path) + 1) == "the server"


def hop_at(farm: Farm, protocol: str, ttl: int) -> str:
    """Return the host that answers a packet with this TTL."""
    with client_socket(farm, protocol, ttl) as sock:
        with suppress(OSError):
            send_and_receive(sock, farm)
            return "the server"
        _data, extra, _flags, _address = sock.recvmsg(512, 512, socket.MSG_ERRQUEUE)
        return offender(extra[0][2])


def offender(extended_error: bytes) -> str:
    """Return the address that follows a struct sock_extended_err."""
    family = struct.unpack_from("@H", extended_error, 16)[0]
    at, size = (20, 4) if family == socket.AF_INET else (24, 16)
    return str(ipaddress.ip_address(extended_error[at : at + size]))
