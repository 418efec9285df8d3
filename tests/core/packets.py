# SPDX-License-Identifier: GPL-2.0
"""Valid and malformed packets, which are built with struct, and hypothesis strategies for them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from hypothesis import strategies as st

ICMP, IPIP, TCP, UDP, IPV6, ICMPV6 = 1, 4, 6, 17, 41, 58
HOP_BY_HOP, ROUTING, FRAGMENT, ESP, AH, NO_NEXT, OPTIONS = 0, 43, 44, 50, 51, 59, 60

CLIENT4, VIP4 = bytes([202, 100, 1, 2]), bytes([202, 103, 106, 5])
CLIENT6 = bytes.fromhex("20010db8000000000000000000000002")
VIP6 = bytes.fromhex("20010db8000000000000000000000005")

ICMP_ERRORS = {ICMP: {3, 4, 11, 12}, ICMPV6: {1, 2, 3, 4}}


def tcp(
    source: int = 3456, destination: int = 80, flags: int = 0x10, size: int = 20, data: bytes = b""
) -> bytes:
    head = struct.pack(
        "!HHIIBBHHH", source, destination, 1, 2, size // 4 << 4, flags, 512, 0xBEEF, 0
    )
    return head + b"\1" * (size - 20) + data


def udp(
    source: int = 3456, destination: int = 53, data: bytes = b"", length: int | None = None
) -> bytes:
    claimed = 8 + len(data) if length is None else length
    return struct.pack("!HHHH", source, destination, claimed, 0xBEEF) + data


def icmp(type: int, code: int = 0, quote: bytes = b"") -> bytes:
    return struct.pack("!BBHI", type, code, 0xBEEF, 0) + quote


def ipv4(
    protocol: int,
    payload: bytes = b"",
    *,
    options: bytes = b"",
    fragment: int = 0x4000,
    length: int | None = None,
    ttl: int = 64,
    tos: int = 0,
) -> bytes:
    header = 20 + len(options)
    claimed = header + len(payload) if length is None else length
    head = struct.pack(
        "!BBHHHBBH", 0x40 | header // 4, tos, claimed, 1, fragment, ttl, protocol, 0xBEEF
    )
    return head + CLIENT4 + VIP4 + options + payload


def extension(kind: int, following: int, body: bytes = b"\0" * 6) -> bytes:
    """Return an IPv6 extension header with the number of the FOLLOWING header and with BODY."""
    if kind == FRAGMENT:
        return bytes([following, 0]) + body[:6]
    return bytes([following, (len(body) + 2) // 8 - 1]) + body


def ipv6(
    protocol: int,
    payload: bytes = b"",
    *,
    extensions: Sequence[tuple[int, bytes]] = (),
    length: int | None = None,
    ttl: int = 64,
    tos: int = 0,
) -> bytes:
    kinds = [kind for kind, _ in extensions] + [protocol]
    chain = b"".join(
        extension(kind, following, body)
        for (kind, body), following in zip(extensions, kinds[1:], strict=True)
    )
    claimed = len(chain) + len(payload) if length is None else length
    head = struct.pack("!IHBB", 6 << 28 | tos << 20, claimed, kinds[0], ttl)
    return head + CLIENT6 + VIP6 + chain + payload


# --- strategies

octet = st.integers(0, 255)
port = st.integers(0, 65535)
some_bytes = st.binary(max_size=24)

tcp_segments = st.builds(
    tcp, port, port, octet, st.sampled_from([20, 24, 32, 60]), some_bytes
)  # fmt: skip
udp_datagrams = st.builds(udp, port, port, some_bytes, st.none() | st.integers(0, 40))
icmp_messages = st.builds(icmp, st.integers(0, 15), octet, some_bytes)

transports = st.one_of(
    st.tuples(st.just(TCP), tcp_segments),
    st.tuples(st.just(UDP), udp_datagrams),
    st.tuples(st.sampled_from([ICMP, ICMPV6]), icmp_messages),
    st.tuples(st.sampled_from([IPIP, IPV6, ESP, AH, NO_NEXT]) | octet, some_bytes),
)

fragments4 = st.sampled_from([0, 0x4000, 0x8000, 0x2000, 0x2001, 0x0001, 0x1FFF])
ipv4_packets = st.builds(
    lambda transport, **fields: ipv4(*transport, **fields),
    transports,
    options=st.sampled_from([b"", b"\1" * 4, b"\x94\4\0\0", b"\0" * 40]),
    fragment=st.just(0x4000) | fragments4,
    length=st.none() | st.integers(0, 120),
    ttl=octet,
    tos=octet,
)

plain_bodies = st.sampled_from([b"\1\4" + b"\0" * 4, b"\0" * 14, b"\xff" * 22])
routing_bodies = st.sampled_from(
    [bytes([4, 0, 0, 0, 0, 0]), bytes([4, 1, 0, 0, 0, 0]), bytes([0, 0, 0, 0, 0, 0])]
)
fragment_bodies = st.sampled_from(
    [struct.pack("!HI", field, 7) for field in (0, 6, 1, 8, 9, 0xFFF8, 0xFFF9)]
)
extension_headers = st.one_of(
    st.tuples(st.sampled_from([HOP_BY_HOP, OPTIONS]), plain_bodies),
    st.tuples(st.just(ROUTING), routing_bodies),
    st.tuples(st.just(FRAGMENT), fragment_bodies),
)
ipv6_packets = st.builds(
    lambda transport, **fields: ipv6(*transport, **fields),
    transports,
    extensions=st.just([]) | st.lists(extension_headers, max_size=10),
    length=st.none() | st.integers(0, 120),
    ttl=octet,
    tos=octet,
)


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    """Draw a packet, in which bytes may be changed, and which may be truncated or padded."""
    packet = bytearray(draw(ipv4_packets | ipv6_packets))
    changes = st.tuples(st.integers(0, len(packet) - 1), octet)
    for at, value in draw(st.just([]) | st.lists(changes, max_size=4)):
        packet[at] = value
    end = draw(st.just(len(packet)) | st.integers(0, len(packet)))
    return bytes(packet[:end]) + draw(st.just(b"") | some_bytes)
