# SPDX-License-Identifier: GPL-2.0
"""Frames as templates for flood: Ethernet, IPv4 or IPv6, UDP or TCP, with correct checksums."""

from __future__ import annotations

import ipaddress
import socket
import struct
from dataclasses import dataclass

SYN, ACK, SYN_ACK, PUSH = 0x02, 0x10, 0x12, 0x18
_ETHER = 14
_TYPE = {4: 0x0800, 6: 0x86DD}
_NUMBER = {"udp": socket.IPPROTO_UDP, "tcp": socket.IPPROTO_TCP}
_CHECK_AT = {"udp": 6, "tcp": 16}
_TTL = 64
_WINDOW = 65535


@dataclass(frozen=True)
class End:
    """An address and a port."""

    address: str
    port: int

    @property
    def packed(self) -> bytes:
        return ipaddress.ip_address(self.address).packed

    @property
    def number(self) -> int:
        """The last four bytes of the address, as a number."""
        return int.from_bytes(self.packed[-4:], "big")


@dataclass(frozen=True)
class Frame:
    """One packet and the offsets of its parts from the first byte of the Ethernet header."""

    data: bytes
    ip_check: int
    """The offset of the checksum of the IPv4 header, or 0 for IPv6."""
    l4_check: int
    source: int
    """The offset of the last four bytes of the source address."""
    dest: int
    source_port: int
    dest_port: int


def frame(
    mac: str, protocol: str, source: End, dest: End, *, flags: int = ACK, data: bytes = b""
) -> Frame:
    """Return a packet of PROTOCOL ("udp" or "tcp", with FLAGS) from SOURCE to DEST."""
    family = 6 if ":" in source.address else 4
    size = len(source.packed)
    number = _NUMBER[protocol]
    segment = _udp(source, dest, data) if protocol == "udp" else _tcp(source, dest, flags, data)
    pseudo = source.packed + dest.packed + struct.pack("!II", len(segment), number)
    at = _CHECK_AT[protocol]
    total = checksum(pseudo + segment) or 0xFFFF
    segment = segment[:at] + struct.pack("!H", total) + segment[at + 2 :]
    header = _ip(family, number, len(segment), source.packed + dest.packed)
    ethernet = bytes.fromhex(mac.replace(":", "")) + bytes(6) + struct.pack("!H", _TYPE[family])
    l4 = _ETHER + len(header)
    return Frame(
        ethernet + header + segment,
        ip_check=_ETHER + 10 if family == 4 else 0,
        l4_check=l4 + at,
        source=l4 - size - 4,
        dest=l4 - 4,
        source_port=l4,
        dest_port=l4 + 2,
    )


def partial(packet: Frame, payload: int) -> bytes:
    """Return the headers of PACKET (TCP over IPv4) as GRO leaves them before PAYLOAD bytes of data.

    The checksum field has the sum of the pseudo header, which is not inverted.
    """
    header = packet.data[_ETHER : _ETHER + 20]
    length = len(packet.data) - _ETHER + payload
    header = header[:2] + struct.pack("!H", length) + header[4:10] + b"\0\0" + header[12:]
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    pseudo = header[12:20] + struct.pack("!II", length - 20, socket.IPPROTO_TCP)
    segment = packet.data[_ETHER + 20 :]
    check = struct.pack("!H", 0xFFFF & ~checksum(pseudo))
    return packet.data[:_ETHER] + header + segment[:16] + check + segment[18:]


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071) of DATA. Odd data is padded with a zero byte."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF & ~total


def _udp(source: End, dest: End, data: bytes) -> bytes:
    return struct.pack("!HHHH", source.port, dest.port, 8 + len(data), 0) + data


def _tcp(source: End, dest: End, flags: int, data: bytes) -> bytes:
    """Return a TCP segment.

    The sequence numbers never change, so connection tracking regards data as retransmitted.
    """
    options = struct.pack("!BBH", 2, 4, 1460) if flags & SYN else b""
    sequence = 0 if flags & SYN else 1
    acknowledged = 1 if flags & ACK else 0
    offset = (20 + len(options)) // 4 << 4
    return (
        struct.pack("!HHII", source.port, dest.port, sequence, acknowledged)
        + struct.pack("!BBHHH", offset, flags, _WINDOW, 0, 0)
        + options
        + data
    )


def _ip(family: int, number: int, length: int, ends: bytes) -> bytes:
    if family == 6:
        return struct.pack("!IHBB", 6 << 28, length, number, _TTL) + ends
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0x4000, _TTL, number, 0) + ends
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:]
