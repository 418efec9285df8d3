# SPDX-License-Identifier: GPL-2.0
"""With and without segmentation and checksum offloads, every received packet is correct."""

from __future__ import annotations

import fcntl
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from ippfvslab.capture import Capture
from ippfvslab.farm import Farm
from ippfvslab.netns import Host

from tests.live.helpers.packets import IPIP, TCP, UDP, PacketSpec, checksum_right
from tests.live.helpers.transfer import TransferServer, exchange
from tests.live.helpers.wiretap import REAL_PORT, VIRTUAL_PORT, captured, frames, serve, tap

if TYPE_CHECKING:
    import pylvs

BYTES = 300_000
FIRST_FRAGMENT = b"\x20\x00"
SIOCETHTOOL = 0x8946
SOL_PACKET, PACKET_VNET_HDR, NEEDS_CHECKSUM = 263, 15, 1
# The numbers of ETHTOOL_S… commands, in the order in which the offloads can be enabled.
TX_CHECKSUM, SCATTER, TSO, GSO, GRO = 0x17, 0x19, 0x1F, 0x24, 0x2C
USUAL = {TX_CHECKSUM: 1, SCATTER: 1, TSO: 1, GSO: 1, GRO: 0}
SETTINGS = {
    "all": USUAL | {GRO: 1},
    "none": dict.fromkeys(USUAL, 0),
    "checksums by the host": USUAL | {TX_CHECKSUM: 0, TSO: 0},
}


@contextmanager
def offloads(farm: Farm, wanted: dict[int, int]) -> Iterator[None]:
    """Set the offloads of every interface of FARM to WANTED, and restore them at exit."""
    try:
        for name, host in farm.hosts.items():
            for number in range(len(farm.layout.hosts[name].nics)):
                ethtool(host, f"eth{number}", wanted)
        yield
    finally:
        for name, host in farm.hosts.items():
            for number in range(len(farm.layout.hosts[name].nics)):
                ethtool(host, f"eth{number}", USUAL)


def ethtool(host: Host, device: str, wanted: dict[int, int]) -> None:
    with host.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for command, value in wanted.items():
            buffer = bytearray(struct.pack("@II", command, value))
            address = (address_of(buffer)).to_bytes(8, "little")
            fcntl.ioctl(sock, SIOCETHTOOL, device.encode().ljust(16, b"\0") + address + bytes(16))


def address_of(buffer: bytearray) -> int:
    """Return the address of BUFFER in memory."""
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


@pytest.mark.farm(methods=["nat", "tun", "dr"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_large_transfers_arrive_with_correct_checksums(
    farm: Farm, lvs: pylvs.Manager, setting: str
) -> None:
    import pylvs

    port = 8000 if farm.method == "nat" else 80
    listens = farm.reals[0] if farm.method == "nat" else farm.vip
    service = lvs.add_service("tcp", pylvs.Endpoint(farm.vip, 80), "rr")
    lvs.add_real(service, pylvs.Endpoint(farm.reals[0], port), method=farm.method)
    with (
        offloads(farm, SETTINGS[setting]),
        TransferServer(farm.servers[0], listens, port),
        Capture(farm.servers[0]) as at_server,
        Capture(farm.client) as at_client,
    ):
        exchange(farm.client, farm.vip, 80, BYTES, BYTES)
        assert checksum_faults(at_server) == []
        assert checksum_faults(at_client) == []


@pytest.mark.farm(methods=["tun"], families=[4], own=True)
def test_each_segment_in_a_tunnel_has_its_own_identification(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """The director segments these packets. Their fragments must not be mixed up (RFC 6864)."""
    import pylvs

    service = lvs.add_service("tcp", pylvs.Endpoint(farm.vip, 80), "rr")
    lvs.add_real(service, pylvs.Endpoint(farm.reals[0], 80), method="tun")
    farm.client.run("sysctl", "-qw", "net.ipv4.ip_no_pmtu_disc=1")
    ethtool(farm.director, farm.device("director", "lan"), dict.fromkeys(USUAL, 0))
    with TransferServer(farm.servers[0], farm.vip, 80), Capture(farm.servers[0]) as capture:
        exchange(farm.client, farm.vip, 80, BYTES, 1)
        received = [packet.raw for frame, packet in capture.packets() if not frame.outgoing]
    first = [raw for raw in received if raw[9] == IPIP and raw[6:8] == FIRST_FRAGMENT]
    assert len({raw[4:6] for raw in first}) == len(first) > BYTES / 1500


@pytest.mark.farm(methods=["nat"])
@pytest.mark.parametrize("summed", [False, True])
def test_an_inner_partial_checksum_is_not_touched(
    farm: Farm, lvs: pylvs.Manager, summed: bool
) -> None:
    """In VXLAN, for example, the hardware must compute the inner checksum and not the outer one."""
    with tap(farm) as wires, captured(wires.behind) as capture:
        serve(lvs, wires, farm.method)
        spec = PacketSpec(wires.client, wires.vip, UDP, 4000, VIRTUAL_PORT, bytes(range(64)))
        spec = spec.changed(no_checksum=not summed)
        within = 14 + len(spec.raw) - len(spec.data)
        frame = wires.frame_from_client(spec.raw)
        host, device = wires.edge
        with host.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
            raw.bind((device, 0))
            raw.send(struct.pack("@BBHHHH", NEEDS_CHECKSUM, 0, 0, 0, within, 6) + frame)
        received = spec.forwarded(dest=wires.real, dport=REAL_PORT)
        assert frames(capture, 1) == [wires.frame_behind(received.raw)]


def checksum_faults(capture: Capture) -> list[str]:
    """Return the faults: TCP packets with a wrong checksum, or the lack of any packets."""
    seen = 0
    faults = []
    for frame, packet in capture.packets():
        innermost = packet.inner or packet
        if frame.outgoing or innermost.protocol != TCP:
            continue
        seen += 1
        if not checksum_right(innermost.raw, ready=frame.checksum_ready):
            faults.append(frame.raw[:100].hex())
    return faults if seen > 10 else ["nothing was captured"]
