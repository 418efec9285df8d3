# SPDX-License-Identifier: GPL-2.0
"""The kernel's packet generator, feeding the receive path of a device: /proc/net/pktgen.

By default pktgen keeps a reference to each packet, so that the receive path must clone it and copy
its header before it may change it: a price that no driver's packet pays. Newer kernels let go of it
(`flag !SHARED`); on older ones all lanes pay alike.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ippfvslab.bench import settings
from ippfvslab.bench.shell import run
from ippfvslab.pktgen import result, tell

UDP_FRAME_BYTES = 60
SYN_FRAME_BYTES = 58
"""44 bytes of IPv4: a TCP header with one option, and no data."""


@dataclass(frozen=True)
class Flood:
    """What is sent: every packet takes the next source port, and the next address of many."""

    mac: str
    source: str
    dest: str
    flows: int = 1
    """How many source ports."""
    addresses: int = 1
    """How many source addresses from SOURCE on (IPv4)."""
    dests: int = 1
    """How many destinations from DEST on (IPv4)."""
    size: int = UDP_FRAME_BYTES
    first_port: int = 1024
    """The first source port."""
    port: int = 80
    """Of the destination."""

    @property
    def commands(self) -> list[str]:
        """In the words of pktgen."""
        return [
            *(self._ends6 if ":" in self.dest else self._ends4),
            f"dst_mac {self.mac}",
            f"udp_dst_min {self.port}",
            f"udp_dst_max {self.port}",
            f"udp_src_min {self.first_port}",
            f"udp_src_max {self.first_port + self.flows}",
            f"pkt_size {self.size}",
        ]

    @property
    def _ends6(self) -> list[str]:
        return [f"dst6 {self.dest}", f"src6 {self.source}", "flag UDPCSUM"]

    @property
    def _ends4(self) -> list[str]:
        return [
            "flag !IPV6",
            "flag !UDPCSUM",
            f"dst_min {self.dest}",
            f"dst_max {_after(self.dest, self.dests - 1)}",
            f"src_min {self.source}",
            f"src_max {_after(self.source, self.addresses - 1)}",
        ]


def _after(address: str, steps: int) -> str:
    return str(ipaddress.IPv4Address(address) + steps)


class Generator:
    """Feeds DEVICE from the kernel thread of CPU; nothing else is on that thread."""

    def __init__(self, device: str, cpu: int = 0) -> None:
        self._device = device
        run("modprobe", "pktgen")
        attach(cpu, device)

    def send(self, flood: Flood, count: int) -> float:
        """Packets a second that the receive path took, COUNT sent."""
        tell(self._device, *flood.commands, f"count {count}")
        tell("pgctrl", "start")
        said = result(self._device)
        found = re.search(r"OK: (\d+)\(", said)
        if not found:
            raise RuntimeError(f"pktgen: {said.strip()}")
        return count * 1e6 / int(found[1])


def attach(cpu: int, device: str) -> None:
    """Have the thread of CPU feed DEVICE and no other; note whether it lets go of its packets."""
    tell(f"kpktgend_{cpu}", "rem_device_all", f"add_device {device}")
    tell(device, "xmit_mode netif_receive", "delay 0", "clone_skb 0", "burst 1")
    tell(device, "flag NO_TIMESTAMP", "flag !SHARED")
    own = "unknown" not in result(device)
    settings.note("pktgen", {"packets": "not shared" if own else "shared, cloned by the stack"})


@contextmanager
def as_syns(device: str) -> Iterator[None]:
    """Turn the UDP packets that DEVICE receives into TCP SYNs, since pktgen makes UDP only."""
    run("insmod", os.environ["SYN_MODULE"], f"in={device}")
    try:
        yield
    finally:
        run("rmmod", "syn")
