# SPDX-License-Identifier: GPL-2.0
"""Packets are crafted at one end, and those at the other end are compared byte for byte.

    edge ── director ── behind          no stack owns CIP, VIP and RIP: see helpers/wiretap.py

Each packet is sent twice: first through the director's firewall, then on a known connection. The
expected packets are built from scratch, so their checksums do not depend on the sent packets.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from ippfvslab.farm import Farm

from tests.live.helpers.packets import (
    ACK,
    DESTINATION_OPTIONS,
    HOP_BY_HOP,
    IPIP,
    IPV6,
    PSH_ACK,
    ROUTING,
    SYN,
    TCP,
    UDP,
    PacketSpec,
    compare,
    ip,
)
from tests.live.helpers.wiretap import (
    REAL_PORT,
    VIRTUAL_PORT,
    Tap,
    captured,
    frames,
    serve,
    tap,
)

if TYPE_CHECKING:
    import pylvs

QUICK, SLOW = 500, 5
MSS_AND_FRIENDS = bytes.fromhex("020405b40402080a00112233000000000103030a")
STAMPS = bytes.fromhex("0101080a0011223344556677")
EXTENSIONS = {
    "hop-by-hop": ((HOP_BY_HOP, b"\x01\x04" + bytes(4)),),
    "destination options": ((DESTINATION_OPTIONS, b"\x01\x0c" + bytes(12)),),
    "a used routing header": ((ROUTING, b"\x04\x00" + bytes(20)),),
    "three headers": (
        (HOP_BY_HOP, b"\x01\x04" + bytes(4)),
        (ROUTING, b"\x04\x00" + bytes(20)),
        (DESTINATION_OPTIONS, b"\x01\x04" + bytes(4)),
    ),
}
PADDING = b"\x01\x01\x01\x00"
ROUTER_ALERT = bytes.fromhex("94040000")
EXPERIMENT = bytes.fromhex("5e080102030405060101010101010000")

Cases = dict[str, PacketSpec]


def cases(source: str, dest: str) -> Cases:
    """Return every packet from SOURCE to DEST. The ports are set later."""
    bare = PacketSpec(source, dest)
    udp, tcp = (
        bare.changed(protocol=UDP),
        bare.changed(protocol=TCP, flags=PSH_ACK, acknowledged=0x5060708),
    )
    specs = {
        "udp": udp.changed(data=b"four"),
        "udp empty": udp,
        "udp odd": udp.changed(data=b"odd"),
        "udp large": udp.changed(data=bytes(range(251)) * 5),
        "udp sum 0": udp.changed(data=b"even"),  # its checksum is 0 after the rewriting
        "udp dscp": udp.changed(tos=0xB8, data=b"voice"),
        "udp ect0": udp.changed(tos=0x02),
        "udp ect1": udp.changed(tos=0x29),
        "udp ce": udp.changed(tos=0x03),
        "udp ttl 255": udp.changed(ttl=255),
        "udp ttl 2": udp.changed(ttl=2),
        "tcp syn": tcp.changed(flags=SYN, acknowledged=0, tcp_options=MSS_AND_FRIENDS),
        "tcp syn ecn": tcp.changed(flags=SYN | 0xC0, acknowledged=0),
        "tcp data": tcp.changed(data=b"GET / HTTP/1.0\r\n\r\n", tcp_options=STAMPS),
        "tcp odd": tcp.changed(data=b"odd"),
        "tcp urgent": tcp.changed(flags=PSH_ACK | 0x20, urgent=3, data=b"urgent"),
        "tcp reserved bits": tcp.changed(flags=ACK | 0xF00),
        "tcp large": tcp.changed(data=bytes(range(199)) * 7, tos=0x12, ttl=33),
    }
    specs.update(_of_ipv4(udp, tcp) if bare.family == 4 else _of_ipv6(udp, tcp))
    return specs


def _of_ipv4(udp: PacketSpec, tcp: PacketSpec) -> Cases:
    return {
        "udp without checksum": udp.changed(no_checksum=True, data=b"bare"),
        "udp may fragment": udp.changed(dont_fragment=False, ident=0xBEEF, data=b"x"),
        "udp ident 0": udp.changed(ident=0),
        "udp padding options": udp.changed(options=PADDING, data=b"opt"),
        "udp router alert": udp.changed(options=ROUTER_ALERT, data=b"opt"),
        "udp unknown option": udp.changed(options=EXPERIMENT),
        # The stack clears what follows the end of the options.
        "tcp options": tcp.changed(options=PADDING, data=b"both", tcp_options=STAMPS),
        "tcp may fragment": tcp.changed(dont_fragment=False, data=b"x"),
    }


def _of_ipv6(udp: PacketSpec, tcp: PacketSpec) -> Cases:
    specs = {"udp flow label": udp.changed(flow_label=0xABCDE, tos=0xB9, data=b"flow")}
    for name, extensions in EXTENSIONS.items():
        specs[f"udp {name}"] = udp.changed(extensions=extensions, data=b"ext")
        specs[f"tcp {name}"] = tcp.changed(extensions=extensions, data=b"odd")
    return specs


def numbered(specs: Cases, *, client_is_source: bool, port: int) -> Cases:
    """Give each case a different client port, and PORT at the other end."""
    return {
        name: each.changed(sport=3000 + number, dport=port)
        if client_is_source
        else each.changed(sport=port, dport=3000 + number)
        for number, (name, each) in enumerate(specs.items())
    }


def openings(specs: Cases) -> list[bytes]:
    """Return a SYN for each TCP connection of the cases."""
    return [
        each.changed(flags=SYN, data=b"", options=b"", extensions=()).raw
        for each in specs.values()
        if each.protocol == TCP
    ]


@pytest.mark.farm(methods=["nat", "dr"])
def test_packets_from_the_client_are_forwarded_byte_for_byte(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    with tap(farm) as wires:
        serve(lvs, wires, farm.method)
        changes = {"dest": wires.real, "dport": REAL_PORT} if farm.method == "nat" else {}
        specs = numbered(cases(wires.client, wires.vip), client_is_source=True, port=VIRTUAL_PORT)
        specs["udp sum 0"] = (
            specs["udp sum 0"]
            .changed(**changes)
            .with_zero_checksum()
            .changed(dest=wires.vip, dport=VIRTUAL_PORT)
        )
        expected = {
            name: [wires.frame_behind(each.forwarded(**changes).raw)] * 2
            for name, each in specs.items()
        }
        compare(through(wires, specs), expected)


def through(wires: Tap, specs: Cases) -> list[bytes]:
    """Open the connections, send each case twice, and return the frames behind the director."""
    first = openings(specs)
    with captured(wires.behind) as capture:
        wires.to_vip(*first)
        opened = frames(capture, len(first))
        wires.to_vip(*[each.raw for each in specs.values() for _ in range(2)])
        return frames(capture, len(opened) + 2 * len(specs))[len(first) :]


@pytest.mark.farm(methods=["tun"])
def test_packets_into_the_tunnel_are_encapsulated_byte_for_byte(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    with tap(farm) as wires:
        serve(lvs, wires, "tun")
        specs = numbered(cases(wires.client, wires.vip), client_is_source=True, port=VIRTUAL_PORT)
        got = through(wires, specs)
        assert len(got) == 2 * len(specs)
        idents = iter([int.from_bytes(frame[18:20], "big") for frame in got])
        expected = {
            name: [wires.frame_behind(encapsulated(wires, each, next(idents))) for _ in range(2)]
            for name, each in specs.items()
        }
        compare(got, expected)


@pytest.mark.farm(methods=["tun"], families=[4])
def test_tunnel_packets_that_may_be_fragmented_have_unique_identifications(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """The test sends many packets within one clock tick, and later single packets."""
    with tap(farm) as wires, captured(wires.behind) as capture:
        serve(lvs, wires, "tun")
        specs = PacketSpec(wires.client, wires.vip, UDP, 3000, VIRTUAL_PORT, dont_fragment=False)
        wires.to_vip(*[specs.raw] * QUICK)
        for _ in range(SLOW):
            wires.to_vip(specs.raw)
            time.sleep(0.02)
        got = frames(capture, QUICK + SLOW)
        assert len({frame[18:20] for frame in got}) == len(got) == QUICK + SLOW


def encapsulated(wires: Tap, specs: PacketSpec, ident: int) -> bytes:
    """Return SPECS with the director's outer header (RFC 2003, RFC 2473, RFC 3168 for ECN).

    The director chooses IDENT.
    """
    inner = specs.forwarded()
    four = specs.family == 4
    congested = specs.tos & 3 == 3
    outer = PacketSpec(
        wires.own,
        wires.real,
        IPIP if four else IPV6,
        tos=specs.tos & ~3 | (2 if congested else specs.tos & 3),
        ident=ident,
        dont_fragment=specs.dont_fragment,
    )
    return ip(outer, inner.raw)


@pytest.mark.farm(methods=["nat"])
def test_packets_from_the_real_server_are_rewritten_byte_for_byte(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    with tap(farm) as wires:
        serve(lvs, wires, "nat")
        specs = numbered(cases(wires.real, wires.client), client_is_source=False, port=REAL_PORT)
        virtual = {"source": wires.vip, "sport": VIRTUAL_PORT}
        specs["udp sum 0"] = (
            specs["udp sum 0"]
            .changed(**virtual)
            .with_zero_checksum()
            .changed(source=wires.real, sport=REAL_PORT)
        )
        first = [request(wires, each) for each in specs.values()]
        with captured(wires.behind) as arrived, captured(wires.edge) as capture:
            wires.to_vip(*first)
            frames(arrived, len(first))
            wires.from_real(*[each.raw for each in specs.values() for _ in range(2)])
            expected = {
                name: [wires.frame_at_edge(each.forwarded(**virtual).raw)] * 2
                for name, each in specs.items()
            }
            compare(frames(capture, 2 * len(specs)), expected)


def request(wires: Tap, answer: PacketSpec) -> bytes:
    """Return the client's packet that creates the connection to which ANSWER belongs."""
    return PacketSpec(
        wires.client, wires.vip, answer.protocol, answer.dport, VIRTUAL_PORT, flags=SYN
    ).raw
