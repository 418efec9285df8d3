# SPDX-License-Identifier: GPL-2.0
"""What is asked of two CPUs, as data."""

from __future__ import annotations

from ippfvslab.bench.crowd import names
from ippfvslab.bench.probes.scale import Load, Setting, Team
from ippfvslab.bench.question import Question, at_least

_TWO = ("ippfvs", "IPVS")
_ALL = (*_TWO, "plain", "floor")
_ONE, _BOTH = Team("ippfvs", 1), Team("ippfvs", 2)
_ABOUT = (
    "Two CPUs of a stock kernel, which an emulator runs: figures are small, their ratio counts. "
    "Each CPU's own pktgen feeds its own device. What plain routing and the floor gain by the "
    "second CPU is what machine and emulator allow; more than twice is noise. "
)


def _scaling(
    name: str,
    title: str,
    load: Load,
    about: str,
    *bounds: float,
    who: tuple[str, ...] = _TWO,
    rounds: int = 3,
) -> Question:
    crowds = tuple(Team(each, cpus) for each in who for cpus in (1, 2))
    return Question(
        name=f"cpus-{name}",
        title=f"one CPU and two: {title}",
        unit="packets/s" if load.flows else "connections/s",
        guest="qemu",
        probe="scale",
        setting=Setting(crowds, load),
        lanes=names(crowds),
        targets=tuple(at_least(each, _ONE.lane, _BOTH.lane) for each in bounds),
        rounds=rounds,
        quick=False,
        about=_ABOUT + about,
    )


SCALING = (
    _scaling(
        "packets",
        "60,000 flows of one service",
        Load(),
        "The CPUs share a service and its 4 servers.",
        1.8,
        who=_ALL,
    ),
    _scaling(
        "real",
        "60,000 flows of one real server",
        Load(servers=1),
        "The CPUs share a real server.",
        1.8,
        rounds=4,
    ),
    _scaling(
        "table",
        "60,000 flows, each CPU has its own service",
        Load(services=2),
        "The CPUs share nothing but the connection table.",
        1.8,
        rounds=4,
    ),
    _scaling(
        "entry",
        "one flow, sent by both",
        Load(flows=1, same=True),
        "No network card spreads one flow; this is the worst that two CPUs can do to each other.",
    ),
    _scaling(
        "new",
        "new connections to 4 servers",
        Load(flows=0),
        "The lanes plain and floor get the same packets, which are nothing new to them.",
        1.6,
        who=_ALL,
    ),
)
