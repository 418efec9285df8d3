# SPDX-License-Identifier: GPL-2.0
"""What is asked of real HTTP, as data: each run of wrk answers several questions."""

from __future__ import annotations

from ippfvslab.bench.probes.http import Setting, What
from ippfvslab.bench.question import Question, Target, at_least, at_most

_WHO = ("ippfvs", "IPVS", "plain", "nftables", "HAProxy", "nginx stream")
_ABOUT = (
    "wrk, the director and two nginx share one CPU, which is busy all the time: a rate tells what "
    "a request costs all of them. Plain routing has no balancer; wrk then asks the servers."
)
_CONNECTIONS = {False: "16 kept connections", True: "a connection for each request"}
_FIGURES: dict[What, tuple[str, str]] = {
    "rate": ("requests/s", "rate"),
    "p50": ("s", "half of all answers within"),
    "p99": ("s", "99 of 100 answers within"),
    "cpu": ("s", "CPU time of all hosts for a request"),
}


def _web(what: What, close: bool, *targets: Target) -> Question:
    unit, long = _FIGURES[what]
    return Question(
        name=f"http-{'close' if close else 'keep'}-{what}",
        title=f"HTTP, {_CONNECTIONS[close]}: {long}",
        unit=unit,
        guest="uml",
        probe="http",
        setting=Setting(what, close),
        lanes=_WHO,
        targets=targets,
        better="more" if what == "rate" else "less",
        rounds=5,
        quick=not close and what in ("rate", "p99"),
        about=_ABOUT,
    )


WEB = tuple(
    question
    for close in (False, True)
    for question in (
        _web("rate", close, at_least(1.0), at_least(0.95, "plain")),
        _web("p50", close),
        _web("p99", close, at_most(1.0), at_most(1.05, "plain")),
        _web("cpu", close),
    )
)
