# SPDX-License-Identifier: GPL-2.0
"""The kernel's packet generator, feeding the receive path of a device: /proc/net/pktgen."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc/net/pktgen")
FRAME_BYTES = 60


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

    @property
    def commands(self) -> list[str]:
        """In the words of pktgen."""
        six = ":" in self.dest
        last = self.source if six else _after(self.source, self.addresses - 1)
        ends = (
            [f"dst6 {self.dest}", f"src6 {self.source}", "flag UDPCSUM"]
            if six
            else [f"dst {self.dest}", f"src_min {self.source}", f"src_max {last}", "flag !UDPCSUM"]
        )
        return [
            *ends,
            f"dst_mac {self.mac}",
            "udp_dst_min 80",
            "udp_dst_max 80",
            "udp_src_min 1024",
            f"udp_src_max {1024 + self.flows}",
            f"pkt_size {FRAME_BYTES}",
        ]


def _after(address: str, steps: int) -> str:
    return str(ipaddress.IPv4Address(address) + steps)


class Generator:
    """Feeds DEVICE from the first CPU's kernel thread; nothing else is on that thread."""

    def __init__(self, device: str) -> None:
        self._device = device
        _tell("kpktgend_0", "rem_device_all", f"add_device {device}")
        _tell(device, "xmit_mode netif_receive", "delay 0", "clone_skb 0", "burst 1")

    def send(self, flood: Flood, count: int) -> float:
        """Packets a second that the receive path took, COUNT sent."""
        _tell(self._device, *flood.commands, f"count {count}")
        _tell("pgctrl", "start")
        result = (PROC / self._device).read_text()
        found = re.search(r"OK: (\d+)\(", result)
        if not found:
            raise RuntimeError(f"pktgen: {result[result.find('Result:') :].strip()}")
        return count * 1e6 / int(found[1])


def _tell(file: str, *commands: str) -> None:
    for command in commands:
        with (PROC / file).open("w") as stream:
            stream.write(f"{command}\n")
