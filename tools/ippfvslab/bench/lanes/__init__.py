# SPDX-License-Identifier: GPL-2.0
"""Who is measured: each lane sets one director up, and takes it down again.

A contestant is a module of this package with `start(case)`, `end(case)`, `made(case)` (how many
connections it says that it has made), `sample(case)` (one of them, as it lists it) and
`settings(case)` (what was in force, as the kernel tells).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from ippfvslab.bench import settings
from ippfvslab.bench.lanes import bare, flowtable, ippfvs, ipvs, limit, nftables
from ippfvslab.bench.lanes.case import Case


class Contestant(Protocol):
    """What a module of this package offers."""

    def start(self, case: Case) -> None: ...
    def end(self, case: Case) -> None: ...
    def made(self, case: Case) -> int: ...
    def sample(self, case: Case) -> str: ...
    def settings(self, case: Case) -> dict[str, str]: ...


CONTESTANTS: dict[str, Contestant] = {
    "ippfvs": ippfvs,
    "IPVS": ipvs,
    "nftables": nftables,
    "flowtable": flowtable,
    "limit": limit,
    "plain": bare,
    "floor": bare,
}


@contextmanager
def up(name: str, case: Case) -> Iterator[Contestant]:
    """The contestant NAME does its work on CASE meanwhile, from an empty table on."""
    contestant = CONTESTANTS[name]
    contestant.start(case)
    try:
        settings.note(name, contestant.settings(case))
        yield contestant
    finally:
        contestant.end(case)
