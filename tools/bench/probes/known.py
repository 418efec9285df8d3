# SPDX-License-Identifier: GPL-2.0
"""The probe of packets of known connections: from the client, from the server, merged by GRO."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.farm import Case, Variant, load
from bench.flood import Flood
from bench.model import Benchmark, Record
from bench.packets import ACK, PUSH, SYN, SYN_ACK
from bench.sessions import Plan, check_forwarded
from bench.sessions import measure as measure_sessions
from bench.streams import MANY, STRIDE, stream


@dataclass(frozen=True)
class Setting:
    """The packets to measure."""

    method: str = "nat"
    family: int = 4
    flows: int = MANY
    protocol: str = "udp"
    answers: bool = False
    """Whether the packets go from the server to the client. The farm then has one server."""
    gso: bool = False
    """Whether the packets are merged to 64 KB."""
    ipvs_bits: int | None = 20
    stride: int = STRIDE

    @property
    def case(self) -> Case:
        servers = 1 if self.answers else 4
        return Case(self.method, self.family, self.protocol, servers=servers)


def measure(benchmark: Benchmark, until: float) -> Record:
    """Measure sessions. Every session creates new connections."""
    setting: Setting = benchmark.setting
    load(setting.ipvs_bits)
    cases = dict.fromkeys(benchmark.variants, setting.case)

    def prepare(generator: Flood, variants: Mapping[str, Variant]) -> dict[str, list[int]]:
        return {
            label: [_prepare(generator, label, variant, setting)]
            for label, variant in variants.items()
        }

    def check(variants: Mapping[str, Variant], sent: Mapping[str, int]) -> None:
        for label, variant in variants.items():
            if (created := variant.created()) not in (None, setting.flows):
                raise RuntimeError(f"{label}: {created} connections for {setting.flows} flows")

    return measure_sessions(benchmark, Plan(cases, prepare, check=check), until)


def _prepare(generator: Flood, label: str, variant: Variant, setting: Setting) -> int:
    """Create the connections of VARIANT and return the stream to measure."""
    opening = [ACK] if setting.protocol == "udp" else [SYN, SYN_ACK, ACK]
    for flags in opening:
        answers = flags == SYN_ACK
        first = generator.add(stream(variant, setting.flows, flags=flags, answers=answers))
        check_forwarded(label, variant, [generator.send(first, setting.flows)])
    variant.settle()
    measured = generator.add(
        stream(
            *(variant, setting.flows),
            flags=PUSH,
            answers=setting.answers,
            gso=setting.gso,
            stride=setting.stride,
        )
    )
    check_forwarded(label, variant, [generator.send(measured, max(2 * setting.flows, 10_000))])
    return measured
