# SPDX-License-Identifier: GPL-2.0
"""The model: benchmarks, their targets, records of measurements, and verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.stats import Estimate

KERNELS = ("6.12", "newest", "smp")
"""Linux 6.12 and the newest Linux on one CPU, and the newest on two."""
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
    """The bound for each kernel."""

    @property
    def sign(self) -> str:
        return "≥" if self.sense == "times" else "≤"

    def measured(self, record: Record) -> Estimate | None:
        """Return the estimate to compare with the bound, or None if it was not measured."""
        if self.sense == "figure":
            return record.figures.get(self.other)
        found = record.ratios.get(self.other)
        return found.inverse if found and self.sense == "cost" else found

    def verdict(self, record: Record) -> Verdict | None:
        """Return the verdict for RECORD, or None if there is no bound or no measurement."""
        bound, found = self.bound.get(record.kernel), self.measured(record)
        if bound is None or found is None:
            return None
        return Verdict(self, bound, found)


@dataclass(frozen=True)
class Verdict:
    """A target and the measured estimate."""

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
        """Whether the whole interval is on the wrong side of the bound."""
        if self.target.sense == "times":
            return self.found.high < self.bound
        return self.found.low > self.bound

    @property
    def mark(self) -> str:
        return "✓" if self.met else "✗" if self.missed else "≈"


def times(other: str, bound: float, newest: float | None = None) -> Target:
    """OTHER costs at least BOUND times as much as the first variant.

    On the newest kernel, the bound is NEWEST if it is given.
    """
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
    """One thing to measure."""

    name: str
    title: str
    probe: str
    """The name of the module in bench.probes that measures the benchmark."""
    setting: Any
    """The parameters of the probe."""
    variants: tuple[str, ...]
    """The variants. The first one is compared with the others."""
    targets: tuple[Target, ...] = ()
    unit: str = "ns"
    """The unit of its figures: "ns" (per packet or connection), "s" or "bytes"."""
    kernels: tuple[str, ...] = ("6.12", "newest")
    quick: tuple[str, ...] = ()
    """The kernels on which `--quick` measures it."""
    time_s: float = 30
    """The benchmark ends after this time in seconds, even if its intervals are not narrow."""


@dataclass(frozen=True)
class Record:
    """The result of one benchmark on one kernel."""

    kernel: str
    figures: dict[str, Estimate] = field(default_factory=dict)
    ratios: dict[str, Estimate] = field(default_factory=dict)
    """For each other variant, its cost divided by that of the first variant."""
    facts: dict[str, str] = field(default_factory=dict)
    """Other observations, as text."""
    seconds: float = 0
    trouble: str = ""
    """The reason why there are no figures."""

    @property
    def end(self) -> str:
        """The reason why the benchmark ended."""
        if all(each.narrow for each in self.ratios.values()):
            return "interval narrow"
        return "time over"


def record_of(data: Mapping[str, Any]) -> Record:
    """Return the record from DATA, a part of a file of figures."""
    estimates = {
        name: {variant: _estimate_of(each) for variant, each in data[name].items()}
        for name in ("figures", "ratios")
    }
    return Record(**{**data, **estimates})


def _estimate_of(data: Mapping[str, Any]) -> Estimate:
    # Files of figures that were written before 2026-12 call the sessions "sittings".
    return Estimate(**{"sessions" if key == "sittings" else key: data[key] for key in data})
