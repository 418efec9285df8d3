# SPDX-License-Identifier: GPL-2.0
"""A director that is also a bridge, with br_netfilter: frames between other hosts pass unchanged.

left ── br9 (in the director) ── right
"""

from __future__ import annotations

import ipaddress
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from ippfvslab.capture import Capture, frame_of, send_frames
from ippfvslab.farm import Farm
from ippfvslab.netns import Host

from tests.live.helpers.packets import ACK, SYN, TCP, UDP, PacketSpec
from tests.live.helpers.wiretap import (
    LIMIT_S,
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

SENDER, SOMEBODY, BRIDGE = (f"02:00:00:00:09:{last}" for last in ("01", "02", "03"))


@contextmanager
def bridge(farm: Farm) -> Iterator[None]:
    """Create the bridge br9, and load br_netfilter, which passes bridged packets to netfilter.

    The module stays loaded, because KASAN in User-Mode Linux reports errors in the memory of a
    removed module.
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
        _wait_until_forwarding(farm.director, "left9", "right9")
        yield
    finally:
        farm.director.ip("link del left", "link del right", "link del br9")


def _wait_until_forwarding(host: Host, *ports: str) -> None:
    """Wait until the bridge forwards. It drops all frames until it has seen the carrier."""
    end = time.monotonic() + LIMIT_S
    for port in ports:
        while "state forwarding" not in host.run("ip", "-d", "link", "show", port).stdout:
            assert time.monotonic() < end, f"the bridge does not forward at {port}"
            time.sleep(0.01)


def send(farm: Farm, spec: PacketSpec, to: str) -> bytes:
    """Send SPEC into the left end and return the frame."""
    frame = frame_of(spec.raw, to, SENDER)
    send_frames(farm.director, "left", frame)
    return frame


def datagram(wires: Tap) -> PacketSpec:
    """Return a client's datagram, which creates a connection."""
    return PacketSpec(wires.client, wires.vip, UDP, 4003, VIRTUAL_PORT, b"anybody?")


def segments(wires: Tap) -> list[PacketSpec]:
    """Return two segments of a client: one opens a connection, and one belongs to none."""
    syn = PacketSpec(wires.client, wires.vip, TCP, 4001, VIRTUAL_PORT, flags=SYN)
    return [syn, syn.changed(flags=ACK, sport=4002, data=b"of a connection elsewhere")]


@pytest.mark.farm(methods=["nat"], own="file")
def test_frames_between_other_hosts_pass_unchanged(farm: Farm, lvs: pylvs.Manager) -> None:
    with tap(farm) as wires, bridge(farm), Capture(farm.director, "right") as capture:
        serve(lvs, wires, farm.method)
        sent = [send(farm, spec, SOMEBODY) for spec in (*segments(wires), datagram(wires))]
        assert [frame for frame in frames(capture, len(sent)) if frame in sent] == sent
        assert list(lvs.connections()) == []


@pytest.mark.farm(methods=["nat"], own="file")
def test_an_answer_to_a_client_on_the_same_bridge_is_rewritten(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """The server and the client are on one bridge, so the server sends to the client directly."""
    bits = 24 if farm.family == 4 else 64
    servers = ipaddress.ip_network(f"{farm.reals[0]}/{bits}", strict=False)
    with tap(farm) as wires, bridge(farm), captured(wires.edge) as capture:
        farm.director.ip(f"route add {servers} dev br9 metric 5000")
        serve(lvs, wires, farm.method)
        sent = datagram(wires)
        with captured(wires.behind) as behind:
            wires.to_vip(sent.raw)
            assert len(frames(behind, 1)) == 1
        answer = PacketSpec(wires.real, wires.client, UDP, REAL_PORT, sent.sport, b"the answer")
        send(farm, answer, SOMEBODY)
        received = answer.forwarded(source=wires.vip, sport=VIRTUAL_PORT)
        assert frames(capture, 1) == [wires.frame_at_edge(received.raw)]


@pytest.mark.farm(methods=["nat"], own="file")
def test_frames_to_the_bridge_itself_are_served(farm: Farm, lvs: pylvs.Manager) -> None:
    """The second packet of the connection is forwarded at PREROUTING."""
    with tap(farm) as wires, bridge(farm), captured(wires.behind) as capture:
        serve(lvs, wires, farm.method)
        spec = datagram(wires)
        sent = [spec, spec.changed(data=b"again")]
        for each in sent:
            send(farm, each, BRIDGE)
        received = [each.forwarded(dest=wires.real, dport=REAL_PORT) for each in sent]
        assert frames(capture, 2) == [wires.frame_behind(each.raw) for each in received]
