# SPDX-License-Identifier: GPL-2.0
"""New connections a second: every packet is the first of its connection."""

from __future__ import annotations

import ipaddress
from contextlib import nullcontext
from dataclasses import dataclass

from ippfvslab.bench import lanes, settings
from ippfvslab.bench.director import CLIENT, MAC_IN, director, forwarded
from ippfvslab.bench.generator import SYN_FRAME_BYTES, UDP_FRAME_BYTES, Flood, Generator, as_syns
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.rounds import Rounds, interleave

CONNECTIONS = 200_000
PARTS = 4
"""Of them, sent one after the other, of which the fastest counts: see flood.FLOODS."""
PORTS, ADDRESSES = 60_000, 31_000
"""Ports and addresses go round side by side: 1,860,000 packets until a pair comes again."""


@dataclass(frozen=True)
class Setting:
    """What kind of connections."""

    protocol: str = "udp"


def ask(question: Question, rounds: Rounds, quick: bool) -> Figures:
    """Each round starts from an empty table."""
    setting: Setting = question.setting
    case = Case(protocol=setting.protocol)
    with director(case.servers):
        generator = Generator("in0")
        return interleave(
            question.lanes, rounds, lambda lane: measure(generator, lane, case, CONNECTIONS)
        )


def measure(generator: Generator, lane: str, case: Case, count: int) -> float:
    """Connections a second that LANE makes on CASE, COUNT of them, all forwarded."""
    with lanes.up(lane, case) as contestant:
        figure = send_parts(generator, case, count)
        if (made := contestant.made(case)) != count:
            raise RuntimeError(f"{lane} made {made} connections of {count}")
        if not (one := contestant.sample(case).lower()).startswith(case.protocol):
            raise RuntimeError(f"{lane} made connections of another kind: {one}")
        settings.saw(lane, {f"a {case.protocol} connection": one})
        return figure


def send_parts(
    generator: Generator, case: Case, count: int, dest: str | None = None, dests: int = 1
) -> float:
    """As send(), in parts; answer the figure of the fastest."""
    share = count // PARTS
    return max(send(generator, case, share, dest, dests, part) for part in range(PARTS))


def send(
    generator: Generator,
    case: Case,
    count: int,
    dest: str | None = None,
    dests: int = 1,
    part: int = 0,
) -> float:
    """Send COUNT first packets and see each of them leave; answer how many a second.

    They go to the first service, or to DESTS services from DEST on, and come from clients that no
    other PART has.
    """
    size = SYN_FRAME_BYTES if case.protocol == "tcp" else UDP_FRAME_BYTES
    client = str(ipaddress.ip_address(CLIENT[4]) + part * ADDRESSES)
    packets = Flood(MAC_IN, client, dest or case.vip, PORTS, ADDRESSES, dests, size)
    before = forwarded()
    with as_syns("in0") if case.protocol == "tcp" else nullcontext():
        figure = generator.send(packets, count)
    if (came := forwarded() - before) != count:
        raise RuntimeError(f"{came} of {count} packets were forwarded")
    return figure
