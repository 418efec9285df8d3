# SPDX-License-Identifier: GPL-2.0
"""Replies of VS-NAT follow the rules of policy routing (`ip rule`), as if they were routed.

    edge ──────── director ── behind       edge: a router; its link is the default route
    other ─ up2 ──┘  VIP        RIP        up2: the other link, the default route of table 102

Table 102 is for packets that match a rule. Each test adds a rule and sends a reply. `other` is the
end of the other link, in the namespace of the edge.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from ippfvslab.capture import Capture, frame_of, send_frames
from ippfvslab.farm import Farm

from tests.live.helpers.packets import UDP, PacketSpec
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

# The kernel never leaves the slow path of a namespace that had a rule, so other tests need other
# farms.
pytestmark = pytest.mark.farm(methods=["nat"], own="file")

TABLE, MARK, TOS, CLIENT_PORT = 102, 7, 0x10, 4000
UP2, OTHER = "02:00:00:00:0b:01", "02:00:00:00:0b:02"
SHORT_S = 0.3

RULES = {
    "from the VIP": "from {vip}",
    "to the client": "to {client}",
    "input device": "iif {inside}",
    "protocol": "ipproto udp",
    "virtual port": f"ipproto udp sport {VIRTUAL_PORT}",
    "client port": f"ipproto udp dport {CLIENT_PORT}",
    "type of service": f"tos {TOS:#x}",
}
OTHERS = {
    "from elsewhere": "from {real}",
    "other input device": "iif {edge}",
    "other protocol": "ipproto tcp",
    "real port": f"ipproto udp sport {REAL_PORT}",
    "other client port": f"ipproto udp dport {CLIENT_PORT + 1}",
    "other type of service": "tos 0x8",
    "mark": f"fwmark {MARK}",
}


@contextmanager
def other_link(wires: Tap, *settings: str) -> Iterator[None]:
    """Give the director the link up2, with the default route of the table.

    SETTINGS are commands for `ip`, which run before the link gets its address.
    """
    farm = wires.farm
    here, there, bits = ("10.9.0.1", "10.9.0.2", 24)
    if farm.family == 6:
        here, there, bits = ("2001:db8:9::1", "2001:db8:9::2", 64)
    edge = farm.hosts["router"]
    farm.director.ip(
        f"link add up2 address {UP2} type veth peer name other address {OTHER} netns {edge.name}",
        *settings,
        f"addr add {here}/{bits} dev up2{'' if farm.family == 4 else ' nodad'}",
        "link set up2 up",
    )
    edge.ip("link set other up")
    farm.director.ip(
        f"neigh replace {there} lladdr {OTHER} dev up2 nud permanent",
        f"route add default via {there} dev up2 table {TABLE}",
    )
    try:
        yield
    finally:
        farm.director.ip("link del up2")


@contextmanager
def rule(wires: Tap, text: str) -> Iterator[None]:
    """Add a rule that leads to the table."""
    farm = wires.farm
    what = text.format(
        vip=wires.vip,
        client=wires.client,
        real=wires.real,
        inside=farm.device("director", "inside"),
        edge=farm.device("director", "internet"),
    )
    version = f"-{farm.family}"
    farm.director.run("ip", version, "rule", "add", *what.split(), "lookup", str(TABLE))
    try:
        yield
    finally:
        farm.director.run("ip", version, "rule", "del", *what.split(), "lookup", str(TABLE))


def request(wires: Tap) -> PacketSpec:
    return PacketSpec(wires.client, wires.vip, UDP, CLIENT_PORT, VIRTUAL_PORT, b"who?")


def reply(wires: Tap) -> PacketSpec:
    return PacketSpec(wires.real, wires.client, UDP, REAL_PORT, CLIENT_PORT, b"me", tos=TOS)


def opened(wires: Tap, lvs: pylvs.Manager) -> None:
    """Create a connection."""
    serve(lvs, wires, "nat")
    with captured(wires.behind) as capture:
        wires.to_vip(request(wires).raw)
        assert len(frames(capture, 1)) == 1


def link_of_reply(wires: Tap) -> str:
    """Send a reply of the real server, and return by which link the director forwards it."""
    edge = wires.farm.hosts["router"]
    expected = reply(wires).forwarded(source=wires.vip, sport=VIRTUAL_PORT).raw
    with captured(wires.edge) as by_edge, Capture(edge, "other") as by_up2:
        wires.from_real(reply(wires).raw)
        for _ in range(100):
            there = {
                "edge": frames(by_edge, 1, limit_s=0.01),
                "up2": frames(by_up2, 1, limit_s=0.01),
            }
            if any(there.values()):
                break
    (link,) = [name for name, got in there.items() if got] or ["none"]
    if link != "none":
        assert [frame[14:] for frame in there[link]] == [expected]
    return link


@pytest.mark.parametrize("name", RULES)
def test_a_reply_follows_a_rule(farm: Farm, lvs: pylvs.Manager, name: str) -> None:
    with tap(farm) as wires, other_link(wires):
        opened(wires, lvs)
        assert link_of_reply(wires) == "edge"
        with rule(wires, RULES[name]):
            assert link_of_reply(wires) == "up2"
        assert link_of_reply(wires) == "edge"


@pytest.mark.parametrize("name", OTHERS)
def test_a_rule_for_other_packets_does_not_change_a_replys_link(
    farm: Farm, lvs: pylvs.Manager, name: str
) -> None:
    with tap(farm) as wires, other_link(wires):
        opened(wires, lvs)
        with rule(wires, OTHERS[name]):
            assert link_of_reply(wires) == "edge"


def test_a_rule_that_prohibits_an_input_device_stops_replies(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    version, inside = f"-{farm.family}", farm.device("director", "inside")
    with tap(farm) as wires, other_link(wires):
        opened(wires, lvs)
        farm.director.run("ip", version, "rule", "add", "iif", inside, "prohibit")
        try:
            assert link_of_reply(wires) == "none"
        finally:
            farm.director.run("ip", version, "rule", "del", "iif", inside, "prohibit")
        assert lvs.drops().no_route == 1
        assert link_of_reply(wires) == "edge"


@contextmanager
def marking(farm: Farm, chain: str, rules: str) -> Iterator[None]:
    """Add a table of nftables with one chain of the director."""
    farm.director.run(
        "nft", "-f", "-", text=f"table inet marks {{\nchain marks {{\n{chain}\n{rules}\n}}\n}}\n"
    )
    try:
        yield
    finally:
        farm.director.run("nft", "delete", "table", "inet", "marks")


def test_a_reply_that_the_raw_table_marks_follows_the_rule(farm: Farm, lvs: pylvs.Manager) -> None:
    inside = farm.device("director", "inside")
    with (
        tap(farm) as wires,
        other_link(wires),
        marking(
            farm,
            "type filter hook prerouting priority raw;",
            f"iifname {inside} meta mark set {MARK}",
        ),
    ):
        opened(wires, lvs)
        with rule(wires, f"fwmark {MARK}"):
            assert link_of_reply(wires) == "up2"


def test_a_reply_has_the_mark_that_conntrack_had_for_the_request(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """Its own packets do not pass the mangle table, where the mark would be restored."""
    chain = "type filter hook prerouting priority mangle;"
    edge = farm.device("director", "internet")
    with tap(farm) as wires, other_link(wires), rule(wires, f"fwmark {MARK}"):
        with marking(farm, chain, f"iifname {edge} ct state new ct mark set {MARK}"):
            opened(wires, lvs)
            assert link_of_reply(wires) == "up2"
        with marking(farm, chain, f"iifname {edge} ct state new ct mark set {MARK + 1}"):
            lvs.clear()
            opened(wires, lvs)
            assert link_of_reply(wires) == "edge"


@contextmanager
def vrf(farm: Farm) -> Iterator[None]:
    """Add the VRF `blue` with the table to the director."""
    farm.director.ip(f"link add blue type vrf table {TABLE}", "link set blue up")
    try:
        yield
    finally:
        farm.director.ip("link del blue")


def test_a_reply_stays_in_the_vrf_of_its_client(farm: Farm, lvs: pylvs.Manager) -> None:
    """The client and the VIP are in the VRF, and the real server is not."""
    with tap(farm) as wires, vrf(farm), other_link(wires, "link set up2 master blue"):
        bits = 32 if farm.family == 4 else 128
        nodad = "" if farm.family == 4 else " nodad"
        farm.director.ip(f"addr add {wires.vip}/{bits} dev blue{nodad}")
        serve(lvs, wires, "nat")
        edge = farm.hosts["router"]
        with captured(wires.behind) as capture:
            send_frames(edge, "other", frame_of(request(wires).raw, UP2, OTHER))
            assert len(frames(capture, 1)) == 1
        assert link_of_reply(wires) == "up2"


@pytest.mark.farm(methods=["nat"], families=[4], own="file")
def test_a_link_chosen_by_the_vip_works_with_strict_reverse_path_filters(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    strict = ["all", "up2", farm.device("director", "inside"), farm.device("director", "internet")]
    with tap(farm) as wires, other_link(wires), rule(wires, "from {vip}"):
        for device in strict:
            farm.director.sysctl(f"ipv4.conf.{device}.rp_filter", 1)
        try:
            serve(lvs, wires, "nat")
            edge = farm.hosts["router"]
            with captured(wires.behind) as capture:
                send_frames(edge, "other", frame_of(request(wires).raw, UP2, OTHER))
                assert len(frames(capture, 1)) == 1
            assert link_of_reply(wires) == "up2"
        finally:
            for device in strict:
                farm.director.sysctl(f"ipv4.conf.{device}.rp_filter", 0)
