# SPDX-License-Identifier: GPL-2.0
"""Reading headers: cases as data, a naive twin, scapy, and every way to hold bytes back."""

from __future__ import annotations

import dataclasses
from ipaddress import ip_address

import packets as p
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_wire import naive_read
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.packet import Packet, Raw

from pylvs import core
from pylvs._core import ffi, lib
from pylvs.core import Unreadable, UnreadablePacket, Wire

MALFORMED, FRAGMENT, OTHER = Unreadable.MALFORMED, Unreadable.FRAGMENT, Unreadable.OTHER
ROUNDS = 24  # version, network header, each extension header, transport header, ample

Outcome = Wire | Unreadable


def outcome(packet: bytes, quoted: bool = False) -> Outcome:
    try:
        return core.read_packet(packet, quoted=quoted)
    except UnreadablePacket as error:
        return error.reason


def naive(packet: bytes, quoted: bool = False) -> Outcome:
    try:
        return naive_read(packet, quoted)
    except UnreadablePacket as error:
        return error.reason


def raw_read(packet: bytes, avail: int, total: int, quoted: bool) -> int | bytes:
    """Return what the C returned, or the struct's own bytes when it read one."""
    wire = ffi.new("struct ippfvs_wire *")
    read = lib.ippfvs_wire_read_quoted if quoted else lib.ippfvs_wire_read
    result: int = read(wire, packet, avail, total)
    return result or bytes(ffi.buffer(wire))


# --- cases by hand

hop = (p.HOP_BY_HOP, b"\5\2\0\0\1\0")
opts = (p.OPTIONS, b"\1\4\0\0\0\0")
atomic = (p.FRAGMENT, bytes(6))
segment_left = (p.ROUTING, bytes([4, 1, 0, 0, 0, 0]))
all_visited = (p.ROUTING, bytes([4, 0, 0, 0, 0, 0]))
type_zero = (p.ROUTING, bytes(6))

REFUSED: list[tuple[str, bytes, Unreadable]] = [
    ("nothing", b"", MALFORMED),
    ("version 0", bytes(40), MALFORMED),
    ("version 5", b"\x55" + bytes(40), MALFORMED),
    ("IPv4 cut in its header", p.ipv4(p.UDP, p.udp())[:19], MALFORMED),
    ("IPv4 header length 16", b"\x44" + p.ipv4(p.UDP, p.udp())[1:], MALFORMED),
    ("IPv4 header longer than the packet", b"\x4f" + p.ipv4(p.UDP, p.udp())[1:], MALFORMED),
    ("IPv4 length beyond the packet", p.ipv4(p.UDP, p.udp(), length=29), MALFORMED),
    ("IPv4 length within the header", p.ipv4(p.UDP, p.udp(), length=19), MALFORMED),
    ("IPv4 length 0", p.ipv4(p.UDP, p.udp(), length=0), MALFORMED),
    ("IPv4 length hides the ports", p.ipv4(p.UDP, p.udp(), length=27), MALFORMED),
    ("IPv4 first fragment", p.ipv4(p.UDP, p.udp(), fragment=0x2000), FRAGMENT),
    ("IPv4 last fragment", p.ipv4(p.UDP, p.udp(), fragment=0x0001), FRAGMENT),
    ("IPv4 ESP", p.ipv4(p.ESP, bytes(20)), OTHER),
    ("IPv4 IPIP", p.ipv4(p.IPIP, p.ipv4(p.UDP, p.udp())), OTHER),
    ("IPv4 with ICMPv6", p.ipv4(p.ICMPV6, p.icmp(1)), OTHER),
    ("TCP header cut", p.ipv4(p.TCP, p.tcp()[:19]), MALFORMED),
    ("TCP data offset 16", p.ipv4(p.TCP, p.tcp(size=16)), MALFORMED),
    ("TCP options beyond the packet", p.ipv4(p.TCP, p.tcp(size=24)[:23]), MALFORMED),
    ("UDP header cut", p.ipv4(p.UDP, p.udp()[:7]), MALFORMED),
    ("UDP length 0", p.ipv4(p.UDP, p.udp(length=0)), MALFORMED),
    ("UDP length 7", p.ipv4(p.UDP, p.udp(length=7)), MALFORMED),
    ("UDP length beyond the packet", p.ipv4(p.UDP, p.udp(length=9)), MALFORMED),
    ("ICMP echo", p.ipv4(p.ICMP, p.icmp(8)), OTHER),
    ("ICMP redirect", p.ipv4(p.ICMP, p.icmp(5)), OTHER),
    ("ICMP cut", p.ipv4(p.ICMP, p.icmp(3)[:7]), MALFORMED),
    ("IPv6 cut in its header", p.ipv6(p.UDP, p.udp())[:39], MALFORMED),
    ("IPv6 length beyond the packet", p.ipv6(p.UDP, p.udp(), length=9), MALFORMED),
    ("IPv6 jumbogram", p.ipv6(p.UDP, p.udp(), extensions=[hop], length=0), MALFORMED),
    ("IPv6 UDP length 0", p.ipv6(p.UDP, p.udp(length=0)), MALFORMED),
    ("IPv6 no next header", p.ipv6(p.NO_NEXT), OTHER),
    ("IPv6 AH", p.ipv6(p.AH, bytes(24)), OTHER),
    ("IPv6 with ICMP for IPv4", p.ipv6(p.ICMP, p.icmp(3)), OTHER),
    ("IPv6 echo", p.ipv6(p.ICMPV6, p.icmp(128)), OTHER),
    ("IPv6 redirect", p.ipv6(p.ICMPV6, p.icmp(137)), OTHER),
    ("IPv6 extension beyond the packet", p.ipv6(p.UDP, extensions=[opts], length=7), MALFORMED),
    ("IPv6 extension's length lies", p.ipv6(p.OPTIONS, b"\x11\xff" + bytes(60)), MALFORMED),
    ("IPv6 nine extensions", p.ipv6(p.UDP, p.udp(), extensions=[opts] * 9), OTHER),
    ("IPv6 routing type 0", p.ipv6(p.UDP, p.udp(), extensions=[type_zero]), OTHER),
    ("IPv6 segment left", p.ipv6(p.UDP, p.udp(), extensions=[segment_left]), OTHER),
    ("IPv6 first fragment",
     p.ipv6(p.UDP, p.udp(), extensions=[(p.FRAGMENT, b"\0\1" + bytes(4))]), FRAGMENT),
    ("IPv6 later fragment",
     p.ipv6(p.UDP, p.udp(), extensions=[(p.FRAGMENT, b"\0\x08" + bytes(4))]), FRAGMENT),
]  # fmt: skip


