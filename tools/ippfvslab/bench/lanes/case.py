# SPDX-License-Identifier: GPL-2.0
"""What a director has to do: the same for every lane of a question."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from ippfvslab.bench.director import MANY_VIPS, VIP, reals

_FLAG = {"nat": "-m", "tun": "-i", "dr": "-g"}
_PROTOCOL = {"udp": "-u", "tcp": "-t"}
_MIDDLE = 5005


@dataclass(frozen=True)
class Case:
    """One rule set, by one method and family."""

    method: str = "nat"
    family: int = 4
    protocol: str = "udp"
    scheduler: str = "rr"
    servers: int = 4
    """Of each service."""
    services: int = 1
    """Around the same middle, so that few of them are among many."""
    table_bits: int = 22
    """Two to this power bytes of connection table for each contestant: 4 MiB.

    In the guest of one CPU a larger table is not in one piece of memory, and each look at it walks
    through page tables, too; kernels on bare metal map it by huge pages.
    """

    @property
    def vip(self) -> str:
        """The address of the first service."""
        return self.vips[0]

    @property
    def vips(self) -> list[str]:
        if self.services == 1:
            return [VIP[self.family]]
        first = ipaddress.ip_network(MANY_VIPS)[_MIDDLE - self.services // 2]
        return [str(first + number) for number in range(self.services)]

    @property
    def reals(self) -> list[str]:
        return reals(self.family, self.servers)

    def weight(self, number: int) -> int:
        """Of the server NUMBER: where weights count they differ."""
        return 1 + number % 10 if self.scheduler in ("wrr", "wlc") and self.servers > 4 else 1

    @property
    def rules(self) -> str:
        """The rule set as `ipvsadm -S -n` writes it; both balancers read it."""
        servers = [
            f"-r {_socket(real)} {_FLAG[self.method]} -w {self.weight(number)}"
            for number, real in enumerate(self.reals)
        ]
        lines = []
        for vip in self.vips:
            service = f"{_PROTOCOL[self.protocol]} {_socket(vip)}"
            lines += [f"-A {service} -s {self.scheduler}"]
            lines += [f"-a {service} {server}" for server in servers]
        return "".join(f"{line}\n" for line in lines)


def _socket(address: str) -> str:
    return f"[{address}]:80" if ":" in address else f"{address}:80"
