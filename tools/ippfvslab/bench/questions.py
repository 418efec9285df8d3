# SPDX-License-Identifier: GPL-2.0
"""What is asked, as data: which lanes, by which probe, and what must be reached."""

from __future__ import annotations

from ippfvslab.bench.crowd import Crowd, names
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.probes import flood, new, pick, services
from ippfvslab.bench.question import Derived, Limit, Question, Target, at_least, at_most
from ippfvslab.bench.questions_capacity import CAPACITY
from ippfvslab.bench.questions_cpus import SCALING
from ippfvslab.bench.questions_http import WEB

MANY = 60_000


def cost(ours: float, theirs: float, floor: float) -> float:
    """Time for a packet above the floor, ours as a share of theirs."""
    return (1 / ours - 1 / floor) / (1 / theirs - 1 / floor)


_TWO = ("ippfvs", "IPVS")
_ALL = (*_TWO, "plain", "floor")
_PEERS = ("nftables", "flowtable")
_TWICE = at_least(2.0, limit=Limit("limit"))
_OWN_COST = Derived(
    0.4, "less", "time above the floor, of that of IPVS", ("ippfvs", "IPVS", "floor"), cost
)


def _forwarding(method: str, family: int, lanes: tuple[str, ...], *targets: Target) -> Question:
    return Question(
        name=f"{method}{family}",
        title=f"{method.upper()}, IPv{family}, 60,000 flows",
        unit="packets/s",
        guest="uml",
        probe="flood",
        setting=flood.Setting(method, family, MANY),
        lanes=lanes,
        targets=targets,
        quick=(method, family) in (("nat", 4), ("dr", 4), ("nat", 6)),
    )


def _picking(scheduler: str, *who: str) -> Question:
    crowds = tuple(Crowd(each, count) for each in who for count in (4, 1000))
    return Question(
        name=f"pick-{scheduler}",
        title=f"{scheduler}: new connections among 4 servers and among 1,000",
        unit="connections/s",
        guest="uml",
        probe="pick",
        setting=pick.Setting(scheduler, crowds),
        lanes=names(crowds),
        targets=(at_most(1.5, theirs="ippfvs 1,000", ours="ippfvs 4"),),
        rounds=4,
        quick=scheduler == "wlc",
        about=(
            "The target bounds how many times faster the small farm is. "
            "A thousand servers have weights from 1 to 10 where the scheduler minds weights."
        ),
    )


def _opening(protocol: str, title: str) -> Question:
    return Question(
        name=f"new-{protocol}",
        title=title,
        unit="connections/s",
        guest="uml",
        probe="new",
        setting=new.Setting(protocol),
        lanes=(*_TWO, "limit", "nftables"),
        targets=(at_least(2.5, limit=Limit("limit")),),
        about=(
            "Every packet is the first of its connection, and the table is empty at first; "
            f"it has {(1 << Case.table_bits) >> 20} MiB of buckets or chain heads, so that none "
            "must grow."
        ),
    )


FORWARDING = (
    Question(
        name="nat4-one",
        title="NAT, IPv4, 1 flow",
        unit="packets/s",
        guest="uml",
        probe="flood",
        setting=flood.Setting(),
        lanes=(*_ALL, "limit"),
        targets=(at_least(1.0, "plain"),),
    ),
    _forwarding("nat", 4, (*_ALL, "limit", *_PEERS), _TWICE, _OWN_COST),
    _forwarding("tun", 4, (*_TWO, "limit"), _TWICE),
    _forwarding("dr", 4, (*_TWO, "limit"), _TWICE),
    _forwarding("nat", 6, _ALL, at_least(1.8)),
    _forwarding("tun", 6, _TWO, at_least(1.8)),
    _forwarding("dr", 6, _TWO, at_least(1.8)),
)
_WANTED = (
    services.Wanted("ippfvs", services.BUSY),
    services.Wanted("ippfvs", 10_000),
    services.Wanted("ippfvs", 10_000, everybody=True),
    services.Wanted("IPVS", services.BUSY),
    services.Wanted("IPVS", 10_000),
)
SCHEDULING = (
    _opening("udp", "new UDP connections, 4 servers"),
    _opening("tcp", "new TCP connections (SYNs), 4 servers"),
    *(_picking(scheduler, "ippfvs") for scheduler in ("rr", "wrr", "lc")),
    _picking("wlc", *_TWO),
    Question(
        name="services",
        title="new connections to 10 services, alone and among 10,000",
        unit="connections/s",
        guest="uml",
        probe="services",
        setting=services.Setting(_WANTED),
        lanes=names(_WANTED),
        targets=(at_least(0.9, theirs="ippfvs 10", ours="ippfvs 10,000"),),
        rounds=2,
        quick=False,
        about=(
            "The clients want the same ten services, which are all there are or are among 10,000, "
            "of one server each; two rounds, since ipvsadm needs seconds to load them. "
            "In the lane *all*, they want each of 10,000 in turn: then what each service has in "
            "memory must come from there, too."
        ),
    ),
)

QUESTIONS: tuple[Question, ...] = (*FORWARDING, *SCHEDULING, *CAPACITY, *SCALING, *WEB)
