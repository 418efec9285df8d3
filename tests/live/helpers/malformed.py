# SPDX-License-Identifier: GPL-2.0
"""Malformed packets: a stream of mutants, which is the same for the same seed."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tests.live.helpers.packets import ICMP, ICMPV6, TCP, UDP, PacketSpec, checksum, error, ip
from tests.live.helpers.wiretap import Tap, captured, frames

if TYPE_CHECKING:
    import pylvs

METHODS_OF_PORTS = {80: "nat", 81: "tun", 82: "dr", 83: "local"}

EXTENSIONS = (0, 43, 44, 51, 59, 60, 135, 139, 140, 253)
LENGTHS = (0, 1, 4, 7, 8, 15, 16, 19, 20, 21, 39, 40, 60, 255, 256, 1280, 1500, 0x7FFF, 0xFFFF)
Mutation = Callable[[random.Random, PacketSpec], bytes]
# These are the offsets of two-byte length fields, and of one-byte fields that control parsing.
WORDS = {4: (2, 6, 24), 6: (4, 44)}
BYTES = {4: (0, 1, 6, 8, 9, 32), 6: (0, 1, 6, 7, 40, 41, 42, 52)}


def with_ip_checksum(packet: bytes) -> bytes:
    """Return PACKET with a correct IPv4 header checksum, so that the stack parses further."""
    size = (packet[0] & 15) * 4 if packet else 0
    if not packet or packet[0] >> 4 != 4 or size < 20 or len(packet) < size:
        return packet
    header = packet[:10] + b"\0\0" + packet[12:size]
    return packet[:10] + struct.pack("!H", checksum(header)) + packet[12:]


def mutants(seed: int, source: str, dest: str, ports: tuple[int, ...], count: int) -> list[bytes]:
    """Return all systematic mutants and COUNT random ones, from SOURCE to DEST."""
    rng = random.Random(seed)
    bases = [
        PacketSpec(source, dest, protocol, 7000 + number, port, b"hostile payload", ident=number)
        for number, port in enumerate(ports)
        for protocol in (UDP, TCP)
    ]
    packets = [with_ip_checksum(each) for base in bases for each in systematic(base)]
    kinds: tuple[Mutation, ...] = (
        random_bytes,
        quoted_mutant,
        extra_headers,
        wrong_field,
    )
    packets += [with_ip_checksum(rng.choice(kinds)(rng, rng.choice(bases))) for _ in range(count)]
    return [each for each in packets if each]


def systematic(base: PacketSpec) -> Iterator[bytes]:
    """Yield packets truncated at each byte, with every TCP flag, and with many length values."""
    whole = base.raw
    for size in range(1, len(whole)):
        yield whole[:size]
    if base.protocol == TCP:
        for flags in range(0, 256, 3):
            yield base.changed(flags=flags).raw
    for at in WORDS[base.family]:
        for length in LENGTHS:
            yield whole[:at] + struct.pack("!H", length) + whole[at + 2 :]
    for protocol in range(base.dport % 4, 256, 4):
        yield base.changed(protocol=protocol, data=whole[-30:]).raw


def wrong_field(rng: random.Random, base: PacketSpec) -> bytes:
    """Set one field that controls parsing to a random value."""
    whole = bytearray(base.raw)
    at = rng.choice(BYTES[base.family])
    whole[at % len(whole)] = rng.randrange(256)
    return bytes(whole)


def random_bytes(rng: random.Random, base: PacketSpec) -> bytes:
    """Set some bytes to random values, but not the addresses, so that the packet still arrives."""
    whole = bytearray(base.raw)
    spared = range(12, 20) if base.family == 4 else range(8, 40)
    for _ in range(rng.randint(1, 5)):
        at = rng.randrange(len(whole))
        if at not in spared:
            whole[at] = rng.randrange(256)
    return bytes(whole)


def quoted_mutant(rng: random.Random, base: PacketSpec) -> bytes:
    """Return an ICMP error with a correct checksum that quotes a mutated reply or tunnel packet."""
    answer = base.changed(source=base.dest, dest=base.source, sport=base.dport, dport=base.sport)
    quote = with_ip_checksum(random_bytes(rng, answer) if rng.random() < 0.7 else answer.raw)
    if rng.random() < 0.3:
        around = base.changed(protocol=rng.choice((4, 41, 47)), source=base.dest, dest=base.source)
        quote = ip(around, quote)
    quote = quote[: rng.randrange(len(quote) + 1)]
    kinds = (1, 2, 3, 4, 5, 11, 12, 137, rng.randrange(256))
    outer = base.changed(protocol=ICMP if base.family == 4 else ICMPV6)
    word = rng.choice((0, 0, 68, 576, 1280, 1400, rng.getrandbits(32)))
    return error(outer, rng.choice(kinds), rng.randrange(8), quote, word)


def extra_headers(rng: random.Random, base: PacketSpec) -> bytes:
    """Add headers before the transport header: random IPv6 extension headers or IPv4 options."""
    if base.family == 4:
        options = rng.randbytes(4 * rng.randint(1, 10))
        return base.changed(options=options).raw
    chain = tuple((rng.choice(EXTENSIONS), body(rng)) for _ in range(rng.randint(1, 12)))
    return base.changed(extensions=chain).raw


def body(rng: random.Random) -> bytes:
    """Return the bytes after the first two bytes of an extension header."""
    filled = rng.choice((bytes, rng.randbytes))
    return filled(6 + 8 * rng.choice((0, 0, 1, 2, 5)))


def serve_every_method(lvs: pylvs.Manager, wires: Tap) -> None:
    """Add a service for each method and protocol at the VIP of the tap."""
    import pylvs

    for protocol in ("tcp", "udp"):
        for port, method in METHODS_OF_PORTS.items():
            service = lvs.add_service(protocol, pylvs.Endpoint(wires.vip, port), "wlc")
            real = wires.own if method == "local" else wires.real
            lvs.add_real(service, pylvs.Endpoint(real, 0), method=method)


def assert_still_serves(wires: Tap) -> None:
    """Check that each method with a real server behind the director forwards a datagram."""
    wanted = [port for port, method in METHODS_OF_PORTS.items() if method != "local"]
    with captured(wires.behind) as capture:
        for number, port in enumerate(wanted):
            wires.to_vip(
                PacketSpec(wires.client, wires.vip, UDP, 9000 + number, port, b"alive?").raw
            )
        for _ in range(200):
            found = [frame for frame in frames(capture, 3) if frame.endswith(b"alive?")]
            if len(found) == len(wanted):
                return
    raise AssertionError(f"{len(found)} of {len(wanted)} methods still serve")
