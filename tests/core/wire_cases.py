# SPDX-License-Identifier: GPL-2.0
"""Packets as data: their name, their bytes, and the expected fields or the expected error."""

from __future__ import annotations

from pylvs.core import Unreadable
from tests.core import packets as p

MALFORMED, FRAGMENT, OTHER = Unreadable.MALFORMED, Unreadable.FRAGMENT, Unreadable.OTHER

hop = (p.HOP_BY_HOP, b"\5\2\0\0\1\0")
opts = (p.OPTIONS, b"\1\4\0\0\0\0")
atomic = (p.FRAGMENT, bytes(6))
big = p.tcp(data=bytes(70_000 - 20))
jumbo = (p.HOP_BY_HOP, b"\xc2\4" + (70_008).to_bytes(4, "big"))
segment_left = (p.ROUTING, bytes([4, 1, 0, 0, 0, 0]))
all_visited = (p.ROUTING, bytes([4, 0, 0, 0, 0, 0]))
type_zero = (p.ROUTING, bytes(6))

REFUSED: list[tuple[str, bytes, Unreadable]] = [
    ("nothing", b"", MALFORMED),
    ("version 0", bytes(40), MALFORMED),
    ("version 5", b"\x55" + bytes(40), MALFORMED),
    ("IPv4 cut in its header", p.ipv4(p.UDP, p.udp())[:19], MALFORMED),
    ("IPv4 header length 16", b"\x44" + p.ipv4(p.UDP, p.udp())[1:], MALFORMED),
    ("IPv4 header longer than the packet", b"\x4f" + p.ipv4(p.UDP, p.udp())[1:], MALFORMED),
    ("IPv4 length beyond the packet", p.ipv4(p.UDP, p.udp(), length=29), MALFORMED),
    ("IPv4 length within the header", p.ipv4(p.UDP, p.udp(), length=19), MALFORMED),
    ("IPv4 length 0", p.ipv4(p.UDP, p.udp(), length=0), MALFORMED),
    ("IPv4 length 0 of 65535 bytes", p.ipv4(p.TCP, big[: 65_535 - 20], length=0), MALFORMED),
    ("IPv4 length 1 of BIG TCP", p.ipv4(p.TCP, big, length=1), MALFORMED),
    ("IPv4 length hides the ports", p.ipv4(p.UDP, p.udp(), length=27), MALFORMED),
    ("IPv4 first fragment", p.ipv4(p.UDP, p.udp(), fragment=0x2000), FRAGMENT),
    ("IPv4 last fragment", p.ipv4(p.UDP, p.udp(), fragment=0x0001), FRAGMENT),
    ("IPv4 ESP", p.ipv4(p.ESP, bytes(20)), OTHER),
    ("IPv4 IPIP", p.ipv4(p.IPIP, p.ipv4(p.UDP, p.udp())), OTHER),
    ("IPv4 with ICMPv6", p.ipv4(p.ICMPV6, p.icmp(1)), OTHER),
    ("TCP header cut", p.ipv4(p.TCP, p.tcp()[:19]), MALFORMED),
    ("TCP data offset 16", p.ipv4(p.TCP, p.tcp(size=16)), MALFORMED),
    ("TCP options beyond the packet", p.ipv4(p.TCP, p.tcp(size=24)[:23]), MALFORMED),
    ("UDP header cut", p.ipv4(p.UDP, p.udp()[:7]), MALFORMED),
    ("UDP length 0", p.ipv4(p.UDP, p.udp(length=0)), MALFORMED),
    ("UDP length 7", p.ipv4(p.UDP, p.udp(length=7)), MALFORMED),
    ("UDP length beyond the packet", p.ipv4(p.UDP, p.udp(length=9)), MALFORMED),
    ("ICMP echo", p.ipv4(p.ICMP, p.icmp(8)), OTHER),
    ("ICMP redirect", p.ipv4(p.ICMP, p.icmp(5)), OTHER),
    ("ICMP cut", p.ipv4(p.ICMP, p.icmp(3)[:7]), MALFORMED),
    ("IPv6 cut in its header", p.ipv6(p.UDP, p.udp())[:39], MALFORMED),
    ("IPv6 length beyond the packet", p.ipv6(p.UDP, p.udp(), length=9), MALFORMED),
    ("IPv6 jumbogram", p.ipv6(p.UDP, p.udp(), extensions=[hop], length=0), MALFORMED),
    ("IPv6 length 0 of 65535 bytes", p.ipv6(p.TCP, big[:65_535], length=0), MALFORMED),
    ("IPv6 UDP length 0", p.ipv6(p.UDP, p.udp(length=0)), MALFORMED),
    ("IPv6 no next header", p.ipv6(p.NO_NEXT), OTHER),
    ("IPv6 AH", p.ipv6(p.AH, bytes(24)), OTHER),
    ("IPv6 with ICMP for IPv4", p.ipv6(p.ICMP, p.icmp(3)), OTHER),
    ("IPv6 echo", p.ipv6(p.ICMPV6, p.icmp(128)), OTHER),
    ("IPv6 redirect", p.ipv6(p.ICMPV6, p.icmp(137)), OTHER),
    ("IPv6 extension beyond the packet", p.ipv6(p.UDP, extensions=[opts], length=7), MALFORMED),
    ("IPv6 extension's length lies", p.ipv6(p.OPTIONS, b"\x11\xff" + bytes(60)), MALFORMED),
    ("IPv6 nine extensions", p.ipv6(p.UDP, p.udp(), extensions=[opts] * 9), OTHER),
    ("IPv6 routing type 0", p.ipv6(p.UDP, p.udp(), extensions=[type_zero]), OTHER),
    ("IPv6 segment left", p.ipv6(p.UDP, p.udp(), extensions=[segment_left]), OTHER),
    ("IPv6 first fragment",
     p.ipv6(p.UDP, p.udp(), extensions=[(p.FRAGMENT, b"\0\1" + bytes(4))]), FRAGMENT),
    ("IPv6 later fragment",
     p.ipv6(p.UDP, p.udp(), extensions=[(p.FRAGMENT, b"\0\x08" + bytes(4))]), FRAGMENT),
]  # fmt: skip

