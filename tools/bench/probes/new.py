# SPDX-License-Identifier: GPL-2.0
"""New connections: every packet is the first of its connection.

The slices have the same number of packets, so that all tables are equally full; the next sitting
starts with empty ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.farm import Case, Variant, load
from bench.flood import Flood, Stream
from bench.model import Benchmark, Record
from bench.packets import SYN
from bench.sittings import Plan, honest
from bench.sittings import measure as take
from bench.streams import stream

ADDRESSES = 1000
WARM_CLIENT = "198.19.0.1"
WARM = 20_000
PACKETS, ROUNDS = 5000, 24
IPPFVS_BITS = 16
"""4 MiB of buckets, which need not grow within a sitting."""


@dataclass(frozen=True)
class Setting:
    """What kind of connections, and to which farms."""

    cases: Mapping[str, Case] = field(default_factory=dict)
    """Of variants; the others have four servers."""
    protocol: str = "udp"
    busy: int = 1
    """How many services have clients: those around the middle."""
    ipvs_bits: int | None = 20


def measure(benchmark: Benchmark, until: float) -> Record:
    """Every sitting starts with an empty table."""
    setting: Setting = benchmark.setting
    load(setting.ipvs_bits, IPPFVS_BITS)
    usual = Case(protocol=setting.protocol)
    cases = {label: setting.cases.get(label, usual) for label in benchmark.variants}

    def prepare(generator: Flood, variants: Mapping[str, Variant]) -> dict[str, list[int]]:
        for label, variant in variants.items():
            warm = generator.add(fresh(variant, WARM_CLIENT, setting.busy))
            honest(label, variant, [generator.send(warm, WARM)])
        return {
            label: [generator.add(fresh(variant, busy=setting.busy))]
            for label, variant in variants.items()
        }

    def check(variants: Mapping[str, Variant], sent: Mapping[str, int]) -> None:
        for label, variant in variants.items():
            if (made := variant.made()) not in (None, WARM + sent[label]):
                raise RuntimeError(f"{label}: {made} connections for {WARM + sent[label]} packets")

    return take(benchmark, Plan(cases, prepare, ROUNDS, packets=PACKETS, check=check), until)


def fresh(variant: Variant, client: str = "", busy: int = 1, cpu: int = 0) -> Stream:
    """First packets of connections from CLIENT on, never the same flow within a sitting."""
    return stream(variant, flags=SYN, client=client, addresses=ADDRESSES, busy=busy, cpu=cpu)
