# SPDX-License-Identifier: GPL-2.0
"""Sessions. The variants alternate in short slices in new namespaces, and are compared in pairs.

A benchmark repeats sessions until its intervals are narrow or its time is over. Some conditions are
the same during a session: the location of tables and entries in memory, and the keys of hashes. In
the next session they are different.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from ippfvslab.log import line

from bench.farm import Case, Variant, directors
from bench.flood import Flood, Slice, flood
from bench.model import Benchmark, Record
from bench.stats import MIN_SESSIONS, Estimate, estimate, pair

MIN_PARALLEL = 0.6
"""The minimum share of the time in which two CPUs must work. If they take turns, it is half."""
Prepare = Callable[[Flood, Mapping[str, Variant]], dict[str, list[int]]]
"""A function that adds streams, creates the connections, and returns the streams to measure."""


@dataclass(frozen=True)
class Plan:
    """The parameters of a benchmark that is measured in slices."""

    cases: Mapping[str, Case]
    """The case of each variant. The first variant is compared with the others."""
    prepare: Prepare
    rounds: int = 12
    slice_s: float = 0.025
    lead_s: float = 0
    packets: int = 0
    """The number of packets in a slice. If it is 0, a slice lasts SLICE_S seconds."""
    check: Callable[[Mapping[str, Variant], Mapping[str, int]], None] = lambda *_: None
    """A function that checks the variants, with the number of packets that were sent to each."""


@dataclass
class Samples:
    """The costs and ratios of all sessions so far, with one list for each session."""

    costs: dict[str, list[list[float]]] = field(default_factory=dict)
    pairs: dict[str, list[list[float]]] = field(default_factory=dict)

    def add(self, costs: Mapping[str, Sequence[float]]) -> None:
        """Add the COSTS of one session. The costs of the first variant are the base."""
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
    def sessions(self) -> int:
        return len(next(iter(self.costs.values())))


def measure(benchmark: Benchmark, plan: Plan, until: float) -> Record:
    """Run sessions of PLAN until all intervals are narrow, or until the time UNTIL."""
    samples = Samples()
    while True:
        began = time.monotonic()
        samples.add(_run_session(plan, samples))
        lasted = time.monotonic() - began
        over = time.monotonic() + lasted > until
        if over and samples.sessions >= 2:
            break
        if (
            all(each.narrow for each in samples.ratios.values())
            and samples.sessions >= MIN_SESSIONS
        ):
            break
    _report(samples)
    return Record("", samples.figures, samples.ratios)


def _run_session(plan: Plan, samples: Samples) -> dict[str, list[float]]:
    """Run one session and return the costs of each variant's slices."""
    base, *others = plan.cases
    turn = samples.sessions % len(others) if samples.costs and others else 0
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
            sent[label] += check_forwarded(label, variants[label], step)
            found[label].append(max(each.ns for each in step) / sum(each.packets for each in step))
        plan.check(variants, sent)
    return found


def _steps(
    order: Sequence[str], streams: Mapping[str, Sequence[int]], slices: Sequence[Slice]
) -> list[tuple[str, list[Slice]]]:
    """Return the slices of each step, in the order in which they ran."""
    rest, steps = list(slices), []
    while rest:
        label = order[rest[0].step]
        count = len(streams[label])
        steps.append((label, rest[:count]))
        rest = rest[count:]
    return steps


def check_forwarded(label: str, variant: Variant, step: Sequence[Slice]) -> int:
    """Return the number of packets that STEP has sent.

    It raises RuntimeError if the director did not forward all of them. It also raises RuntimeError
    if streams that must run at the same time took turns, because the host had too few CPUs.
    """
    worked, wall = sum(each.ns for each in step), sum(each.wall_ns for each in step)
    if len(step) > 1 and worked < MIN_PARALLEL * wall:
        raise RuntimeError(f"{label}: the host was too busy to run {len(step)} CPUs at a time")
    sent = sum(each.sent for each in step)
    wanted = sent if variant.forwards else 0
    for each in step:
        if each.forwarded != wanted:
            raise RuntimeError(f"{label} forwarded {each.forwarded} of {wanted} packets")
    return sent


def _report(samples: Samples) -> None:
    costs = {label: median(map(median, each)) for label, each in samples.costs.items()}
    for label, ns in costs.items():
        found = samples.ratios.get(label)
        more = (
            f"  costs {found.value:.2f} times as much [{found.low:.2f}, {found.high:.2f}]"
            if found
            else f"  {samples.sessions} sessions"
        )
        line(f"   {label:<24.24} {ns:7.1f} ns{more}")