READ: list[tuple[str, bytes, dict[str, object]]] = [
    ("the paper's request", p.ipv4(p.TCP, p.tcp(3456, 80, 0x02), ttl=61, tos=0x10),
     {"length": 40, "l4": 20, "l4_size": 20, "tcp_flags": 2, "ttl": 61, "tos": 16,
      "options": False, "dont_fragment": True, "inner": 0}),
    ("it may be fragmented", p.ipv4(p.TCP, p.tcp(), fragment=0), {"dont_fragment": False}),
    ("IPv4 options", p.ipv4(p.UDP, p.udp(), options=bytes(40)),
     {"l4": 60, "l4_size": 8, "options": True, "length": 68}),
    ("padding after the packet", p.ipv4(p.UDP, p.udp()) + bytes(18), {"length": 28}),
    ("UDP shorter than its packet", p.ipv4(p.UDP, p.udp(length=8) + b"xy"), {"length": 30}),
    ("port unreachable", p.ipv4(p.ICMP, p.icmp(3, 3, p.ipv4(p.UDP, p.udp()))),
     {"icmp_type": 3, "icmp_code": 3, "l4": 20, "l4_size": 8, "inner": 28, "length": 56}),
    ("IPv6", p.ipv6(p.TCP, p.tcp(flags=0x12), ttl=7, tos=0xB8),
     {"length": 60, "l4": 40, "tcp_flags": 0x12, "ttl": 7, "tos": 0xB8, "options": False,
      "dont_fragment": True}),
    ("IPv6 with every extension",
     p.ipv6(p.UDP, p.udp(), extensions=[hop, opts, all_visited, atomic]),
     {"l4": 72, "options": True, "length": 80}),
    ("IPv6 eight extensions", p.ipv6(p.UDP, p.udp(), extensions=[opts] * 8), {"l4": 104}),
    ("IPv6 atomic fragment", p.ipv6(p.TCP, p.tcp(), extensions=[atomic]), {"l4": 48}),
    ("BIG TCP over IPv4", p.ipv4(p.TCP, big, length=0), {"length": 70_020, "l4_size": 20}),
    ("one byte more than the field holds", p.ipv4(p.TCP, big[: 65_536 - 20], length=0),
     {"length": 65_536}),
    ("BIG TCP over IPv6", p.ipv6(p.TCP, big, length=0),
     {"length": 70_040, "l4": 40, "options": False}),
    ("BIG TCP over IPv6 as a jumbogram", p.ipv6(p.TCP, big, extensions=[jumbo], length=0),
     {"length": 70_048, "l4": 48, "options": True}),
    ("packet too big", p.ipv6(p.ICMPV6, p.icmp(2, 0, p.ipv6(p.TCP, p.tcp()))),
     {"icmp_type": 2, "icmp_code": 0, "inner": 48}),
]  # fmt: skip

