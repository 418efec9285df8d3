# SPDX-License-Identifier: GPL-2.0
"""Packets byte for byte: made by hand at one end, compared with what comes out at the other.

    edge ── director ── behind          CIP, VIP and RIP are nobody's: see helpers/wiretap.py

Each packet goes twice: as a stranger through the director's firewall, then as one of a known
connection. What must come out is built from nothing, not mended, so the checksums are its own.
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
    Made,
    compare,
    ip,
)
from tests.live.helpers.wiretap import (
    REAL_PORT,
    VIRTUAL_PORT,
    Tap,
    caught,
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
    "a spent routing header": ((ROUTING, b"\x04\x00" + bytes(20)),),
    "three headers": (
        (HOP_BY_HOP, b"\x01\x04" + bytes(4)),
        (ROUTING, b"\x04\x00" + bytes(20)),
        (DESTINATION_OPTIONS, b"\x01\x04" + bytes(4)),
    ),
}
PADDING = b"\x01\x01\x01\x00"
ROUTER_ALERT = bytes.fromhex("94040000")
EXPERIMENT = bytes.fromhex("5e080102030405060101010101010000")

Cases = dict[str, Made]


def cases(source: str, dest: str) -> Cases:
    """Every packet, from SOURCE to DEST; the ports follow."""
    bare = Made(source, dest)
    udp, tcp = bare.but(protocol=UDP), bare.but(protocol=TCP, flags=PSH_ACK, acknowledged=0x5060708)
    made = {
        "udp": udp.but(data=b"four"),
        "udp empty": udp,
        "udp odd": udp.but(data=b"odd"),
        "udp large": udp.but(data=bytes(range(251)) * 5),
        "udp sum 0": udp.but(data=b"even"),  # `awkward` where it comes out
        "udp dscp": udp.but(tos=0xB8, data=b"voice"),
        "udp ect0": udp.but(tos=0x02),
        "udp ect1": udp.but(tos=0x29),
        "udp ce": udp.but(tos=0x03),
        "udp ttl 255": udp.but(ttl=255),
        "udp ttl 2": udp.but(ttl=2),
        "tcp syn": tcp.but(flags=SYN, acknowledged=0, tcp_options=MSS_AND_FRIENDS),
        "tcp syn ecn": tcp.but(flags=SYN | 0xC0, acknowledged=0),
        "tcp data": tcp.but(data=b"GET / HTTP/1.0\r\n\r\n", tcp_options=STAMPS),
        "tcp odd": tcp.but(data=b"odd"),
        "tcp urgent": tcp.but(flags=PSH_ACK | 0x20, urgent=3, data=b"urgent"),
        "tcp reserved bits": tcp.but(flags=ACK | 0xF00),
        "tcp large": tcp.but(data=bytes(range(199)) * 7, tos=0x12, ttl=33),
    }
    made.update(_of_ipv4(udp, tcp) if bare.family == 4 else _of_ipv6(udp, tcp))
    return made


def _of_ipv4(udp: Made, tcp: Made) -> Cases:
    return {
        "udp without checksum": udp.but(no_checksum=True, data=b"bare"),
        "udp may fragment": udp.but(dont_fragment=False, ident=0xBEEF, data=b"x"),
        "udp ident 0": udp.but(ident=0),
        "udp padding options": udp.but(options=PADDING, data=b"opt"),
        "udp router alert": udp.but(options=ROUTER_ALERT, data=b"opt"),
        "udp unknown option": udp.but(options=EXPERIMENT),
        "tcp options": tcp.but(options=EXPERIMENT + PADDING, data=b"both", tcp_options=STAMPS),
        "tcp may fragment": tcp.but(dont_fragment=False, data=b"x"),
    }


def _of_ipv6(udp: Made, tcp: Made) -> Cases:
    made = {"udp flow label": udp.but(flow_label=0xABCDE, tos=0xB9, data=b"flow")}
    for name, extensions in EXTENSIONS.items():
        made[f"udp {name}"] = udp.but(extensions=extensions, data=b"ext")
        made[f"tcp {name}"] = tcp.but(extensions=extensions, data=b"odd")
    return made


def numbered(made: Cases, *, client_is_source: bool, port: int) -> Cases:
    """Each case with a client's port of its own, and PORT at the other end."""
    return {
        name: each.but(sport=3000 + number, dport=port)
        if client_is_source
        else each.but(sport=port, dport=3000 + number)
        for number, (name, each) in enumerate(made.items())
    }


