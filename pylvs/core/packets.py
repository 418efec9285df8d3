# SPDX-License-Identifier: GPL-2.0
"""What the headers of a packet say, and its checksums."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from ._built import ffi, lib

Address = IPv4Address | IPv6Address


class TcpFlags(IntFlag):
    """The flags of a TCP header that matter to a director."""

    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    ACK = 0x10


class Unreadable(IntEnum):
    """Why a packet has no five-tuple."""

    MALFORMED = 1  #: a length or version field lies
    FRAGMENT = 2  #: a fragment
    OTHER = 3  #: neither TCP, UDP nor an ICMP error


class UnreadablePacket(ValueError):
    """A packet without a five-tuple.

    :ivar reason: an :class:`Unreadable`
    """

    def __init__(self, reason: Unreadable) -> None:
        super().__init__(f"no five-tuple: {reason.name.lower()}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Tuple:
    """The five-tuple: who speaks to whom.

    :ivar protocol: IP protocol number; ICMP errors have ports 0
    """

    source: Address
    source_port: int
    destination: Address
    destination_port: int
    protocol: int


@dataclass(frozen=True, slots=True)
class Wire:
    """What the headers of one packet say. Lengths and offsets are in bytes.

    :ivar length: of the packet by its own header, network header included
    :ivar l4: offset of the transport header
    :ivar l4_size: how much of the transport header was read
    :ivar inner: offset of the packet that an ICMP error quotes, else 0
    :ivar ttl: time to live, or hop limit
    :ivar tos: type of service, or traffic class
    :ivar options: IPv4 options or IPv6 extension headers are there
    """

    tuple: Tuple
    length: int
    l4: int
    l4_size: int
    inner: int
    ttl: int
    tos: int
    tcp_flags: TcpFlags
    icmp_type: int
    icmp_code: int
    options: bool
    dont_fragment: bool


def read_packet(packet: bytes, *, quoted: bool = False) -> Wire:
    """Read the headers of a packet.

    :param packet: from its network header on
    :param quoted: it is the part of a packet that an ICMP error quotes
    :raises UnreadablePacket: no five-tuple: malformed, a fragment, another protocol
    """
    wire = ffi.new("struct ippfvs_wire *")
    read = lib.ippfvs_wire_read_quoted if quoted else lib.ippfvs_wire_read
    result = read(wire, packet, len(packet), len(packet))
    if result < 0:
        raise UnreadablePacket(Unreadable(-result))
    return _wire(wire)


def _wire(wire: Any) -> Wire:
    return Wire(
        tuple=_tuple(wire.tuple),
        length=wire.length,
        l4=wire.l4,
        l4_size=wire.l4_size,
        inner=wire.inner,
        ttl=wire.ttl,
        tos=wire.tos,
        tcp_flags=TcpFlags(wire.tcp_flags),
        icmp_type=wire.icmp_type,
        icmp_code=wire.icmp_code,
        options=wire.options,
        dont_fragment=wire.dont_fragment,
    )


def _tuple(each: Any) -> Tuple:
    return Tuple(
        source=_address(each.family, each.saddr),
        source_port=_swap(each.sport),
        destination=_address(each.family, each.daddr),
        destination_port=_swap(each.dport),
        protocol=each.protocol,
    )


def _address(family: int, address: Any) -> Address:
    raw = bytes(address.byte)
    if family == lib.IPPFVS_FAMILY_IPV4:
        return IPv4Address(raw[:4])
    return IPv6Address(raw)


def _swap(field: int) -> int:
    """Turn 16 bits as they stand in a packet into a number, or back."""
    return int.from_bytes(field.to_bytes(2, sys.byteorder), "big")


def csum(data: bytes) -> int:
    """Return the Internet checksum of some bytes (RFC 1071)."""
    return _swap(lib.ippfvs_csum(data, len(data)))


def csum_update(check: int, old: bytes, new: bytes) -> int:
    """Return a checksum after some of the covered bytes changed (RFC 1624).

    :param check: the checksum before
    :param old: the bytes before; an even number, at an even offset
    :param new: the bytes after, as many
    :raises ValueError: their lengths differ, or are odd
    """
    return _swap(lib.ippfvs_csum_update(_swap(check), old, new, _even(old, new)))


def csum_update_partial(check: int, old: bytes, new: bytes) -> int:
    """The same for the not complemented sum of a pseudo header (CHECKSUM_PARTIAL)."""
    return _swap(lib.ippfvs_csum_update_partial(_swap(check), old, new, _even(old, new)))


def _even(old: bytes, new: bytes) -> int:
    if len(old) != len(new) or len(old) % 2:
        raise ValueError("old and new bytes must be of the same, even length")
    return len(old)
