# SPDX-License-Identifier: GPL-2.0
"""Packets made by hand, every checksum computed from nothing: the twin of what the kernel mends."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass, replace
from typing import Self

ICMP, IPIP, TCP, UDP, IPV6, ICMPV6 = 1, 4, 6, 17, 41, 58
HOP_BY_HOP, DESTINATION_OPTIONS, ROUTING = 0, 60, 43
SYN, RST, ACK, PSH_ACK = 0x02, 0x04, 0x10, 0x18


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of DATA."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


@dataclass(frozen=True)
class Made:
    """A packet in words; `raw` is it on the wire."""

    source: str
    dest: str
    protocol: int = UDP
    sport: int = 0
    dport: int = 0
    data: bytes = b""
    ttl: int = 64
    tos: int = 0
    ident: int = 0x1234
    dont_fragment: bool = True
    options: bytes = b""
    """IPv4 options, a multiple of four."""
    extensions: tuple[tuple[int, bytes], ...] = ()
    """IPv6 extension headers: protocol and what follows its first two bytes."""
    flow_label: int = 0
    flags: int = SYN
    sequence: int = 0x01020304
    acknowledged: int = 0
    tcp_options: bytes = b""
    urgent: int = 0
    no_checksum: bool = False

    @property
    def family(self) -> int:
        return 6 if ":" in self.source else 4

    @property
    def raw(self) -> bytes:
        return ip(self, self.transport)

    @property
    def transport(self) -> bytes:
        """The TCP or UDP header, and what it carries; of other protocols the data alone."""
        ports = struct.pack("!HH", self.sport, self.dport)
        if self.protocol == UDP:
            plain = ports + struct.pack("!HH", 8 + len(self.data), 0) + self.data
            return plain if self.no_checksum else self._summed(plain, 6)
        if self.protocol != TCP:
            return self.data
        offset = (20 + len(self.tcp_options)) // 4 << 12 | self.flags
        words = struct.pack(
            "!IIHHHH", self.sequence, self.acknowledged, offset, 0xFAF0, 0, self.urgent
        )
        return self._summed(ports + words + self.tcp_options + self.data, 16)

    def but(self, **changes: object) -> Self:
        """The same with CHANGES."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def passed(self, **changes: object) -> Self:
        """The same behind a router: TTL less one, and CHANGES."""
        return self.but(ttl=self.ttl - 1, **changes)

    def awkward(self) -> Self:
        """With two more bytes of data, for which the checksum comes out as 0."""
        zeros = self.but(data=self.data + b"\0\0").transport[6:8]
        made = self.but(data=self.data + zeros)
        assert made.transport[6:8] == b"\xff\xff"
        return made

    def _summed(self, plain: bytes, at: int) -> bytes:
        pseudo = pseudo_header(self.source, self.dest, self.protocol, len(plain))
        found = checksum(pseudo + plain)
        if self.protocol == UDP:
            found = found or 0xFFFF
        return plain[:at] + struct.pack("!H", found) + plain[at + 2 :]


def pseudo_header(source: str, dest: str, protocol: int, length: int) -> bytes:
    ends = packed(source) + packed(dest)
    return ends + struct.pack("!HH" if len(ends) == 8 else "!II", protocol, length)


def ip(made: Made, payload: bytes) -> bytes:
    """The IP packet of MADE's fields around PAYLOAD."""
    return _ipv4(made, payload) if made.family == 4 else _ipv6(made, payload)


def _ipv4(made: Made, payload: bytes) -> bytes:
    size = 20 + len(made.options)
    plain = struct.pack(
        "!BBHHHBBH",
        4 << 4 | size // 4,
        made.tos,
        size + len(payload),
        made.ident,
        0x4000 if made.dont_fragment else 0,
        made.ttl,
        made.protocol,
        0,
    )
    header = plain + packed(made.source) + packed(made.dest) + made.options
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def _ipv6(made: Made, payload: bytes) -> bytes:
    protocol = made.protocol
    for kind, body in reversed(made.extensions):
        assert (len(body) + 2) % 8 == 0
        payload = bytes((protocol, (len(body) + 2) // 8 - 1)) + body + payload
        protocol = kind
    first = 6 << 28 | made.tos << 20 | made.flow_label
    header = struct.pack("!IHBB", first, len(payload), protocol, made.ttl)
    return header + packed(made.source) + packed(made.dest) + payload


def error(
    outer: Made, kind: int, code: int, quote: bytes, info: int = 0, *, broken: bool = False
) -> bytes:
    """An ICMP or ICMPv6 error that quotes QUOTE; BROKEN: its checksum is wrong."""
    protocol = ICMP if outer.family == 4 else ICMPV6
    plain = struct.pack("!BBHI", kind, code, 0, info) + quote
    pseudo = b"" if outer.family == 4 else pseudo_header(outer.source, outer.dest, 58, len(plain))
    found = checksum(pseudo + plain) ^ (0x5555 if broken else 0)
    message = plain[:2] + struct.pack("!H", found) + plain[4:]
    return ip(outer.but(protocol=protocol), message)


def checksum_right(packet: bytes, *, ready: bool = True) -> bool:
    """Is the TCP or UDP checksum of a packet without options as it must be?

    READY: in full; else what CHECKSUM_PARTIAL wants, the sum of the pseudo header.
    """
    four = packet[0] >> 4 == 4
    if four and checksum(packet[:20]):
        return False
    protocol, at = (packet[9], 20) if four else (packet[6], 40)
    ends = packet[12:20] if four else packet[8:40]
    plain = packet[at:]
    pseudo = ends + struct.pack("!HH" if four else "!II", protocol, len(plain))
    if ready:
        return checksum(pseudo + plain) == 0
    field = plain[16:18] if protocol == TCP else plain[6:8]
    return checksum(pseudo) ^ 0xFFFF == int.from_bytes(field, "big")


def compare(got: list[bytes], expected: dict[str, list[bytes]]) -> None:
    """Exactly the expected frames have come; say of which case they have not."""
    rest = list(got)
    faults = []
    for name, wanted in expected.items():
        for frame in wanted:
            if frame in rest:
                rest.remove(frame)
            else:
                faults.append(f"{name}: expected {frame.hex()}")
    faults += [f"not expected: {frame.hex()}" for frame in rest]
    assert not faults, "\n".join(faults)
