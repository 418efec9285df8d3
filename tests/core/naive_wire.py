# SPDX-License-Identifier: GPL-2.0
"""A simple implementation of kernel/core/wire.c, which follows the rules in wire.h one by one."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from pylvs.core import TcpFlags, Tuple, Unreadable, UnreadablePacket, Wire
from tests.core.packets import (
    FRAGMENT,
    HOP_BY_HOP,
    ICMP,
    ICMP_ERRORS,
    ICMPV6,
    IPIP,
    IPV6,
    OPTIONS,
    ROUTING,
    TCP,
    UDP,
)


def refuse(reason: Unreadable) -> UnreadablePacket:
    return UnreadablePacket(reason)


@dataclass
class Network:
    """A network header: its fields, and the bytes after it."""

    source: IPv4Address | IPv6Address
    destination: IPv4Address | IPv6Address
    length: int
    ttl: int
    tos: int
    dont_fragment: bool
    options: bool
    protocol: int
    l4: int
    rest: bytes  # from the transport header to the end of the packet
    whole: bool = True  # the network header is not truncated


def naive_read(packet: bytes, quoted: bool) -> Wire:
    if not packet:
        raise refuse(Unreadable.MALFORMED)
    version = packet[0] >> 4
    if version == 4:
        return naive_transport(naive_ipv4(packet, quoted), quoted)
    if version == 6:
        return naive_transport(naive_ipv6(packet, quoted), quoted)
    raise refuse(Unreadable.MALFORMED)


def stated_length(packet: bytes, fixed: int, field: int, quoted: bool) -> int:
    """Return the length of PACKET, whose header has FIELD in addition to FIXED bytes."""
    too_long_for_the_field = len(packet) > fixed + 0xFFFF
    if field == 0 and (too_long_for_the_field or quoted):
        return len(packet)
    return fixed + field


def naive_ipv4(packet: bytes, quoted: bool) -> Network:
    if len(packet) < 20:
        raise refuse(Unreadable.MALFORMED)
    first, tos, field, _, fragment, ttl, protocol, _ = struct.unpack("!BBHHHBBH", packet[:12])
    header = (first & 15) * 4
    length = stated_length(packet, 0, field, quoted)
    if header < 20 or length < header or (length > len(packet) and not quoted):
        raise refuse(Unreadable.MALFORMED)
    more, offset = bool(fragment & 0x2000), fragment & 0x1FFF
    if offset or (more and not quoted):
        raise refuse(Unreadable.FRAGMENT)
    return Network(
        source=IPv4Address(packet[12:16]),
        destination=IPv4Address(packet[16:20]),
        length=length,
        ttl=ttl,
        tos=tos,
        dont_fragment=bool(fragment & 0x4000),
        options=header > 20,
        protocol=protocol,
        l4=header,
        rest=packet[:length][header:],
        whole=len(packet) >= header,
    )


def naive_ipv6(packet: bytes, quoted: bool) -> Network:
    if len(packet) < 40:
        raise refuse(Unreadable.MALFORMED)
    first, payload, protocol, ttl = struct.unpack("!IHBB", packet[:8])
    length = stated_length(packet, 40, payload, quoted)
    if length > len(packet) and not quoted:
        raise refuse(Unreadable.MALFORMED)
    rest = packet[40:length]
    at, walked = 40, 0
    while protocol in (HOP_BY_HOP, ROUTING, FRAGMENT, OPTIONS):
        if walked == 8:
            raise refuse(Unreadable.OTHER)
        if len(rest) < 8:
            raise refuse(Unreadable.MALFORMED)
        size = 8 if protocol == FRAGMENT else (rest[1] + 1) * 8
        if len(rest) < size:
            raise refuse(Unreadable.MALFORMED)
        if protocol == ROUTING and (rest[2] == 0 or rest[3] > 0):
            raise refuse(Unreadable.OTHER)
        if protocol == FRAGMENT:
            field = int.from_bytes(rest[2:4], "big")
            if field >> 3 or (field & 1 and not quoted):
                raise refuse(Unreadable.FRAGMENT)
        protocol, rest = rest[0], rest[size:]
        at, walked = at + size, walked + 1
    return Network(
        source=IPv6Address(packet[8:24]),
        destination=IPv6Address(packet[24:40]),
        length=length,
        ttl=ttl,
        tos=first >> 20 & 0xFF,
        dont_fragment=True,
        options=walked > 0,
        protocol=protocol,
        l4=at,
        rest=rest,
    )


def naive_transport(network: Network, quoted: bool) -> Wire:
    if network.protocol in (TCP, UDP):
        return naive_ports(network, quoted)
    icmp = ICMP if network.source.version == 4 else ICMPV6
    if network.protocol == icmp and not quoted:
        return naive_icmp(network)
    if network.protocol in (IPIP, IPV6) and quoted:
        if not network.whole:
            raise refuse(Unreadable.MALFORMED)
        return made(network, size=0, inner=network.l4)
    raise refuse(Unreadable.OTHER)


def naive_ports(network: Network, quoted: bool) -> Wire:
    whole = 20 if network.protocol == TCP else 8
    header = network.rest[:whole]
    if len(header) < (4 if quoted else whole):
        raise refuse(Unreadable.MALFORMED)
    if network.protocol == TCP and len(header) >= 13:
        claimed, least = (header[12] >> 4) * 4, 20
    elif network.protocol == UDP and len(header) >= 6:
        claimed, least = int.from_bytes(header[4:6], "big"), 8
    else:
        claimed = least = 0
    if claimed < least or (claimed > len(network.rest) and not quoted):
        raise refuse(Unreadable.MALFORMED)
    flags = header[13] if network.protocol == TCP and len(header) >= 14 else 0
    source, destination = struct.unpack("!HH", header[:4])
    return made(network, size=len(header), ports=(source, destination), flags=flags)


def naive_icmp(network: Network) -> Wire:
    if len(network.rest) < 8:
        raise refuse(Unreadable.MALFORMED)
    kind, code = network.rest[0], network.rest[1]
    if kind not in ICMP_ERRORS[network.protocol]:
        raise refuse(Unreadable.OTHER)
    return made(network, size=8, inner=network.l4 + 8, error=(kind, code))


def made(
    network: Network,
    *,
    size: int,
    inner: int = 0,
    ports: tuple[int, int] = (0, 0),
    flags: int = 0,
    error: tuple[int, int] = (0, 0),
) -> Wire:
    return Wire(
        tuple=Tuple(network.source, ports[0], network.destination, ports[1], network.protocol),
        length=network.length,
        l4=network.l4,
        l4_size=size,
        inner=inner,
        ttl=network.ttl,
        tos=network.tos,
        tcp_flags=TcpFlags(flags),
        icmp_type=error[0],
        icmp_code=error[1],
        options=network.options,
        dont_fragment=network.dont_fragment,
    )
