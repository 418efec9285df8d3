# SPDX-License-Identifier: GPL-2.0
"""The director forwards as a router does: counters, priority, IPv4 options, link-local addresses.

edge ── director ── behind          (wiretap.py)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from ippfvslab.farm import Farm
from ippfvslab.netns import Host

from tests.live.helpers.packets import UDP, PacketSpec
from tests.live.helpers.wiretap import REAL_PORT, VIRTUAL_PORT, Tap, captured, frames, serve, tap

if TYPE_CHECKING:
    import pylvs

SHORT_S = 0.3
EXHAUSTED_SOURCE_ROUTE = bytes((131, 7, 8, 192, 0, 2, 1, 0))
"""A loose source route (RFC 791) whose last hop is the destination address."""

# TOS of a packet -> its priority (Documentation of ip(7) and tc-prio(8)).
PRIORITIES = {0x00: 0, 0x08: 2, 0x10: 6, 0x18: 4}


def request(wires: Tap, **changes: object) -> PacketSpec:
    spec = PacketSpec(wires.client, wires.vip, UDP, 4000, VIRTUAL_PORT, b"who?")
    return spec.changed(**changes)


def reply(wires: Tap, **changes: object) -> PacketSpec:
    return PacketSpec(wires.real, wires.client, UDP, REAL_PORT, 4000, b"me").changed(**changes)


def forwarded_datagrams(host: Host, family: int) -> int:
    """Return how many packets HOST has forwarded, by its own counters."""
    with host.inside():
        if family == 6:
            with open("/proc/net/snmp6") as file:
                return int(re.findall(r"Ip6OutForwDatagrams\s+(\d+)", file.read())[0])
        with open("/proc/net/snmp") as file:
            names, values = (line.split() for line in file if line.startswith("Ip:"))
        return int(values[names.index("ForwDatagrams")])


@pytest.mark.farm(methods=["nat", "tun", "dr"])
def test_forwarded_packets_count_as_forwarded_datagrams(farm: Farm, lvs: pylvs.Manager) -> None:
    with tap(farm) as wires, captured(wires.behind) as capture:
        serve(lvs, wires, farm.method)
        before = forwarded_datagrams(farm.director, farm.family)
        wires.to_vip(*[request(wires).raw] * 5)
        assert len(frames(capture, 5)) == 5
        assert forwarded_datagrams(farm.director, farm.family) == before + 5
    if farm.method == "nat":
        with tap(farm) as wires, captured(wires.edge) as capture:
            wires.to_vip(request(wires).raw)
            wires.from_real(*[reply(wires).raw] * 5)
            assert len(frames(capture, 5)) == 5
            assert forwarded_datagrams(farm.director, farm.family) == before + 11


@pytest.mark.farm(methods=["nat"], families=[4])
def test_the_priority_of_a_forwarded_packet_follows_its_tos(farm: Farm, lvs: pylvs.Manager) -> None:
    device = farm.device("director", "inside")
    chain = f"chain out {{ type filter hook egress device {device} priority 0;"
    rules = [f"udp dport {REAL_PORT} meta priority 0:{each} counter" for each in range(8)]
    with tap(farm) as wires, captured(wires.behind) as capture:
        serve(lvs, wires, farm.method)
        text = "\n".join(["table netdev priorities {", chain, *rules, "}", "}", ""])
        farm.director.run("nft", "-f", "-", text=text)
        try:
            for count, (tos, priority) in enumerate(PRIORITIES.items(), 1):
                wires.to_vip(request(wires, tos=tos).raw)
                assert len(frames(capture, count)) == count
                assert counted(farm.director) == {priority: 1} | dict.fromkeys(
                    list(PRIORITIES.values())[: count - 1], 1
                )
        finally:
            farm.director.run("nft", "delete", "table", "netdev", "priorities")


def counted(host: Host) -> dict[int, int]:
    """Return the number of packets of each priority that occurred."""
    listing = host.run("nft", "-n", "list", "table", "netdev", "priorities").stdout
    found = re.findall(r"meta priority (\S+) counter packets (\d+)", listing)
    names = {"none": 0, "0:0": 0, "bestefforts": 0}
    return {
        names.get(name, int(name.rpartition(":")[2], 16) if ":" in name else 0): int(count)
        for name, count in found
        if int(count)
    }


@pytest.mark.farm(methods=["nat", "dr"], families=[4])
def test_a_source_route_in_a_known_flow_is_refused_as_the_host_refuses_it(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """The host's setting accept_source_route is 0."""
    with tap(farm) as wires, captured(wires.behind) as capture:
        serve(lvs, wires, farm.method)
        device = farm.device("director", "internet" if farm.method == "nat" else "lan")
        for each in ("all", device):
            farm.director.sysctl(f"ipv4.conf.{each}.accept_source_route", 0)
        wires.to_vip(request(wires).raw)
        assert len(frames(capture, 1)) == 1
        wires.to_vip(request(wires, options=EXHAUSTED_SOURCE_ROUTE).raw)
        assert len(frames(capture, 2, limit_s=SHORT_S)) == 1
        wires.to_vip(request(wires, options=b"\1\1\1\1").raw)
        assert len(frames(capture, 2)) == 2


@pytest.mark.farm(methods=["nat"], families=[4])
def test_options_that_the_stack_has_changed_are_forwarded_with_a_right_checksum(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """The stack clears what follows the end of the options."""
    sent, received = b"\1\0\1\1", b"\1\0\0\0"
    with tap(farm) as wires, captured(wires.edge) as at_edge, captured(wires.behind) as behind:
        serve(lvs, wires, farm.method)
        for count in (1, 2):
            wires.to_vip(request(wires, options=sent).raw)
            forwarded = request(wires, options=received).forwarded(dest=wires.real, dport=REAL_PORT)
            assert frames(behind, count) == [wires.frame_behind(forwarded.raw)] * count
        wires.from_real(reply(wires, options=sent).raw)
        forwarded = reply(wires, options=received).forwarded(source=wires.vip, sport=VIRTUAL_PORT)
        assert frames(at_edge, 1) == [wires.frame_at_edge(forwarded.raw)]


@pytest.mark.farm(methods=["nat", "tun", "dr"], families=[6])
def test_a_link_local_client_is_served_on_its_own_link_only(farm: Farm, lvs: pylvs.Manager) -> None:
    """VS-TUN and VS-DR: the server is on the client's link here. VS-NAT: it is on another one."""
    with tap(farm) as wires:
        serve(lvs, wires, farm.method)
        host, device = wires.edge
        client = "fe80::4e"
        director = farm.device("director", "internet" if farm.method == "nat" else "lan")
        mac = farm.mac(*(("router", "internet") if farm.method == "nat" else ("client", "lan")))
        with (
            farm.director.added(f"neigh add {client} lladdr {mac} dev {director} nud permanent"),
            captured(wires.behind) as capture,
            captured((host, device)) as at_client,
        ):
            wires.to_vip(request(wires, source=client).raw)
            if farm.method == "nat":
                assert frames(capture, 1, limit_s=SHORT_S) == []
                (told,) = frames(at_client, 1)
                assert (told[20], told[54]) == (58, 1)  # ICMPv6, destination unreachable
                assert lvs.drops().no_route == 1
                assert lvs.config().connections == 0
            else:
                assert len(frames(capture, 1)) == 1
