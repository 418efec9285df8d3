# SPDX-License-Identifier: GPL-2.0
"""The probe that compares one CPU with two. Each CPU feeds a separate device, in one step of flood.

The cost is the time divided by the number of packets of both CPUs. So two CPUs that do not disturb
each other have half the cost of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ippfvslab.log import line

from bench.farm import Case, Variant, directors, load
from bench.flood import Flood, flood
from bench.model import Benchmark, Record
from bench.probes import new
from bench.sessions import Plan, check_forwarded
from bench.sessions import measure as measure_sessions
from bench.stats import Estimate, estimate
from bench.streams import FIRST_PORT, MANY, STRIDE, stream

CASE = Case(inputs=2)
CLIENTS = ("198.18.0.1", "198.19.0.1")
GROWTH_S = 1.0
GROWING, LARGE = "ippfvs, growing", "ippfvs, large"


@dataclass(frozen=True)
class Setting:
    """The packets that the CPUs send: of "known" connections, of "new" ones, or both ("growth")."""

    what: str


def measure(benchmark: Benchmark, until: float) -> Record:
    """Measure as the setting of the benchmark says."""
    setting: Setting = benchmark.setting
    if setting.what == "growth":
        return _growth(benchmark)
    new_only = setting.what == "new"
    load(20, new.IPPFVS_BITS if new_only else None)
    expected: dict[str, int] = {}

    def prepare(generator: Flood, variants: Mapping[str, Variant]) -> dict[str, list[int]]:
        streams = {}
        for label, variant in variants.items():
            cpus = 2 if label.endswith("2 CPUs") else 1
            if new_only:
                streams[label] = [
                    generator.add(new.new_stream(variant, CLIENTS[cpu], cpu=cpu))
                    for cpu in range(cpus)
                ]
                expected[label] = 0
            else:
                streams[label] = _known(generator, label, variant, cpus)
                expected[label] = MANY
        return streams

    def check(variants: Mapping[str, Variant], sent: Mapping[str, int]) -> None:
        for label, variant in variants.items():
            wanted = expected[label] + (sent[label] if new_only else 0)
            if (created := variant.created()) not in (None, wanted):
                raise RuntimeError(f"{label}: {created} connections were created, not {wanted}")

    plan = Plan(dict.fromkeys(benchmark.variants, CASE), prepare, check=check)
    if new_only:
        plan = replace(plan, rounds=new.ROUNDS, packets=new.PACKETS)
    return measure_sessions(benchmark, plan, until)


def _known(generator: Flood, label: str, variant: Variant, cpus: int) -> list[int]:
    """Create MANY connections. Return a stream for each CPU, which sends its share of them."""
    share = MANY // cpus
    streams = []
    for cpu in range(cpus):
        port = FIRST_PORT + cpu * share
        for stride in (1, STRIDE):
            each = stream(variant, share, first_port=port, stride=stride, cpu=cpu)
            number = generator.add(each)
            check_forwarded(label, variant, [generator.send(number, share)])
            variant.settle()
        streams.append(number)
    return streams


def _growth(benchmark: Benchmark) -> Record:
    """Measure the slowest batch of known packets on one CPU while the other creates connections."""
    figures: dict[str, list[float]] = {label: [] for label in benchmark.variants}
    for _ in range(3):
        for label in benchmark.variants:
            load(20, 20 if label == LARGE else None)
            with directors({label: CASE}) as variants, flood() as generator:
                variant = variants[label]
                known = _known(generator, label, variant, 1)
                step = [*known, generator.add(new.new_stream(variant, CLIENTS[1], cpu=1))]
                slices_ = generator.alternate([step], 1, slice_s=GROWTH_S, slowest=True)
                check_forwarded(label, variant, slices_)
                figures[label].append(slices_[0].worst_ns / 1e9)
                line(f"   {label}: {slices_[0].worst_ns / 1000:.0f} µs")
    found: dict[str, Estimate] = {label: estimate([each]) for label, each in figures.items()}
    return Record("", found)
