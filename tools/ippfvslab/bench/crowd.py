# SPDX-License-Identifier: GPL-2.0
"""Lanes that differ in how many there are: connections, servers, services or CPUs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar


@dataclass(frozen=True)
class Crowd:
    """Who, and with how many."""

    who: str
    count: int

    @property
    def lane(self) -> str:
        """What it is called: "ippfvs 1,000,000"."""
        return f"{self.who} {self.count:,}"


C = TypeVar("C", bound=Crowd)


def names(crowds: Iterable[Crowd]) -> tuple[str, ...]:
    """The lanes of CROWDS."""
    return tuple(crowd.lane for crowd in crowds)


def by_name(crowds: Iterable[C]) -> dict[str, C]:
    """Each of CROWDS by its lane."""
    return {crowd.lane: crowd for crowd in crowds}
