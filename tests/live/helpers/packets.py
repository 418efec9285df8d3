# SPDX-License-Identifier: GPL-2.0
"""Packets that are built from scratch with all checksums: the reference for the kernel's output."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass, replace
from typing import Self

ICMP, IPIP, TCP, UDP, IPV6, ICMPV6 = 1, 4, 6, 17, 41, 58
HOP_BY_HOP, DESTINATION_OPTIONS, ROUTING = 0, 60, 43
SYN, RST, ACK, SYN_ACK, PSH_ACK = 0x02, 0x04, 0x10, 0x12, 0x18


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071) of DATA."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


@dataclass(frozen=True)
class PacketSpec:
    """The fields of a packet. `raw` is the packet on the wire."""

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
    """IPv4 options, a multiple of four bytes."""
    extensions: tuple[tuple[int, bytes], ...] = ()
    """IPv6 extension headers: the protocol, and the bytes after the first two."""
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
        """The TCP or UDP header with its payload. For other protocols it is the data only."""
        ports = struct.pack("!HH", self.sport, self.dport)
        if self.protocol == UDP:
            plain = ports + struct.pack("!HH", 8 + len(self.data), 0) + self.data
            return plain if self.no_checksum else self._with_checksum(plain, 6)
        if self.protocol != TCP:
            return self.data
        offset = (20 + len(self.tcp_options)) // 4 << 12 | self.flags
        words = struct.pack(
            "!IIHHHH", self.sequence, self.acknowledged, offset, 0xFAF0, 0, self.urgent
        )
        return self._with_checksum(ports + words + self.tcp_options + self.data, 16)

    def changed(self, **changes: object) -> Self:
        """Return a copy with CHANGES."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def forwarded(self, **changes: object) -> Self:
        """Return a copy as a router forwards it: with the TTL less one, and with CHANGES."""
        return self.changed(ttl=self.ttl - 1, **changes)

    def with_zero_checksum(self) -> Self:
        """Return a copy with two more bytes of data, for which the UDP checksum is 0."""
        zeros = self.changed(data=self.data + b"\0\0").transport[6:8]
        spec = self.changed(data=self.data + zeros)
        assert spec.transport[6:8] == b"\xff\xff"
        return spec

    def _with_checksum(self, plain: bytes, at: int) -> bytes:
        pseudo = pseudo_header(self.source, self.dest, self.protocol, len(plain))
        found = checksum(pseudo + plain)
        if self.protocol == UDP:
            found = found or 0xFFFF
        return plain[:at] + struct.pack("!H", found) + plain[at + 2 :]


def pseudo_header(source: str, dest: str, protocol: int, length: int) -> bytes:
    ends = packed(source) + packed(dest)
    return ends + struct.pack("!HH" if len(ends) == 8 else "!II", protocol, length)


def ip(spec: PacketSpec, payload: bytes) -> bytes:
    """Return the IP packet with the fields of SPEC around PAYLOAD."""
    return _ipv4(spec, payload) if spec.family == 4 else _ipv6(spec, payload)


def _ipv4(spec: PacketSpec, payload: bytes) -> bytes:
    size = 20 + len(spec.options)
    plain = struct.pack(
        "!BBHHHBBH",
        4 << 4 | size // 4,
        spec.tos,
        size + len(payload),
        spec.ident,
        0x4000 if spec.dont_fragment else 0,
        spec.ttl,
        spec.protocol,
        0,
    )
    header = plain + packed(spec.source) + packed(spec.dest) + spec.options
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def _ipv6(spec: PacketSpec, payload: bytes) -> bytes:
    protocol = spec.protocol
    for kind, body in reversed(spec.extensions):
        assert (len(body) + 2) % 8 == 0
        payload = bytes((protocol, (len(body) + 2) // 8 - 1)) + body + payload
        protocol = kind
    first = 6 << 28 | spec.tos << 20 | spec.flow_label
    header = struct.pack("!IHBB", first, len(payload), protocol, spec.ttl)
    return header + packed(spec.source) + packed(spec.dest) + payload


def error(
    outer: PacketSpec, kind: int, code: int, quote: bytes, info: int = 0, *, broken: bool = False
) -> bytes:
    """Return an ICMP or ICMPv6 error that quotes QUOTE. If BROKEN, its checksum is wrong."""
    protocol = ICMP if outer.family == 4 else ICMPV6
    plain = struct.pack("!BBHI", kind, code, 0, info) + quote
    pseudo = b"" if outer.family == 4 else pseudo_header(outer.source, outer.dest, 58, len(plain))
    found = checksum(pseudo + plain) ^ (0x5555 if broken else 0)
    message = plain[:2] + struct.pack("!H", found) + plain[4:]
    return ip(outer.changed(protocol=protocol), message)


def checksum_right(packet: bytes, *, ready: bool = True) -> bool:
    """Return whether the TCP or UDP checksum of a packet without options is correct.

    If READY, the checksum must be complete. Otherwise it must be what CHECKSUM_PARTIAL requires,
    the sum of the pseudo header.
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
    """Fail unless exactly the expected frames have come. The message names cases that differ."""
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
