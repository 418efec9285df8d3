# SPDX-License-Identifier: GPL-2.0
"""A director that is a bridge, too, with br_netfilter: what only passes by is not its business.

left ── br9 (in the director) ── right
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from ippfvslab.farm import Farm
from ippfvslab.wire import Capture, frame_of, throw

from tests.live.helpers.packets import ACK, SYN, TCP, UDP, Made
from tests.live.helpers.wiretap import REAL_PORT, VIRTUAL_PORT, Tap, caught, frames, serve, tap

if TYPE_CHECKING:
    import pylvs

SENDER, SOMEBODY, BRIDGE = (f"02:00:00:00:09:{last}" for last in ("01", "02", "03"))


@contextmanager
def bridge(farm: Farm) -> Iterator[None]:
    """The bridge br9, and br_netfilter, which shows netfilter what it carries.

    That module stays: KASAN in User-Mode Linux would find what it leaves behind under the next one.
    """
    subprocess.run(["modprobe", "br_netfilter"], check=True)
    try:
        farm.director.ip(
            f"link add br9 address {BRIDGE} type bridge forward_delay 0 mcast_snooping 0",
            "link add left9 type veth peer name left",
            "link add right9 type veth peer name right",
            *(f"link set {port} master br9" for port in ("left9", "right9")),
            *(f"link set {each} up" for each in ("br9", "left9", "right9", "left", "right")),
        )
        for version in ("ipv4.conf.all", "ipv4.conf.br9"):
            farm.director.sysctl(f"{version}.rp_filter", 0)
        yield
    finally:
        farm.director.ip("link del left", "link del right", "link del br9")


def send(farm: Farm, made: Made, to: str) -> bytes:
    """Send MADE into the left end; return the frame."""
    frame = frame_of(made.raw, to, SENDER)
    throw(farm.director, "left", frame)
    return frame


def datagram(wires: Tap) -> Made:
    """A client's, which opens a connection."""
    return Made(wires.client, wires.vip, UDP, 4003, VIRTUAL_PORT, b"anybody?")


def segments(wires: Tap) -> list[Made]:
    """A client's: what would open a connection, and what would be refused as unknown."""
    syn = Made(wires.client, wires.vip, TCP, 4001, VIRTUAL_PORT, flags=SYN)
    return [syn, syn.but(flags=ACK, sport=4002, data=b"of a connection elsewhere")]


@pytest.mark.farm(methods=["nat"], own="file")
def test_frames_between_others_pass_as_they_are(farm: Farm, lvs: pylvs.Manager) -> None:
    with tap(farm) as wires, bridge(farm), Capture(farm.director, "right") as capture:
        serve(lvs, wires, farm.method)
        sent = [send(farm, made, SOMEBODY) for made in (*segments(wires), datagram(wires))]
        assert [frame for frame in frames(capture, len(sent)) if frame in sent] == sent
        assert list(lvs.connections()) == []


@pytest.mark.farm(methods=["nat"], own="file")
def test_an_answer_to_a_client_on_the_same_bridge_is_rewritten(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """The server has the client beside it, and sends to it directly."""
    with tap(farm) as wires, bridge(farm), caught(wires.edge) as capture:
        serve(lvs, wires, farm.method)
        asked = datagram(wires)
        with caught(wires.behind) as behind:
            wires.to_vip(asked.raw)
            assert len(frames(behind, 1)) == 1
        answer = Made(wires.real, wires.client, UDP, REAL_PORT, asked.sport, b"the answer")
        send(farm, answer, SOMEBODY)
        came = answer.passed(source=wires.vip, sport=VIRTUAL_PORT)
        assert frames(capture, 1) == [wires.frame_at_edge(came.raw)]


@pytest.mark.farm(methods=["nat"], own="file")
def test_frames_to_the_bridge_itself_are_served(farm: Farm, lvs: pylvs.Manager) -> None:
    """A new connection, and then its next packet, which is met on arrival."""
    with tap(farm) as wires, bridge(farm), caught(wires.behind) as capture:
        serve(lvs, wires, farm.method)
        made = datagram(wires)
        sent = [made, made.but(data=b"again")]
        for each in sent:
            send(farm, each, BRIDGE)
        came = [each.passed(dest=wires.real, dport=REAL_PORT) for each in sent]
        assert frames(capture, 2) == [wires.frame_behind(each.raw) for each in came]
