# SPDX-License-Identifier: GPL-2.0
"""Packets of known connections: from the client, answers of the server, segments merged by GRO."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.farm import CLIENT, MAC_OUT, PORT, Case, Variant, load
from bench.flood import Field, Flood, Stream
from bench.model import Benchmark, Record
from bench.packets import ACK, PUSH, SYN, SYN_ACK, End, frame, partial
from bench.sittings import Plan, honest
from bench.sittings import measure as take

FIRST_PORT = 1024
MANY = 60_000
STRIDE = 22_111
"""Between the flows of two packets; without a common divisor with MANY.

Connections are made in the order of ports. If packets came in that order, too, the processor would
fetch the entries, which lie side by side, before they are asked for.
"""
DATA = b"ippfvs"
MSS = 1448
PAYLOAD = 44 * MSS


@dataclass(frozen=True)
class Setting:
    """Which packets."""

    method: str = "nat"
    family: int = 4
    flows: int = MANY
    protocol: str = "udp"
    answers: bool = False
    """From the server to the client; the farm then has one server."""
    gso: bool = False
    """Super-packets of PAYLOAD bytes."""
    ipvs_bits: int | None = 20
    stride: int = STRIDE

    @property
    def case(self) -> Case:
        servers = 1 if self.answers else 4
        return Case(self.method, self.family, self.protocol, servers=servers)


def measure(benchmark: Benchmark, until: float) -> Record:
    """Every sitting makes the connections anew."""
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
            if (made := variant.made()) not in (None, setting.flows):
                raise RuntimeError(f"{label}: {made} connections for {setting.flows} flows")

    return take(benchmark, Plan(cases, prepare, check=check), until)


def _prepare(generator: Flood, label: str, variant: Variant, setting: Setting) -> int:
    """Make the connections of VARIANT and return the stream to be measured."""
    opening = [ACK] if setting.protocol == "udp" else [SYN, SYN_ACK, ACK]
    for flags in opening:
        first = generator.add(stream(variant, setting, flags, flags == SYN_ACK))
        honest(label, variant, [generator.send(first, setting.flows)])
    variant.settle()
    measured = generator.add(
        stream(variant, setting, PUSH, setting.answers, setting.stride, setting.gso)
    )
    honest(label, variant, [generator.send(measured, max(2 * setting.flows, 10_000))])
    return measured


def stream(
    variant: Variant,
    setting: Setting,
    flags: int,
    answers: bool,
    stride: int = 1,
    gso: bool = False,
) -> Stream:
    """Packets of all flows with FLAGS, from the client or, if ANSWERS, from the server."""
    case = setting.case
    client = End(CLIENT[case.family], FIRST_PORT)
    server = End(case.reals[0] if variant.direct or answers else case.vips[0], PORT)
    ends = (server, client) if answers else (client, server)
    mac = MAC_OUT if answers and variant.forwards else variant.mac
    data = DATA if flags & 0x08 and not gso else b""
    packet = frame(mac, case.protocol, *ends, flags=flags, data=data)
    port = packet.dest_port if answers else packet.source_port
    return Stream(
        netns=variant.host.path,
        frame=partial(packet, PAYLOAD) if gso else packet.data,
        ip_check=packet.ip_check,
        l4_check=0 if gso else packet.l4_check,
        fields=[Field(port, 2, FIRST_PORT, setting.flows, stride % setting.flows)],
        into="out0" if answers else "in0",
        out="in0" if answers else "out0",
        gso_size=MSS if gso else 0,
        payload=PAYLOAD if gso else 0,
    )