tunnel4 = p.ipv4(p.IPIP, p.ipv4(p.TCP, p.tcp()), length=1500)
QUOTED: list[tuple[str, bytes, dict[str, object] | Unreadable]] = [
    ("eight bytes of TCP, as RFC 792 asks", p.ipv4(p.TCP, p.tcp()[:8], length=1500),
     {"l4_size": 8, "tcp_flags": 0, "length": 1500}),
    ("ports only", p.ipv4(p.TCP, p.tcp()[:4], length=1500), {"l4_size": 4}),
    ("not even ports", p.ipv4(p.TCP, p.tcp()[:3], length=1500), MALFORMED),
    ("flags just there", p.ipv4(p.TCP, p.tcp(flags=2)[:14], length=1500),
     {"l4_size": 14, "tcp_flags": 2}),
    ("a whole segment", p.ipv4(p.TCP, p.tcp(flags=2)), {"l4_size": 20, "tcp_flags": 2}),
    ("TCP options cut off", p.ipv4(p.TCP, p.tcp(size=40)[:20], length=1500), {"l4_size": 20}),
    ("a data offset of 16", p.ipv4(p.TCP, p.tcp(size=16)), MALFORMED),
    ("UDP of a long datagram", p.ipv4(p.UDP, p.udp(length=1480), length=1500), {"l4_size": 8}),
    ("the first fragment of one", p.ipv4(p.UDP, p.udp(length=9000), fragment=0x2000, length=1500),
     {"l4_size": 8}),
    ("a later fragment", p.ipv4(p.UDP, p.udp(), fragment=0x20B9), FRAGMENT),
    ("an IPv6 first fragment",
     p.ipv6(p.UDP, p.udp(length=9000), extensions=[(p.FRAGMENT, b"\0\1" + bytes(4))], length=1440),
     {"l4": 48, "l4_size": 8}),
    ("an IPv6 later fragment",
     p.ipv6(p.UDP, p.udp(), extensions=[(p.FRAGMENT, b"\5\xa8" + bytes(4))]), FRAGMENT),
    ("an error about an error", p.ipv4(p.ICMP, p.icmp(3, 3, bytes(28))), OTHER),
    ("our tunnel", tunnel4, {"l4": 20, "inner": 20, "l4_size": 0}),
    ("our tunnel, cut at its header", tunnel4[:20], {"l4": 20, "inner": 20, "l4_size": 0}),
    ("a tunnel with options", p.ipv4(p.IPIP, options=bytes(8), length=1500), {"inner": 28}),
    ("a tunnel, cut in its options", p.ipv4(p.IPIP, options=bytes(8), length=1500)[:27], MALFORMED),
    ("IPv6 in IPv6", p.ipv6(p.IPV6, p.ipv6(p.TCP, p.tcp())), {"inner": 40, "l4_size": 0}),
    ("a header that is cut", tunnel4[:19], MALFORMED),
    ("BIG TCP", p.ipv4(p.TCP, p.tcp()[:8], length=0), {"length": 28, "l4_size": 8}),
    ("BIG TCP over IPv6", p.ipv6(p.TCP, p.tcp()[:8], length=0), {"length": 48, "l4_size": 8}),
    ("padding after the quote", p.ipv4(p.UDP, p.udp()[:4]) + bytes(8), {"l4_size": 4}),
]  # fmt: skip
