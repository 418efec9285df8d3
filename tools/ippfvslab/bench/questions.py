# SPDX-License-Identifier: GPL-2.0
"""What is asked, as data: which lanes, which flood, which ratio must be reached."""

from __future__ import annotations

from dataclasses import dataclass

from ippfvslab.bench.lanes import Lane

MANY = 60_000


@dataclass(frozen=True)
class Question:
    """One question of the benchmark."""

    name: str
    title: str
    method: str = "nat"
    family: int = 4
    flows: int = 1
    new: bool = False
    """Every packet is of a new connection."""
    peers: tuple[str, ...] = ("ippfvs", "IPVS")
    against: str = "IPVS"
    target: float = 1.0
    """The least ratio of ippfvs to AGAINST."""

    @property
    def lanes(self) -> list[Lane]:
        return [Lane(peer, self.method, self.family) for peer in self.peers]


_ALL = ("ippfvs", "IPVS", "plain", "floor")

QUESTIONS = (
    Question("nat4-one", "NAT, IPv4, 1 flow: packets/s", peers=_ALL, against="plain", target=1.0),
    Question("nat4", "NAT, IPv4, 60,000 flows: packets/s", flows=MANY, peers=_ALL, target=2.0),
    Question("tun4", "TUN, IPv4, 60,000 flows: packets/s", "tun", flows=MANY, target=2.0),
    Question("dr4", "DR, IPv4, 60,000 flows: packets/s", "dr", flows=MANY, target=2.0),
    Question("nat6", "NAT, IPv6, 60,000 flows: packets/s", "nat", 6, MANY, target=1.8),
    Question("tun6", "TUN, IPv6, 60,000 flows: packets/s", "tun", 6, MANY, target=1.8),
    Question("dr6", "DR, IPv6, 60,000 flows: packets/s", "dr", 6, MANY, target=1.8),
    Question("new4", "UDP, IPv4, new connections/s", new=True, target=2.5),
)