def openings(made: Cases) -> list[bytes]:
    """A SYN for each TCP connection of the cases."""
    return [
        each.but(flags=SYN, data=b"", options=b"", extensions=()).raw
        for each in made.values()
        if each.protocol == TCP
    ]


@pytest.mark.farm(methods=["nat", "dr"])
def test_from_the_client(farm: Farm, lvs: pylvs.Manager) -> None:
    with tap(farm) as wires:
        serve(lvs, wires, farm.method)
        changes = {"dest": wires.real, "dport": REAL_PORT} if farm.method == "nat" else {}
        made = numbered(cases(wires.client, wires.vip), client_is_source=True, port=VIRTUAL_PORT)
        made["udp sum 0"] = (
            made["udp sum 0"].but(**changes).awkward().but(dest=wires.vip, dport=VIRTUAL_PORT)
        )
        expected = {
            name: [wires.frame_behind(each.passed(**changes).raw)] * 2
            for name, each in made.items()
        }
        compare(through(wires, made), expected)


def through(wires: Tap, made: Cases) -> list[bytes]:
    """What comes out behind when each case is sent twice, connections opened before."""
    first = openings(made)
    with caught(wires.behind) as capture:
        wires.to_vip(*first)
        opened = frames(capture, len(first))
        wires.to_vip(*[each.raw for each in made.values() for _ in range(2)])
        return frames(capture, len(opened) + 2 * len(made))[len(first) :]


@pytest.mark.farm(methods=["tun"])
def test_into_the_tunnel(farm: Farm, lvs: pylvs.Manager) -> None:
    with tap(farm) as wires:
        serve(lvs, wires, "tun")
        made = numbered(cases(wires.client, wires.vip), client_is_source=True, port=VIRTUAL_PORT)
        got = through(wires, made)
        assert len(got) == 2 * len(made)
        idents = iter([int.from_bytes(frame[18:20], "big") for frame in got])
        expected = {
            name: [wires.frame_behind(wrapped(wires, each, next(idents))) for _ in range(2)]
            for name, each in made.items()
        }
        compare(got, expected)


@pytest.mark.farm(methods=["tun"], families=[4])
def test_what_may_be_cut_in_the_tunnel_has_a_number_of_its_own(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """By a handful within one tick of the clock, and one by one later."""
    with tap(farm) as wires, caught(wires.behind) as capture:
        serve(lvs, wires, "tun")
        made = Made(wires.client, wires.vip, UDP, 3000, VIRTUAL_PORT, dont_fragment=False)
        wires.to_vip(*[made.raw] * QUICK)
        for _ in range(SLOW):
            wires.to_vip(made.raw)
            time.sleep(0.02)
        got = frames(capture, QUICK + SLOW)
        assert len({frame[18:20] for frame in got}) == len(got) == QUICK + SLOW


def wrapped(wires: Tap, made: Made, ident: int) -> bytes:
    """MADE in the director's outer header (RFC 2003, RFC 2473, RFC 3168 for ECN).

    The IDENT is the director's own choice.
    """
    inner = made.passed()
    four = made.family == 4
    congested = made.tos & 3 == 3
    outer = Made(
        wires.own,
        wires.real,
        IPIP if four else IPV6,
        tos=made.tos & ~3 | (2 if congested else made.tos & 3),
        ident=ident,
        dont_fragment=made.dont_fragment,
    )
    return ip(outer, inner.raw)


@pytest.mark.farm(methods=["nat"])
def test_from_the_real_server(farm: Farm, lvs: pylvs.Manager) -> None:
    with tap(farm) as wires:
        serve(lvs, wires, "nat")
        made = numbered(cases(wires.real, wires.client), client_is_source=False, port=REAL_PORT)
        virtual = {"source": wires.vip, "sport": VIRTUAL_PORT}
        made["udp sum 0"] = (
            made["udp sum 0"].but(**virtual).awkward().but(source=wires.real, sport=REAL_PORT)
        )
        first = [request(wires, each) for each in made.values()]
        with caught(wires.behind) as arrived, caught(wires.edge) as capture:
            wires.to_vip(*first)
            frames(arrived, len(first))
            wires.from_real(*[each.raw for each in made.values() for _ in range(2)])
            expected = {
                name: [wires.frame_at_edge(each.passed(**virtual).raw)] * 2
                for name, each in made.items()
            }
            compare(frames(capture, 2 * len(made)), expected)


def request(wires: Tap, answer: Made) -> bytes:
    """The client's packet that makes the connection of an ANSWER."""
    return Made(wires.client, wires.vip, answer.protocol, answer.dport, VIRTUAL_PORT, flags=SYN).raw
