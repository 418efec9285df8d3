# SPDX-License-Identifier: GPL-2.0
"""Sittings: namespaces made anew, variants that alternate in them in short slices, pairs.

A benchmark takes sittings until its intervals are narrow or its time is over. What a sitting cannot
average out (where tables and entries lie in memory, the keys of hashes) is made anew by the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from ippfvslab.say import line

from bench.farm import Case, Variant, directors
from bench.flood import Flood, Slice, flood
from bench.model import Benchmark, Record
from bench.stats import LEAST_SITTINGS, Estimate, estimate, pair

LEAST_TOGETHER = 0.6
"""The share of its time that a CPU of a step with two works; it is half when they take turns."""
Prepare = Callable[[Flood, Mapping[str, Variant]], dict[str, list[int]]]
"""Adds streams for each variant, makes its connections, returns the streams to be measured."""


@dataclass(frozen=True)
class Plan:
    """How a benchmark is measured in slices."""

    cases: Mapping[str, Case]
    """Of each variant; the first is the one with whom the others are compared."""
    prepare: Prepare
    rounds: int = 12
    slice_s: float = 0.025
    lead_s: float = 0
    packets: int = 0
    """Of a slice; 0: it lasts SLICE_S."""
    check: Callable[[Mapping[str, Variant], Mapping[str, int]], None] = lambda *_: None
    """Given the variants and how many packets each was sent while it was measured."""


@dataclass
class Tally:
    """What all sittings have brought so far, a list for each of them."""

    costs: dict[str, list[list[float]]] = field(default_factory=dict)
    pairs: dict[str, list[list[float]]] = field(default_factory=dict)

    def add(self, costs: Mapping[str, Sequence[float]]) -> None:
        """Take the COSTS of one sitting; those of the first variant are the base."""
        base = next(iter(costs))
        for label, each in costs.items():
            self.costs.setdefault(label, []).append(list(each))
            if label != base:
                self.pairs.setdefault(label, []).append(pair(costs[base], each))

    @property
    def figures(self) -> dict[str, Estimate]:
        return {label: estimate(each) for label, each in self.costs.items()}

    @property
    def ratios(self) -> dict[str, Estimate]:
        return {label: estimate(each) for label, each in self.pairs.items()}

    @property
    def sittings(self) -> int:
        return len(next(iter(self.costs.values())))


def measure(benchmark: Benchmark, plan: Plan, until: float) -> Record:
    """Take sittings of PLAN until all intervals are narrow, or it is UNTIL (time.monotonic())."""
    tally = Tally()
    while True:
        began = time.monotonic()
        tally.add(_sit(plan, tally))
        lasted = time.monotonic() - began
        over = time.monotonic() + lasted > until
        if over and tally.sittings >= 2:
            break
        if all(each.narrow for each in tally.ratios.values()) and tally.sittings >= LEAST_SITTINGS:
            break
    _tell(tally)
    return Record("", tally.figures, tally.ratios)


def _sit(plan: Plan, tally: Tally) -> dict[str, list[float]]:
    """One sitting: the costs of each variant's slices."""
    base, *others = plan.cases
    turn = tally.sittings % len(others) if tally.costs and others else 0
    order = [base, *others[turn:], *others[:turn]]
    with directors(dict(plan.cases)) as variants, flood() as generator:
        streams = plan.prepare(generator, variants)
        slices = generator.alternate(
            [streams[label] for label in order],
            plan.rounds,
            slice_s=plan.slice_s,
            lead_s=plan.lead_s,
            packets=plan.packets,
        )
        found: dict[str, list[float]] = {label: [] for label in plan.cases}
        sent = dict.fromkeys(order, 0)
        for label, step in _steps(order, streams, slices):
            sent[label] += honest(label, variants[label], step)
            found[label].append(max(each.ns for each in step) / sum(each.packets for each in step))
        plan.check(variants, sent)
    return found


def _steps(
    order: Sequence[str], streams: Mapping[str, Sequence[int]], slices: Sequence[Slice]
) -> list[tuple[str, list[Slice]]]:
    """The slices of each step, in the order in which they were run."""
    rest, steps = list(slices), []
    while rest:
        label = order[rest[0].step]
        count = len(streams[label])
        steps.append((label, rest[:count]))
        rest = rest[count:]
    return steps


def honest(label: str, variant: Variant, step: Sequence[Slice]) -> int:
    """Return how many packets STEP has sent.

    Raises if not all of them were forwarded, or if streams that should run at the same time took
    turns, since the host had no CPU for each.
    """
    worked, wall = sum(each.ns for each in step), sum(each.wall_ns for each in step)
    if len(step) > 1 and worked < LEAST_TOGETHER * wall:
        raise RuntimeError(f"{label}: the host was too busy to run {len(step)} CPUs at a time")
    sent = sum(each.sent for each in step)
    wanted = sent if variant.forwards else 0
    for each in step:
        if each.came != wanted:
            raise RuntimeError(f"{label} forwarded {each.came} of {wanted} packets")
    return sent


def _tell(tally: Tally) -> None:
    costs = {label: median(map(median, each)) for label, each in tally.costs.items()}
    for label, ns in costs.items():
        found = tally.ratios.get(label)
        more = (
            f"  costs {found.value:.2f} times as much [{found.low:.2f}, {found.high:.2f}]"
            if found
            else f"  {tally.sittings} sittings"
        )
        line(f"   {label:<24.24} {ns:7.1f} ns{more}")
