# SPDX-License-Identifier: GPL-2.0
"""Who is measured: each lane sets one director up, and takes it down again.

A contestant is a module of this package with `start(case)`, `end(case)`, `made(case)` (how many
connections it says that it has made), `sample(case)` (one of them, as it lists it) and
`settings(case)` (what was in force, as the kernel tells). A lane is a contestant with the facts
about it that probes ask for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from ippfvslab.bench import settings
from ippfvslab.bench.director import MAC_IN, MAC_OTHER
from ippfvslab.bench.lanes import bare, flowtable, ippfvs, ipvs, limit, nftables
from ippfvslab.bench.lanes.case import Case


class Contestant(Protocol):
    """What a module of this package offers."""

    def start(self, case: Case) -> None: ...
    def end(self, case: Case) -> None: ...
    def made(self, case: Case) -> int: ...
    def sample(self, case: Case) -> str: ...
    def settings(self, case: Case) -> dict[str, str]: ...


@dataclass(frozen=True)
class Lane:
    """Who does the work, to whom packets go meanwhile, and what becomes of them."""

    contestant: Contestant
    mac: str = MAC_IN
    """Of the frames: the director's, or another host's, which end at the first look."""
    direct: bool = False
    """Clients ask the real servers themselves, not the service."""
    grows: bool = False
    """Its table grows by itself, so that it may be small at first."""

    @property
    def forwards(self) -> bool:
        return self.mac == MAC_IN

    @property
    def counts(self) -> bool:
        """Each flow makes a connection, and it says how many it has made."""
        return self.forwards and not self.direct

    def dest(self, case: Case) -> str:
        """Where a flood of packets goes."""
        return case.reals[0] if self.direct else case.vip

    def judge(self, name: str, *, sent: int, came: int, flows: int, made: int) -> None:
        """Raise when NAME did not do all of its work.

        Of the packets SENT, CAME have left the director; of FLOWS, MADE connections were made.
        """
        if came != (sent if self.forwards else 0):
            raise RuntimeError(f"{name} forwarded {came} of {sent} packets")
        if self.counts and made != flows:
            raise RuntimeError(f"{name} made {made} connections of {flows} flows")


LANES: dict[str, Lane] = {
    "ippfvs": Lane(ippfvs, grows=True),
    "IPVS": Lane(ipvs),
    "nftables": Lane(nftables),
    "flowtable": Lane(flowtable),
    "limit": Lane(limit),
    "plain": Lane(bare, direct=True),
    "floor": Lane(bare, mac=MAC_OTHER),
}


@contextmanager
def up(name: str, case: Case) -> Iterator[Contestant]:
    """The contestant of the lane NAME does its work on CASE meanwhile, from an empty table on."""
    contestant = LANES[name].contestant
    contestant.start(case)
    try:
        settings.note(name, contestant.settings(case))
        yield contestant
    finally:
        contestant.end(case)
