# SPDX-License-Identifier: GPL-2.0
"""What is asked of large numbers, as data: memory, millions of connections, rule sets, listings."""

from __future__ import annotations

from ippfvslab.bench.crowd import Crowd, names
from ippfvslab.bench.probes import growth, listing, memory, millions, replace, rules
from ippfvslab.bench.question import Bound, Limit, Question, Ratio, Target, at_most

MILLION = 1_000_000


def _times_faster(times: float, ours: str = "ippfvs", theirs: str = "IPVS") -> Ratio:
    """OURS takes at most one TIMES-th of the seconds of THEIRS."""
    return at_most(1 / times, theirs, ours)


_FILLED = tuple(Crowd("ippfvs", count) for count in (600_000, MILLION, 1_400_000))
_MEASURED = (*_FILLED, Crowd("IPVS", MILLION))
_FEW, _MOST = Crowd("ippfvs", 60_000), Crowd("ippfvs", 10 * MILLION)
MEMORY = (
    Question(
        name="memory",
        title="memory for an IPv4 connection and its share of the table",
        unit="bytes",
        guest="uml",
        probe="memory",
        quick=False,
        setting=memory.Setting(_MEASURED),
        lanes=names(_MEASURED),
        targets=tuple(Bound(136, "less", lane) for lane in names(_FILLED)),
        better="less",
        rounds=1,
        about=(
            "NAT; by the pages of all slab caches and of vmalloc, or by what is missing of free "
            "memory, whichever is more. The table of ippfvs starts with 2^12 buckets and grows by "
            "itself, so that its share depends on the number of connections."
        ),
    ),
    Question(
        name="millions",
        title="ten million connections: packets of known ones",
        unit="packets/s",
        guest="uml",
        probe="millions",
        setting=millions.Setting((_FEW, _MOST)),
        lanes=names((_FEW, _MOST)),
        targets=(at_most(2.0, theirs=_MOST.lane, ours=_FEW.lane),),
        rounds=1,
        quick=False,
        memory_gib=6,
        about=(
            "NAT, in a guest of 6 GB; the table starts with 2^12 buckets. All connections are "
            "made, found again, and expire after the timeout is shortened; then the table must "
            "have shrunk and the memory come back, to a hundredth. The settings tell how long "
            "each took."
        ),
    ),
    Question(
        name="growth",
        title="the longest wait of a packet for the table, while it grows 32 times or more",
        unit="s",
        guest="uml",
        probe="growth",
        quick=False,
        setting=None,
        lanes=(growth.GROWING, growth.LARGE),
        targets=(Bound(0.001, "less", growth.GROWING),),
        better="less",
        rounds=3,
        about=(
            "A million connections are opened (600,000 in a quick run), while a timer's interrupt "
            "raises a softirq, as a network card's does, 5,000 times a second: the figure is how "
            "long one of them had to wait at most, in time that the guest's CPU worked: what the "
            "host gives to others meanwhile does not count. A table that has room for all from the "
            "start shows what else holds softirqs off. The best round counts: what growth does, it "
            "does in every round. Packets of known connections come on a beat, and none may be "
            "lost."
        ),
    ),
)
_RULES = f"{rules.SERVICES:,} services × {rules.SERVERS} servers"


def _rules(work: rules.Work, done: str, letters: str, *targets: Target) -> Question:
    """The work of one command of each balancer on a large rule set."""
    return Question(
        name=f"rules-{work}",
        title=f"{_RULES}: {done}",
        unit="s",
        guest="uml",
        probe="rules",
        setting=rules.Setting(work),
        lanes=("ippfvs", "IPVS"),
        targets=targets,
        better="less",
        rounds=1,
        quick=False,
        about=f"`ippfvsadm {letters}` and `ipvsadm {letters}`, from exec to exit.",
    )


RULES = (
    _rules("load", "loaded from a file", "-R", Bound(2.0, "less", "ippfvs"), _times_faster(20)),
    _rules("list", "listed", "-L -n", _times_faster(5)),
    _rules("save", "saved", "-S -n", _times_faster(5)),
    Question(
        name="rules-replace",
        title=f"{_RULES}: replaced under traffic",
        unit="s",
        guest="uml",
        probe="replace",
        setting=replace.Setting(),
        lanes=("ippfvs",),
        better="less",
        rounds=1,
        quick=False,
        about=(
            "`ippfvsadm -R`, from exec to exit, while the one CPU forwards packets as fast as it "
            "can; IPVS cannot replace a set. A packet lost or a connection made anew is a failure."
        ),
    ),
)
_LISTED = (Crowd("ippfvsadm", MILLION), Crowd("pylvs", MILLION))
_PARTS = 20
_SHARE = Crowd("ipvsadm", MILLION // _PARTS)
_SHORT_LIST, _LONG_LIST = Crowd("ippfvsadm", 10_000), Crowd("ippfvsadm", MILLION)
LISTING = (
    Question(
        name="list",
        title="a million connections listed, and a twentieth of them by ipvsadm",
        unit="s",
        guest="uml",
        probe="listing",
        setting=listing.Setting((*_LISTED, _SHARE)),
        lanes=names((*_LISTED, _SHARE)),
        targets=tuple(at_most(_PARTS / 5, _SHARE.lane, lane) for lane in names(_LISTED)),
        better="less",
        rounds=1,
        quick=False,
        about=(
            "`ippfvsadm -L -n -c`, a program that goes through the manager's iterator, and "
            "`ipvsadm -L -n -c`, each from exec to exit. For each page that ipvsadm reads, Linux "
            "6.12 begins at the start of its table again, so a million take longer than a "
            "benchmark may; five times faster is at most four times what a twentieth takes."
        ),
    ),
    Question(
        name="list-memory",
        title="connections listed: the most memory held meanwhile",
        unit="bytes",
        guest="uml",
        probe="listing",
        setting=listing.Setting((_SHORT_LIST, _LONG_LIST), memory=True),
        lanes=names((_SHORT_LIST, _LONG_LIST)),
        targets=(at_most(1.1, _SHORT_LIST.lane, _LONG_LIST.lane),),
        better="less",
        rounds=1,
        quick=False,
    ),
    Question(
        name="command",
        title="a real server added by one command",
        unit="s",
        guest="uml",
        probe="command",
        setting=None,
        lanes=("ippfvs", "IPVS", "Python", "libraries"),
        targets=(Bound(0.120, "less", "ippfvs", limit=Limit("libraries")),),
        better="less",
        rounds=5,
        about=(
            "`ippfvsadm -a …`, from exec to exit. Python is the interpreter alone, which does "
            "nothing; libraries is one that imports what the command is made of (pyroute2's "
            "message classes, dataclasses) and does nothing. IPVS's command is C. In User-Mode "
            "Linux each page that a program touches first costs what several system calls cost."
        ),
    ),
)
CAPACITY = (*MEMORY, *RULES, *LISTING)
