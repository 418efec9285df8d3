# SPDX-License-Identifier: GPL-2.0
"""BIG TCP: packets of more than 64 KB, whose header has 0 for their length, are balanced.

client ── router ── director ── server1, server2        the farm of VS-NAT; VS-TUN's and VS-DR's is
                                                        one LAN
Every interface of these hosts, and every port of their switches, takes packets of BIG bytes.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from ippfvslab.capture import Capture
from ippfvslab.farm import Farm, endpoint
from ippfvslab.netns import Host

from tests.live.helpers.transfer import TransferServer, exchange

if TYPE_CHECKING:
    import pylvs

BIG = 100_000
USUAL = 65_536
FIELD_MAX = 65_535
BYTES = 6_000_000
FAR, NEAR = 15, 9
"""Up to a round trip of 2^FAR microseconds, a sender makes packets as large as it may."""
RTM_NEWLINK, NLM_F_REQUEST, NLM_F_ACK = 16, 1, 4
IFLA_GSO_MAX_SIZE, IFLA_GSO_IPV4_MAX_SIZE = 41, 63
IPV4_SINCE = (6, 3)
"""The first kernel that has BIG TCP over IPv4."""


@pytest.mark.farm(methods=["nat", "tun", "dr"])
@pytest.mark.parametrize("segmented", [False, True], ids=["whole", "segmented"])
def test_packets_of_more_than_64_kb_are_forwarded(
    farm: Farm, lvs: pylvs.Manager, segmented: bool
) -> None:
    """If SEGMENTED, the director's own interfaces take only 64 KB, and the stack segments there."""
    import pylvs

    if farm.family == 4 and kernel_version() < IPV4_SINCE:
        pytest.skip("this kernel has no BIG TCP over IPv4")
    port = 8000 if farm.method == "nat" else 80
    listens = farm.reals[0] if farm.method == "nat" else farm.vip
    service = lvs.add_service("tcp", endpoint(farm.vip, 80), "rr")
    lvs.add_real(service, endpoint(farm.reals[0], port), method=farm.method)
    with (
        big_packets(farm, but_director=segmented),
        TransferServer(farm.servers[0], listens, port),
        Capture(farm.director) as capture,
    ):
        exchange(farm.client, farm.vip, 80, BYTES, BYTES)
        seen = [
            (packet.source, packet.dest)
            for frame, packet in capture.packets()
            if not frame.outgoing and len(frame.raw) - 14 > FIELD_MAX
        ]
    assert (farm.layout.client, farm.vip) in seen
    # Only the replies of VS-NAT pass the director.
    assert farm.method != "nat" or (farm.reals[0], farm.layout.client) in seen
    # The client of VS-TUN has to learn how much fits into the tunnel.
    learns = lvs.drops().too_big if farm.method == "tun" else 0
    assert lvs.drops() == pylvs.Drops(too_big=learns)


def kernel_version() -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", os.uname().release)
    assert found
    return int(found[1]), int(found[2])


@contextlib.contextmanager
def big_packets(farm: Farm, *, but_director: bool) -> Iterator[None]:
    """Let every interface of FARM send packets of BIG bytes, except perhaps the director's."""
    ends = [
        (host, f"eth{number}")
        for name, host in farm.hosts.items()
        if not (but_director and name == "director")
        for number in range(len(farm.layout.hosts[name].nics))
    ]
    ports = [
        (switch, name)
        for lan, switch in farm.lans.items()
        for name, spec in farm.layout.hosts.items()
        if lan in spec.nics
    ]
    try:
        for host, device in ends + ports:
            set_gso_size(host, device, BIG)
        for host in farm.hosts.values():
            host.sysctl("ipv4.tcp_tso_rtt_log", FAR)
        yield
    finally:
        for host in farm.hosts.values():
            host.sysctl("ipv4.tcp_tso_rtt_log", NEAR)
        for host, device in ends + ports:
            set_gso_size(host, device, USUAL)


def set_gso_size(host: Host, device: str, size: int) -> None:
    """Set how large packets may be that DEVICE segments. The `ip` of Debian 12 cannot for IPv4."""
    with host.inside(), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as sock:
        index = socket.if_nametoindex(device)
        body = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, 0, 0)
        for attribute in (IFLA_GSO_MAX_SIZE, IFLA_GSO_IPV4_MAX_SIZE):
            body += struct.pack("=HHI", 8, attribute, size)
        flags = NLM_F_REQUEST | NLM_F_ACK
        sock.send(struct.pack("=IHHII", 16 + len(body), RTM_NEWLINK, flags, 0, 0) + body)
        (error,) = struct.unpack_from("=i", sock.recv(65536), 16)
        assert error == 0, os.strerror(-error)
