# SPDX-License-Identifier: GPL-2.0
"""Lanes that differ in how many there are: connections, servers or services."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Crowd:
    """Who, and with how many."""

    who: str
    count: int

    @property
    def lane(self) -> str:
        """What it is called: "ippfvs 1,000,000"."""
        return f"{self.who} {self.count:,}"


def names(crowds: Iterable[Crowd]) -> tuple[str, ...]:
    """The lanes of CROWDS."""
    return tuple(crowd.lane for crowd in crowds)


def by_name(crowds: Iterable[Crowd]) -> dict[str, Crowd]:
    """Each of CROWDS by its lane."""
    return {crowd.lane: crowd for crowd in crowds}
