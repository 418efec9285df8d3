# SPDX-License-Identifier: GPL-2.0
"""IP fragments made by hand, and put together again without the kernel's help."""

from __future__ import annotations

import struct

from tests.live.helpers.packets import Made, checksum, ip

FRAGMENT = 44


def cut(made: Made, size: int, *, dont_fragment: bool = False) -> list[bytes]:
    """MADE in fragments that carry SIZE bytes each, a multiple of eight; further cutting or not."""
    places = range(0, len(made.transport), size)
    return [piece(made, at, size, dont_fragment=dont_fragment) for at in places]


def piece(made: Made, at: int, size: int, *, dont_fragment: bool = False) -> bytes:
    """The fragment of MADE that begins at byte AT of what it carries."""
    whole = made.transport
    more = at + size < len(whole)
    part = whole[at : at + size]
    if made.family == 6:
        header = struct.pack("!BBHI", made.protocol, 0, at | more, made.ident)
        return ip(made.but(protocol=FRAGMENT), header + part)
    flags = dont_fragment << 14 | more << 13
    return _marked(ip(made.but(dont_fragment=False), part), at // 8 | flags)


def _marked(packet: bytes, field: int) -> bytes:
    """An IPv4 PACKET without options, with its fragment FIELD set."""
    plain = packet[:6] + struct.pack("!H", field) + packet[8:10] + b"\0\0" + packet[12:20]
    return plain[:10] + struct.pack("!H", checksum(plain)) + plain[12:] + packet[20:]


def join(packets: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Addresses and payload of every datagram that is complete, in the order of completion."""
    parts: dict[bytes, dict[int, bytes]] = {}
    ends: dict[bytes, int] = {}
    whole = []
    for packet in packets:
        key, at, more, data = _read(packet)
        parts.setdefault(key, {})[at] = data
        if not more:
            ends[key] = at + len(data)
        found = b"".join(data for _at, data in sorted(parts[key].items()))
        if len(found) == ends.get(key):
            whole.append((key[: 8 if packet[0] >> 4 == 4 else 32], found))
            del parts[key], ends[key]
    return whole


def _read(packet: bytes) -> tuple[bytes, int, bool, bytes]:
    """What tells its datagram, where it begins, whether more follows, and what it carries."""
    if packet[0] >> 4 == 4:
        field, length = struct.unpack_from("!H", packet, 6)[0], struct.unpack_from("!H", packet, 2)
        key = packet[12:20] + packet[4:6]
        return key, (field & 0x1FFF) * 8, bool(field & 0x2000), packet[20 : length[0]]
    if packet[6] != FRAGMENT:
        return packet[8:40], 0, False, packet[40:]
    field = struct.unpack_from("!H", packet, 42)[0]
    return packet[8:40] + packet[44:48], field & 0xFFF8, bool(field & 1), packet[48:]
