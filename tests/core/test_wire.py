# SPDX-License-Identifier: GPL-2.0
"""Reading of headers: cases as data, a simple implementation, scapy, and partial packets."""

from __future__ import annotations

import dataclasses
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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
from tests.core import packets as p
from tests.core.naive_wire import naive_read
from tests.core.wire_cases import QUOTED, READ, REFUSED, opts

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


def raw_read(
    packet: bytes, avail: int, total: int, quoted: bool, stale: bytes = b"\0"
) -> int | bytes:
    """Return the bytes of the struct, which had STALE before, or the result if it is not 0."""
    wire = ffi.new("struct ippfvs_wire *")
    ffi.buffer(wire)[:] = stale * ffi.sizeof("struct ippfvs_wire")
    read = lib.ippfvs_wire_read_quoted if quoted else lib.ippfvs_wire_read
    result: int = read(wire, packet, avail, total)
    return result or bytes(ffi.buffer(wire))


def fields_of(wire: bytes) -> dict[str, bytes]:
    """Return the bytes of each field, without the padding between them."""
    fields = ffi.typeof("struct ippfvs_wire").fields
    of_tuple = ffi.typeof("struct ippfvs_tuple").fields
    assert fields[0][0] == "tuple"
    return {
        name: wire[field.offset : field.offset + ffi.sizeof(field.type)]
        for name, field in [*of_tuple, *fields[1:]]
    }


# --- cases by hand


@pytest.mark.parametrize(
    ("packet", "reason"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_refused(packet: bytes, reason: Unreadable) -> None:
    assert outcome(packet) is reason


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


# --- the simple implementation

either = pytest.mark.parametrize("quoted", [False, True], ids=["packet", "quote"])


@either
@settings(max_examples=1500)
@given(packet=p.packets())
def test_twin(quoted: bool, packet: bytes) -> None:
    assert outcome(packet, quoted) == naive(packet, quoted)


@either
@settings(max_examples=60)
@given(packet=p.ipv4_packets | p.ipv6_packets)
def test_every_truncation(quoted: bool, packet: bytes) -> None:
    for end in range(len(packet)):
        assert outcome(packet[:end], quoted) == naive(packet[:end], quoted), end


@either
@settings(max_examples=300)
@given(noise=st.binary(max_size=100), version=st.sampled_from([4, 6]))
def test_noise(quoted: bool, noise: bytes, version: int) -> None:
    packet = bytes([version << 4 | 5]) + noise
    assert outcome(packet, quoted) == naive(packet, quoted)


@either
@settings(max_examples=150)
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
@settings(max_examples=300)
@given(packet=p.packets())
def test_no_field_is_left_as_it_was(quoted: bool, packet: bytes) -> None:
    total = len(packet)
    zeros, ones = (raw_read(packet, total, total, quoted, stale) for stale in (b"\0", b"\xff"))
    if isinstance(zeros, int) or isinstance(ones, int):
        assert zeros == ones
    else:
        assert fields_of(zeros) == fields_of(ones)


@either
@settings(max_examples=300)
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


# --- scapy, as an independent implementation


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
