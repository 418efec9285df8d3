# SPDX-License-Identifier: GPL-2.0
"""New connections: every packet is the first of its connection.

The slices have the same number of packets, so that all tables are equally full; the next sitting
starts with empty ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.farm import CLIENT, PORT, Case, Variant, load
from bench.flood import Field, Flood, Stream
from bench.model import Benchmark, Record
from bench.packets import SYN, End, frame
from bench.sittings import Plan, honest
from bench.sittings import measure as take

FIRST_PORT, PORTS, ADDRESSES = 1024, 60_000, 1000
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
            warm = generator.add(stream(variant, WARM_CLIENT, busy=setting.busy))
            honest(label, variant, [generator.send(warm, WARM)])
        return {
            label: [generator.add(stream(variant, busy=setting.busy))]
            for label, variant in variants.items()
        }

    def check(variants: Mapping[str, Variant], sent: Mapping[str, int]) -> None:
        for label, variant in variants.items():
            if (made := variant.made()) not in (None, WARM + sent[label]):
                raise RuntimeError(f"{label}: {made} connections for {WARM + sent[label]} packets")

    return take(benchmark, Plan(cases, prepare, ROUNDS, packets=PACKETS, check=check), until)


def stream(
    variant: Variant,
    client: str = CLIENT[4],
    *,
    busy: int = 1,
    ports: int = PORTS,
    addresses: int = ADDRESSES,
    cpu: int = 0,
) -> Stream:
    """First packets, of PORTS × ADDRESSES flows from CLIENT on, to the BUSY services in turn."""
    case = variant.case
    vips = case.vips
    first = (len(vips) - busy) // 2
    dest = case.reals[0] if variant.direct else vips[first]
    ends = End(client, FIRST_PORT), End(dest, PORT)
    packet = frame(variant.mac, case.protocol, *ends, flags=SYN)
    fields = [
        Field(packet.source_port, 2, FIRST_PORT, ports),
        Field(packet.source, 4, int.from_bytes(ends[0].packed, "big"), addresses, chained=True),
    ]
    if busy > 1:
        fields.append(Field(packet.dest, 4, int.from_bytes(ends[1].packed, "big"), busy))
    return Stream(variant.host.path, packet.data, packet.ip_check, packet.l4_check, fields, cpu=cpu)
