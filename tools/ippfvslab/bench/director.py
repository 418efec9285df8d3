# SPDX-License-Identifier: GPL-2.0
"""The director's two devices, which every lane of a flood shares.

        in0 (dummy, fed by pktgen) ── director ── out0 (dummy, real servers as permanent neighbours)

The director is the guest's own namespace. Every lane forwards the same packets from in0 to out0,
but for the floor, whose packets have another host's MAC address and end in ip_rcv.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ippfvslab.bench.shell import run

VIP = {4: "10.0.0.100", 6: "fd00::100"}
MANY_VIPS = "10.1.0.0/16"
CLIENT = {4: "198.18.0.1", 6: "fd18::1"}
MAC_IN, MAC_OTHER = "02:00:00:00:00:01", "02:00:00:00:00:99"
_FIRST_REAL = {4: "172.16.0.2", 6: "fd16::2"}
_SWITCHES = {
    "ipv4/ip_forward": "1",
    "ipv6/conf/all/forwarding": "1",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/in0/rp_filter": "0",
}


def reals(family: int, count: int) -> list[str]:
    """The addresses of COUNT real servers."""
    first = ipaddress.ip_address(_FIRST_REAL[family])
    return [str(first + number) for number in range(count)]


@contextmanager
def director(servers: int = 4, *, many_vips: bool = False) -> Iterator[None]:
    """Devices, addresses and neighbours, SERVERS real servers of each family; gone afterwards."""
    neighbours = [
        f"neigh add {real} lladdr 02:00:00:01:{number >> 8:02x}:{number & 255:02x}"
        " dev out0 nud permanent"
        for family in (4, 6)
        for number, real in enumerate(reals(family, servers))
    ]
    lines = [
        f"link add in0 address {MAC_IN} type dummy",
        "link add out0 type dummy",
        "link set in0 up",
        "link set out0 up",
        f"addr add {VIP[4]}/32 dev in0",
        f"addr add {VIP[6]}/128 dev in0 nodad",
        "addr add 172.16.0.1/16 dev out0",
        "addr add fd16::1/64 dev out0 nodad",
        *([f"route add local {MANY_VIPS} dev in0"] if many_vips else []),
        "route add 198.18.0.0/15 dev in0",
        "route add fd18::/64 dev in0",
        *neighbours,
    ]
    run("ip", "-batch", "-", text="".join(f"{line}\n" for line in lines))
    try:
        for name, value in _SWITCHES.items():
            Path("/proc/sys/net", name).write_text(value)
        yield
    finally:
        run("ip", "link", "del", "in0")
        run("ip", "link", "del", "out0")


def forwarded() -> int:
    """How many packets have left the director by out0."""
    return int(Path("/sys/class/net/out0/statistics/tx_packets").read_text())
