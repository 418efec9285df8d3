# SPDX-License-Identifier: GPL-2.0
"""What a question of the benchmark is, and what a target: data, with the arithmetic of targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Better = Literal["more", "less"]
Guest = Literal["uml", "qemu"]
Best = Mapping[str, float]
"""The figure of each lane."""
Figures = dict[str, list[float]]
"""What a probe measured of each lane: one figure a round."""

SIGN = {"more": "≥", "less": "≤"}


@dataclass(frozen=True)
class Limit:
    """A lane that does only what our design cannot leave undone.

    Where not even this lane reaches the target, we must come near the lane instead.
    """

    lane: str
    near: float = 0.8
    """The share of its speed that ours must have."""
    ours: str = "ippfvs"


@dataclass(frozen=True)
class Target:
    """A bound that some value made of the lanes' figures must reach."""

    bound: float
    better: Better
    limit: Limit | None = field(default=None, kw_only=True)

    @property
    def lanes(self) -> tuple[str, ...]:
        """Whose figures the value is made of."""
        raise NotImplementedError

    @property
    def says(self) -> str:
        """What is compared, in few words."""
        raise NotImplementedError

    @property
    def unit(self) -> str | None:
        """Of the value; nothing for a ratio, None when it is that of the question."""
        return ""

    def value(self, best: Best) -> float:
        """What was reached."""
        raise NotImplementedError

    def lacks(self, value: float) -> float:
        """How far VALUE is from the bound; 0 or less: it is reached."""
        return self.bound - value if self.better == "more" else value - self.bound


@dataclass(frozen=True)
class Ratio(Target):
    """The figure of one lane divided by that of another."""

    ours: str
    theirs: str

    @property
    def lanes(self) -> tuple[str, ...]:
        return self.ours, self.theirs

    @property
    def says(self) -> str:
        return f"{self.ours} : {self.theirs}"

    def value(self, best: Best) -> float:
        return best[self.ours] / best[self.theirs]


@dataclass(frozen=True)
class Bound(Target):
    """The figure of one lane, as it is."""

    lane: str

    @property
    def lanes(self) -> tuple[str, ...]:
        return (self.lane,)

    @property
    def says(self) -> str:
        return self.lane

    @property
    def unit(self) -> str | None:
        return None

    def value(self, best: Best) -> float:
        return best[self.lane]


@dataclass(frozen=True)
class Derived(Target):
    """A number that FORMULA makes of the figures of the lanes OF."""

    name: str
    of: tuple[str, ...]
    formula: Callable[..., float]
    """Takes the figures of OF, in that order."""

    @property
    def lanes(self) -> tuple[str, ...]:
        return self.of

    @property
    def says(self) -> str:
        return self.name

    def value(self, best: Best) -> float:
        return self.formula(*(best[lane] for lane in self.of))


def at_least(
    times: float, theirs: str = "IPVS", ours: str = "ippfvs", *, limit: Limit | None = None
) -> Ratio:
    """OURS must be TIMES as much as THEIRS."""
    return Ratio(times, "more", ours, theirs, limit=limit)


def at_most(times: float, theirs: str = "IPVS", ours: str = "ippfvs") -> Ratio:
    """OURS may be TIMES as much as THEIRS."""
    return Ratio(times, "less", ours, theirs)


@dataclass(frozen=True)
class Question:
    """One question of the benchmark."""

    name: str
    title: str
    unit: str
    """Of its figures: "packets/s", "connections/s", "bytes", "s" …"""
    guest: Guest
    """Which guest answers it."""
    probe: str
    """The module of ippfvslab.bench.probes that measures it."""
    setting: Any
    """The probe's own parameters, frozen."""
    lanes: tuple[str, ...]
    targets: tuple[Target, ...] = ()
    better: Better = "more"
    """Which figures are good ones; the best of the rounds counts, for noise only slows."""
    rounds: int | None = None
    """At most so many rounds, where one takes long."""
    quick: bool = True
    """Whether `--quick` asks it, too."""
    memory_gib: int = 3
    """What the guest needs, at least."""
    about: str = ""
    """How it is measured, where its title does not tell all; for docs/PERFORMANCE.md."""
