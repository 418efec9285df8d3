# SPDX-License-Identifier: GPL-2.0
"""What a director has to do: the same for every lane of a question."""

from __future__ import annotations

from dataclasses import dataclass

from ippfvslab.bench.director import VIP, reals


@dataclass(frozen=True)
class Case:
    """One virtual service, by one method and family."""

    method: str = "nat"
    family: int = 4
    protocol: str = "udp"
    scheduler: str = "rr"
    servers: int = 4
    bits: int = 0
    """Two to this power bytes of table for each contestant; 0 is 2^23, 8 MiB."""

    @property
    def vip(self) -> str:
        return VIP[self.family]

    @property
    def reals(self) -> list[str]:
        return reals(self.family, self.servers)

    @property
    def table_bits(self) -> int:
        return self.bits or 23
