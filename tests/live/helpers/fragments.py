# SPDX-License-Identifier: GPL-2.0
"""IP fragments, which are created and reassembled without the kernel."""

from __future__ import annotations

import struct

from tests.live.helpers.packets import PacketSpec, checksum, ip

FRAGMENT = 44


def fragments_of(spec: PacketSpec, size: int, *, dont_fragment: bool = False) -> list[bytes]:
    """Return SPEC in fragments of SIZE bytes, a multiple of 8. DONT_FRAGMENT sets DF in each."""
    offsets = range(0, len(spec.transport), size)
    return [fragment_at(spec, at, size, dont_fragment=dont_fragment) for at in offsets]


def fragment_at(spec: PacketSpec, at: int, size: int, *, dont_fragment: bool = False) -> bytes:
    """Return the fragment of SPEC that begins at byte AT of its payload."""
    whole = spec.transport
    more = at + size < len(whole)
    part = whole[at : at + size]
    if spec.family == 6:
        header = struct.pack("!BBHI", spec.protocol, 0, at | more, spec.ident)
        return ip(spec.changed(protocol=FRAGMENT), header + part)
    flags = dont_fragment << 14 | more << 13
    return _with_fragment_field(ip(spec.changed(dont_fragment=False), part), at // 8 | flags)


def _with_fragment_field(packet: bytes, field: int) -> bytes:
    """Return an IPv4 PACKET without options, with its fragment field set to FIELD."""
    plain = packet[:6] + struct.pack("!H", field) + packet[8:10] + b"\0\0" + packet[12:20]
    return plain[:10] + struct.pack("!H", checksum(plain)) + plain[12:] + packet[20:]


def reassemble(packets: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Return the addresses and payload of every complete datagram, in the order of completion."""
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
    """Return the datagram's key, the offset, whether more fragments follow, and the data."""
    if packet[0] >> 4 == 4:
        field, length = struct.unpack_from("!H", packet, 6)[0], struct.unpack_from("!H", packet, 2)
        key = packet[12:20] + packet[4:6]
        return key, (field & 0x1FFF) * 8, bool(field & 0x2000), packet[20 : length[0]]
    if packet[6] != FRAGMENT:
        return packet[8:40], 0, False, packet[40:]
    field = struct.unpack_from("!H", packet, 42)[0]
    return packet[8:40] + packet[44:48], field & 0xFFF8, bool(field & 1), packet[48:]