@pytest.mark.parametrize(
    ("packet", "reason"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_refused(packet: bytes, reason: Unreadable) -> None:
    assert outcome(packet) is reason


READ: list[tuple[str, bytes, dict[str, object]]] = [
    ("the paper's request", p.ipv4(p.TCP, p.tcp(3456, 80, 0x02), ttl=61, tos=0x10),
     {"length": 40, "l4": 20, "l4_size": 20, "tcp_flags": 2, "ttl": 61, "tos": 16,
      "options": False, "dont_fragment": True, "inner": 0}),
    ("it may be fragmented", p.ipv4(p.TCP, p.tcp(), fragment=0), {"dont_fragment": False}),
    ("IPv4 options", p.ipv4(p.UDP, p.udp(), options=bytes(40)),
     {"l4": 60, "l4_size": 8, "options": True, "length": 68}),
    ("padding behind the packet", p.ipv4(p.UDP, p.udp()) + bytes(18), {"length": 28}),
    ("UDP shorter than its packet", p.ipv4(p.UDP, p.udp(length=8) + b"xy"), {"length": 30}),
    ("port unreachable", p.ipv4(p.ICMP, p.icmp(3, 3, p.ipv4(p.UDP, p.udp()))),
     {"icmp_type": 3, "icmp_code": 3, "l4": 20, "l4_size": 8, "inner": 28, "length": 56}),
    ("IPv6", p.ipv6(p.TCP, p.tcp(flags=0x12), ttl=7, tos=0xB8),
     {"length": 60, "l4": 40, "tcp_flags": 0x12, "ttl": 7, "tos": 0xB8, "options": False,
      "dont_fragment": True}),
    ("IPv6 with every extension",
     p.ipv6(p.UDP, p.udp(), extensions=[hop, opts, all_visited, atomic]),
     {"l4": 72, "options": True, "length": 80}),
    ("IPv6 eight extensions", p.ipv6(p.UDP, p.udp(), extensions=[opts] * 8), {"l4": 104}),
    ("IPv6 atomic fragment", p.ipv6(p.TCP, p.tcp(), extensions=[atomic]), {"l4": 48}),
    ("packet too big", p.ipv6(p.ICMPV6, p.icmp(2, 0, p.ipv6(p.TCP, p.tcp()))),
     {"icmp_type": 2, "icmp_code": 0, "inner": 48}),
]  # fmt: skip


@pytest.mark.parametrize(("packet", "fields"), [r[1:] for r in READ], ids=[r[0] for r in READ])
def test_read(packet: bytes, fields: dict[str, object]) -> None:
    wire = core.read_packet(packet)
    assert {name: getattr(wire, name) for name in fields} == fields


def test_the_tuple() -> None:
    request = core.read_packet(p.ipv4(p.TCP, p.tcp(3456, 80)))
    assert request.tuple == core.Tuple(
        ip_address("202.100.1.2"), 3456, ip_address("202.103.106.5"), 80, p.TCP
    )
    error = core.read_packet(p.ipv6(p.ICMPV6, p.icmp(1, 4, bytes(48))))
    assert error.tuple == core.Tuple(
        ip_address("2001:db8::2"), 0, ip_address("2001:db8::5"), 0, p.ICMPV6
    )


tunnel4 = p.ipv4(p.IPIP, p.ipv4(p.TCP, p.tcp()), length=1500)
QUOTED: list[tuple[str, bytes, dict[str, object] | Unreadable]] = [
    ("eight bytes of TCP, as RFC 792 asks", p.ipv4(p.TCP, p.tcp()[:8], length=1500),
     {"l4_size": 8, "tcp_flags": 0, "length": 1500}),
    ("ports only", p.ipv4(p.TCP, p.tcp()[:4], length=1500), {"l4_size": 4}),
    ("not even ports", p.ipv4(p.TCP, p.tcp()[:3], length=1500), MALFORMED),
    ("flags just there", p.ipv4(p.TCP, p.tcp(flags=2)[:14], length=1500),
     {"l4_size": 14, "tcp_flags": 2}),
    ("a whole segment", p.ipv4(p.TCP, p.tcp(flags=2)), {"l4_size": 20, "tcp_flags": 2}),
    ("TCP options cut off", p.ipv4(p.TCP, p.tcp(size=40)[:20], length=1500), {"l4_size": 20}),
    ("a data offset of 16", p.ipv4(p.TCP, p.tcp(size=16)), MALFORMED),
    ("UDP of a long datagram", p.ipv4(p.UDP, p.udp(length=1480), length=1500), {"l4_size": 8}),
    ("the first fragment of one", p.ipv4(p.UDP, p.udp(length=9000), fragment=0x2000, length=1500),
     {"l4_size": 8}),
    ("a later fragment", p.ipv4(p.UDP, p.udp(), fragment=0x20B9), FRAGMENT),
    ("an IPv6 first fragment",
     p.ipv6(p.UDP, p.udp(length=9000), extensions=[(p.FRAGMENT, b"\0\1" + bytes(4))], length=1440),
     {"l4": 48, "l4_size": 8}),
    ("an IPv6 later fragment",
     p.ipv6(p.UDP, p.udp(), extensions=[(p.FRAGMENT, b"\5\xa8" + bytes(4))]), FRAGMENT),
    ("an error about an error", p.ipv4(p.ICMP, p.icmp(3, 3, bytes(28))), OTHER),
    ("our tunnel", tunnel4, {"l4": 20, "inner": 20, "l4_size": 0}),
    ("our tunnel, cut at its header", tunnel4[:20], {"l4": 20, "inner": 20, "l4_size": 0}),
    ("a tunnel with options", p.ipv4(p.IPIP, options=bytes(8), length=1500), {"inner": 28}),
    ("a tunnel, cut in its options", p.ipv4(p.IPIP, options=bytes(8), length=1500)[:27], MALFORMED),
    ("IPv6 in IPv6", p.ipv6(p.IPV6, p.ipv6(p.TCP, p.tcp())), {"inner": 40, "l4_size": 0}),
    ("a header that is cut", tunnel4[:19], MALFORMED),
    ("padding behind the quote", p.ipv4(p.UDP, p.udp()[:4]) + bytes(8), {"l4_size": 4}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("packet", "expected"), [q[1:] for q in QUOTED], ids=[q[0] for q in QUOTED]
)
def test_quoted(packet: bytes, expected: dict[str, object] | Unreadable) -> None:
    result = outcome(packet, quoted=True)
    if isinstance(expected, Unreadable):
        assert result is expected
    else:
        assert isinstance(result, Wire)
        assert {name: getattr(result, name) for name in expected} == expected


# --- the twin

either = pytest.mark.parametrize("quoted", [False, True], ids=["packet", "quote"])


@either
@settings(deadline=None, max_examples=1500)
@given(packet=p.packets())
def test_twin(quoted: bool, packet: bytes) -> None:
    assert outcome(packet, quoted) == naive(packet, quoted)


@either
@settings(deadline=None, max_examples=60)
@given(packet=p.ipv4_packets | p.ipv6_packets)
def test_every_truncation(quoted: bool, packet: bytes) -> None:
    for end in range(len(packet)):
        assert outcome(packet[:end], quoted) == naive(packet[:end], quoted), end


@either
@settings(deadline=None, max_examples=300)
@given(noise=st.binary(max_size=100), version=st.sampled_from([4, 6]))
def test_noise(quoted: bool, noise: bytes, version: int) -> None:
    packet = bytes([version << 4 | 5]) + noise
    assert outcome(packet, quoted) == naive(packet, quoted)


@either
@settings(deadline=None, max_examples=150)
@given(packet=p.packets())
def test_no_byte_beyond_avail_matters(quoted: bool, packet: bytes) -> None:
    total = len(packet)
    for avail in range(total):
        seen = packet[:avail]
        zeros = raw_read(seen + b"\0" * (total - avail), avail, total, quoted)
        ones = raw_read(seen + b"\xff" * (total - avail), avail, total, quoted)
        assert zeros == ones, avail
        if isinstance(zeros, int) and zeros > 0:
            assert avail < zeros <= total
        else:
            assert zeros == raw_read(packet, total, total, quoted)


@either
@settings(deadline=None, max_examples=300)
@given(packet=p.packets(), data=st.data())
def test_asking_for_more_ends(quoted: bool, packet: bytes, data: st.DataObject) -> None:
    total = len(packet)
    avail = data.draw(st.just(0) | st.integers(0, total))
    for _ in range(ROUNDS):
        result = raw_read(packet[:avail], avail, total, quoted)
        if not isinstance(result, int) or result < 0:
            assert result == raw_read(packet, total, total, quoted)
            return
        assert avail < result <= total
        avail = result
    pytest.fail("the reader asks for ever")


@either
def test_it_asks_for_exactly_what_comes_next(quoted: bool) -> None:
    packet = p.ipv6(p.TCP, p.tcp(data=b"x" * 50), extensions=[opts, (p.OPTIONS, bytes(14))])
    asked = []
    avail = 0
    while isinstance(result := raw_read(packet[:avail], avail, len(packet), quoted), int):
        asked.append(result)
        avail = result
    assert asked == [1, 40, 48, 56, 64 + 20]


# --- scapy, who has never seen our rules


def scapy_headers() -> list[tuple[str, Packet]]:
    v4, v6 = IP(src="198.51.100.7", dst="192.0.2.1", ttl=33), IPv6(src="2001:db8::7", hlim=33)
    tcp_ = TCP(sport=40000, dport=443, flags="SA", options=[("MSS", 1460), ("SAckOK", b"")])
    udp_ = UDP(sport=40000, dport=53) / Raw(b"question")
    chain = IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting(type=4, segleft=0)
    alert = IP(src="198.51.100.7", dst="192.0.2.1", ttl=33, options=[IPOption_Router_Alert()])
    return [
        ("IPv4 TCP", v4 / tcp_),
        ("IPv4 UDP", v4 / udp_),
        ("IPv4 options", alert / tcp_),
        ("IPv6 TCP", v6 / tcp_),
        ("IPv6 UDP", v6 / udp_),
        ("IPv6 extensions", v6 / chain / tcp_),
        ("IPv6 atomic fragment", v6 / IPv6ExtHdrFragment(offset=0, m=0) / udp_),
    ]


@pytest.mark.parametrize(
    "made", [m[1] for m in scapy_headers()], ids=[m[0] for m in scapy_headers()]
)
def test_scapy_agrees(made: Packet) -> None:
    packet = bytes(made)
    wire = core.read_packet(packet)
    transport = made[TCP] if TCP in made else made[UDP]
    assert wire.tuple == core.Tuple(
        ip_address(made.src), transport.sport, ip_address(made.dst), transport.dport,
        p.TCP if TCP in made else p.UDP,
    )  # fmt: skip
    assert wire.length == len(packet)
    assert packet[wire.l4 :] == bytes(transport)[:2] + packet[wire.l4 + 2 :]
    assert len(packet) - wire.l4 == len(transport)
    assert wire.ttl == 33
    assert wire.tcp_flags == (0x12 if TCP in made else 0)


SCAPY_ERRORS = [
    (
        IP() / ICMP(type=3, code=4),
        28,
        IP(src="192.0.2.9", dst="192.0.2.1") / TCP(sport=7, dport=80),
    ),
    (IP() / ICMP(type=11), 28, IP(src="192.0.2.9", dst="192.0.2.1") / UDP(sport=7, dport=53)),
    (IPv6() / ICMPv6PacketTooBig(mtu=1280), 48, IPv6(dst="2001:db8::1") / TCP(sport=7, dport=80)),
    (IPv6() / ICMPv6DestUnreach(code=4), 48, IPv6(dst="2001:db8::1") / UDP(sport=7, dport=53)),
]


@pytest.mark.parametrize(("error", "inner", "quote"), SCAPY_ERRORS)
def test_scapy_errors_and_their_quotes(error: Packet, inner: int, quote: Packet) -> None:
    packet = bytes(error / Raw(bytes(quote)[:56]))
    wire = core.read_packet(packet)
    assert wire.inner == inner
    quoted = core.read_packet(packet[wire.inner :], quoted=True)
    whole = core.read_packet(bytes(quote))
    assert quoted.tuple == whole.tuple
    assert dataclasses.replace(quoted, l4_size=0, tcp_flags=whole.tcp_flags) == (
        dataclasses.replace(whole, l4_size=0)
    )
