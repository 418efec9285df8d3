# SPDX-License-Identifier: GPL-2.0
"""Large segments and checksums left to the hardware: right on every wire, with and without."""

from __future__ import annotations

import fcntl
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from ippfvslab.farm import Farm
from ippfvslab.netns import Host
from ippfvslab.wire import Capture

from tests.live.helpers.packets import IPIP, TCP, UDP, Made, checksum_right
from tests.live.helpers.transfer import Depot, exchange
from tests.live.helpers.wiretap import REAL_PORT, VIRTUAL_PORT, caught, frames, serve, tap

if TYPE_CHECKING:
    import pylvs

BYTES = 300_000
FIRST_FRAGMENT = b"\x20\x00"
SIOCETHTOOL = 0x8946
SOL_PACKET, PACKET_VNET_HDR, NEEDS_CHECKSUM = 263, 15, 1
# ETHTOOL_S…, in the order in which they can be turned on.
TX_CHECKSUM, SCATTER, TSO, GSO, GRO = 0x17, 0x19, 0x1F, 0x24, 0x2C
USUAL = {TX_CHECKSUM: 1, SCATTER: 1, TSO: 1, GSO: 1, GRO: 0}
SETTINGS = {
    "all": USUAL | {GRO: 1},
    "none": dict.fromkeys(USUAL, 0),
    "checksums by the host": USUAL | {TX_CHECKSUM: 0, TSO: 0},
}


@contextmanager
def offloads(farm: Farm, wanted: dict[int, int]) -> Iterator[None]:
    """Every interface of FARM set as WANTED."""
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
            address = (bytes_at(buffer)).to_bytes(8, "little")
            fcntl.ioctl(sock, SIOCETHTOOL, device.encode().ljust(16, b"\0") + address + bytes(16))


def bytes_at(buffer: bytearray) -> int:
    """Where BUFFER is in memory."""
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


@pytest.mark.farm(methods=["nat", "tun", "dr"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_large_transfers(farm: Farm, lvs: pylvs.Manager, setting: str) -> None:
    import pylvs

    port = 8000 if farm.method == "nat" else 80
    listens = farm.reals[0] if farm.method == "nat" else farm.vip
    service = lvs.add_service("tcp", pylvs.Endpoint(farm.vip, 80), "rr")
    lvs.add_real(service, pylvs.Endpoint(farm.reals[0], port), method=farm.method)
    with (
        offloads(farm, SETTINGS[setting]),
        Depot(farm.servers[0], listens, port),
        Capture(farm.servers[0]) as at_server,
        Capture(farm.client) as at_client,
    ):
        exchange(farm.client, farm.vip, 80, BYTES, BYTES)
        assert wrong(at_server) == []
        assert wrong(at_client) == []


@pytest.mark.farm(methods=["tun"], families=[4], own=True)
def test_each_segment_in_a_tunnel_has_a_number_of_its_own(farm: Farm, lvs: pylvs.Manager) -> None:
    """The director itself cuts them here; nobody may mix up the pieces (RFC 6864)."""
    import pylvs

    service = lvs.add_service("tcp", pylvs.Endpoint(farm.vip, 80), "rr")
    lvs.add_real(service, pylvs.Endpoint(farm.reals[0], 80), method="tun")
    farm.client.run("sysctl", "-qw", "net.ipv4.ip_no_pmtu_disc=1")
    ethtool(farm.director, farm.device("director", "lan"), dict.fromkeys(USUAL, 0))
    with Depot(farm.servers[0], farm.vip, 80), Capture(farm.servers[0]) as capture:
        exchange(farm.client, farm.vip, 80, BYTES, 1)
        came = [packet.raw for frame, packet in capture.packets() if not frame.outgoing]
    first = [raw for raw in came if raw[9] == IPIP and raw[6:8] == FIRST_FRAGMENT]
    assert len({raw[4:6] for raw in first}) == len(first) > BYTES / 1500


@pytest.mark.farm(methods=["nat"])
@pytest.mark.parametrize("summed", [False, True])
def test_the_sum_within_a_tunnel_is_left_to_others(
    farm: Farm, lvs: pylvs.Manager, summed: bool
) -> None:
    """VXLAN, say: the checksum that the hardware is to compute is not the outer UDP header's."""
    with tap(farm) as wires, caught(wires.behind) as capture:
        serve(lvs, wires, farm.method)
        made = Made(wires.client, wires.vip, UDP, 4000, VIRTUAL_PORT, bytes(range(64)))
        made = made.but(no_checksum=not summed)
        within = 14 + len(made.raw) - len(made.data)
        frame = wires.frame_from_client(made.raw)
        host, device = wires.edge
        with host.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
            raw.bind((device, 0))
            raw.send(struct.pack("@BBHHHH", NEEDS_CHECKSUM, 0, 0, 0, within, 6) + frame)
        came = made.passed(dest=wires.real, dport=REAL_PORT)
        assert frames(capture, 1) == [wires.frame_behind(came.raw)]


def wrong(capture: Capture) -> list[str]:
    """The TCP packets that came in with a wrong checksum; none at all is wrong too."""
    seen = 0
    faults = []
    for frame, packet in capture.packets():
        inmost = packet.inner or packet
        if frame.outgoing or inmost.protocol != TCP:
            continue
        seen += 1
        if not checksum_right(inmost.raw, ready=frame.checksum_ready):
            faults.append(frame.raw[:100].hex())
    return faults if seen > 10 else ["nothing was captured"]
