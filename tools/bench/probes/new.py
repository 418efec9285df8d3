# SPDX-License-Identifier: GPL-2.0
"""The probe of new connections: every packet is the first packet of its connection.

All slices have the same number of packets, so all tables are equally full. The next session starts
with empty tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.farm import Case, Variant, load
from bench.flood import Flood, Stream
from bench.model import Benchmark, Record
from bench.packets import SYN
from bench.sessions import Plan, check_forwarded
from bench.sessions import measure as measure_sessions
from bench.streams import stream

ADDRESSES = 1000
WARM_UP_CLIENT = "198.19.0.1"
WARM_UP = 20_000
PACKETS, ROUNDS = 5000, 24
IPPFVS_BITS = 16
"""4 MiB of buckets, which need not grow within a session."""


@dataclass(frozen=True)
class Setting:
    """The connections to open, and their farms."""

    cases: Mapping[str, Case] = field(default_factory=dict)
    """The cases of variants. The other variants have four servers."""
    protocol: str = "udp"
    busy: int = 1
    """The number of services with clients. They are in the middle of all services."""
    ipvs_bits: int | None = 20


def measure(benchmark: Benchmark, until: float) -> Record:
    """Measure sessions. Every session starts with an empty table."""
    setting: Setting = benchmark.setting
    load(setting.ipvs_bits, IPPFVS_BITS)
    usual = Case(protocol=setting.protocol)
    cases = {label: setting.cases.get(label, usual) for label in benchmark.variants}

    def prepare(generator: Flood, variants: Mapping[str, Variant]) -> dict[str, list[int]]:
        for label, variant in variants.items():
            warm_up = generator.add(new_stream(variant, WARM_UP_CLIENT, setting.busy))
            check_forwarded(label, variant, [generator.send(warm_up, WARM_UP)])
        return {
            label: [generator.add(new_stream(variant, busy=setting.busy))]
            for label, variant in variants.items()
        }

    def check(variants: Mapping[str, Variant], sent: Mapping[str, int]) -> None:
        for label, variant in variants.items():
            if (created := variant.created()) not in (None, WARM_UP + sent[label]):
                raise RuntimeError(
                    f"{label}: {created} connections for {WARM_UP + sent[label]} packets"
                )

    return measure_sessions(
        benchmark, Plan(cases, prepare, ROUNDS, packets=PACKETS, check=check), until
    )


def new_stream(variant: Variant, client: str = "", busy: int = 1, cpu: int = 0) -> Stream:
    """Return a stream of first packets, whose client addresses begin at CLIENT.

    It has so many flows that a session never repeats one.
    """
    return stream(variant, flags=SYN, client=client, addresses=ADDRESSES, busy=busy, cpu=cpu)
