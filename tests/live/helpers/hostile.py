# SPDX-License-Identifier: GPL-2.0
"""Packets that lie: a seeded stream of mutants, the same for the same seed."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tests.live.helpers.packets import ICMP, ICMPV6, TCP, UDP, Made, checksum, error, ip
from tests.live.helpers.wiretap import Tap, caught, frames

if TYPE_CHECKING:
    import pylvs

METHODS_OF_PORTS = {80: "nat", 81: "tun", 82: "dr", 83: "local"}

EXTENSIONS = (0, 43, 44, 51, 59, 60, 135, 139, 140, 253)
LENGTHS = (0, 1, 4, 7, 8, 15, 16, 19, 20, 21, 39, 40, 60, 255, 256, 1280, 1500, 0x7FFF, 0xFFFF)
# Where two-byte fields that tell a length stand, and one-byte fields that rule parsing.
WORDS = {4: (2, 6, 24), 6: (4, 44)}
BYTES = {4: (0, 1, 6, 8, 9, 32), 6: (0, 1, 6, 7, 40, 41, 42, 52)}


def mended(packet: bytes) -> bytes:
    """PACKET with an IPv4 header checksum that is right, so that the stack reads on."""
    size = (packet[0] & 15) * 4 if packet else 0
    if not packet or packet[0] >> 4 != 4 or size < 20 or len(packet) < size:
        return packet
    header = packet[:10] + b"\0\0" + packet[12:size]
    return packet[:10] + struct.pack("!H", checksum(header)) + packet[12:]


def mutants(seed: int, source: str, dest: str, ports: tuple[int, ...], count: int) -> list[bytes]:
    """COUNT mutants after the systematic ones, from SOURCE to DEST."""
    chance = random.Random(seed)
    bases = [
        Made(source, dest, protocol, 7000 + number, port, b"hostile payload", ident=number)
        for number, port in enumerate(ports)
        for protocol in (UDP, TCP)
    ]
    found = [mended(each) for base in bases for each in systematic(base)]
    kinds: tuple[Callable[[random.Random, Made], bytes], ...] = (flipped, quoting, chained, lying)
    found += [mended(chance.choice(kinds)(chance, chance.choice(bases))) for _ in range(count)]
    return [each for each in found if each]


def systematic(base: Made) -> Iterator[bytes]:
    """Cut at each byte; every TCP flag; every length field with every length."""
    whole = base.raw
    for size in range(1, len(whole)):
        yield whole[:size]
    if base.protocol == TCP:
        for flags in range(0, 256, 3):
            yield base.but(flags=flags).raw
    for at in WORDS[base.family]:
        for length in LENGTHS:
            yield whole[:at] + struct.pack("!H", length) + whole[at + 2 :]
    for protocol in range(base.dport % 4, 256, 4):
        yield base.but(protocol=protocol, data=whole[-30:]).raw


def lying(chance: random.Random, base: Made) -> bytes:
    """One field that rules parsing has any value."""
    whole = bytearray(base.raw)
    at = chance.choice(BYTES[base.family])
    whole[at % len(whole)] = chance.randrange(256)
    return bytes(whole)


def flipped(chance: random.Random, base: Made) -> bytes:
    """Some bytes are any, addresses excepted: it shall still find its way to us."""
    whole = bytearray(base.raw)
    spared = range(12, 20) if base.family == 4 else range(8, 40)
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(whole))
        if at not in spared:
            whole[at] = chance.randrange(256)
    return bytes(whole)


def quoting(chance: random.Random, base: Made) -> bytes:
    """An ICMP error, its checksum right, that quotes a mutant of an answer or of a tunnel."""
    answer = base.but(source=base.dest, dest=base.source, sport=base.dport, dport=base.sport)
    quote = mended(flipped(chance, answer) if chance.random() < 0.7 else answer.raw)
    if chance.random() < 0.3:
        around = base.but(protocol=chance.choice((4, 41, 47)), source=base.dest, dest=base.source)
        quote = ip(around, quote)
    quote = quote[: chance.randrange(len(quote) + 1)]
    kinds = (1, 2, 3, 4, 5, 11, 12, 137, chance.randrange(256))
    outer = base.but(protocol=ICMP if base.family == 4 else ICMPV6)
    word = chance.choice((0, 0, 68, 576, 1280, 1400, chance.getrandbits(32)))
    return error(outer, chance.choice(kinds), chance.randrange(8), quote, word)


def chained(chance: random.Random, base: Made) -> bytes:
    """Headers before the transport: IPv6 extensions, IPv4 options, of any sense."""
    if base.family == 4:
        options = chance.randbytes(4 * chance.randint(1, 10))
        return base.but(options=options).raw
    chain = tuple((chance.choice(EXTENSIONS), body(chance)) for _ in range(chance.randint(1, 12)))
    return base.but(extensions=chain).raw


def body(chance: random.Random) -> bytes:
    """What follows the first two bytes of an extension header."""
    filled = chance.choice((bytes, chance.randbytes))
    return filled(6 + 8 * chance.choice((0, 0, 1, 2, 5)))


def serve_every_method(lvs: pylvs.Manager, wires: Tap) -> None:
    """A service for each method and protocol at the VIP of the tap."""
    import pylvs

    for protocol in ("tcp", "udp"):
        for port, method in METHODS_OF_PORTS.items():
            service = lvs.add_service(protocol, pylvs.Endpoint(wires.vip, port), "wlc")
            real = wires.own if method == "local" else wires.real
            lvs.add_real(service, pylvs.Endpoint(real, 0), method=method)


def assert_still_serves(wires: Tap) -> None:
    """Each method that leads behind still forwards a datagram."""
    wanted = [port for port, method in METHODS_OF_PORTS.items() if method != "local"]
    with caught(wires.behind) as capture:
        for number, port in enumerate(wanted):
            wires.to_vip(Made(wires.client, wires.vip, UDP, 9000 + number, port, b"alive?").raw)
        for _ in range(200):
            found = [frame for frame in frames(capture, 3) if frame.endswith(b"alive?")]
            if len(found) == len(wanted):
                return
    raise AssertionError(f"{len(found)} of {len(wanted)} methods still serve")
