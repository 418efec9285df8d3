# SPDX-License-Identifier: GPL-2.0
"""What a benchmark is, what a target is, and how a target is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.stats import Estimate

KERNELS = ("6.12", "newest", "smp")
"""Linux 6.12 and the newest on one CPU, and the newest on two."""
Sense = Literal["times", "cost", "figure"]


@dataclass(frozen=True)
class Target:
    """A bound for the first variant of a benchmark.

    "times": OTHER costs at least BOUND times as much. "cost": the first variant costs at most BOUND
    times as much as OTHER. "figure": the figure of OTHER itself is at most BOUND.
    """

    sense: Sense
    other: str
    bound: Mapping[str, float]
    """By kernel."""

    @property
    def sign(self) -> str:
        return "≥" if self.sense == "times" else "≤"

    def reached(self, record: Record) -> Estimate | None:
        """What is compared with the bound; None when it was not measured."""
        if self.sense == "figure":
            return record.figures.get(self.other)
        found = record.ratios.get(self.other)
        return found.inverse if found and self.sense == "cost" else found

    def judge(self, record: Record) -> Verdict | None:
        """How RECORD stands to this target, if it has one for its kernel."""
        bound, found = self.bound.get(record.kernel), self.reached(record)
        if bound is None or found is None:
            return None
        return Verdict(self, bound, found)


@dataclass(frozen=True)
class Verdict:
    """A target and what was measured."""

    target: Target
    bound: float
    found: Estimate

    @property
    def met(self) -> bool:
        if self.target.sense == "times":
            return self.found.value >= self.bound
        return self.found.value <= self.bound

    @property
    def missed(self) -> bool:
        """Whether it is missed by more than the interval."""
        if self.target.sense == "times":
            return self.found.high < self.bound
        return self.found.low > self.bound

    @property
    def mark(self) -> str:
        return "✓" if self.met else "✗" if self.missed else "≈"


def times(other: str, bound: float, newest: float | None = None) -> Target:
    """OTHER costs at least BOUND times as much; with the newest kernel NEWEST times."""
    return Target("times", other, _bounds(bound, newest))


def cost(other: str, bound: float) -> Target:
    """The first variant costs at most BOUND times as much as OTHER."""
    return Target("cost", other, _bounds(bound, None))


def figure(variant: str, bound: float) -> Target:
    """The figure of VARIANT is at most BOUND."""
    return Target("figure", variant, _bounds(bound, None))


def _bounds(bound: float, newest: float | None) -> dict[str, float]:
    newer = bound if newest is None else newest
    return {"6.12": bound, "newest": newer, "smp": newer}


@dataclass(frozen=True)
class Benchmark:
    """One thing that is measured."""

    name: str
    title: str
    probe: str
    """The module of bench.probes that measures it."""
    setting: Any
    """The probe's own parameters."""
    variants: tuple[str, ...]
    """The first one is compared with the others."""
    targets: tuple[Target, ...] = ()
    unit: str = "ns"
    """Of its figures: "ns" (per packet or connection), "s", "bytes"."""
    kernels: tuple[str, ...] = ("6.12", "newest")
    quick: tuple[str, ...] = ()
    """The kernels on which `--quick` measures it."""
    time_s: float = 30
    """It ends after this time, whether its intervals are narrow or not."""


@dataclass(frozen=True)
class Record:
    """How one benchmark went on one kernel."""

    kernel: str
    figures: dict[str, Estimate] = field(default_factory=dict)
    ratios: dict[str, Estimate] = field(default_factory=dict)
    """How many times as much each other variant costs as the first one."""
    facts: dict[str, str] = field(default_factory=dict)
    """What else was seen."""
    seconds: float = 0
    trouble: str = ""
    """Why there are no figures."""

    @property
    def end(self) -> str:
        """Why it ended."""
        if all(each.narrow for each in self.ratios.values()):
            return "interval narrow"
        return "time over"


def record_of(data: Mapping[str, Any]) -> Record:
    """The record that DATA, a part of a file of figures, describes."""
    estimates = {
        name: {variant: Estimate(**each) for variant, each in data[name].items()}
        for name in ("figures", "ratios")
    }
    return Record(**{**data, **estimates})
