# SPDX-License-Identifier: GPL-2.0
"""Questions of how much: memory, ten million connections, large rule sets, long listings."""

from __future__ import annotations

from ippfvslab.bench.probes import growth, listing, replace, rules
from ippfvslab.bench.question import Bound, Question, Ratio, at_most

_MILLION = "1,000,000"
_RULES = "10,000 services × 10 servers"


def _times_faster(times: float, ours: str, theirs: str) -> Ratio:
    """OURS takes at most one TIMES-th of the seconds of THEIRS."""
    return at_most(1 / times, theirs, ours)


MEMORY = (
    Question(
        name="memory",
        title="memory for an IPv4 connection and its share of the table",
        unit="bytes",
        guest="uml",
        probe="memory",
        setting=None,
        lanes=("ippfvs 600,000", f"ippfvs {_MILLION}", "ippfvs 1,400,000", f"IPVS {_MILLION}"),
        targets=tuple(
            Bound(136, "less", f"ippfvs {count}") for count in ("600,000", _MILLION, "1,400,000")
        ),
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
        setting=None,
        lanes=("ippfvs 60,000", "ippfvs 10,000,000"),
        targets=(at_most(2.0, theirs="ippfvs 10,000,000", ours="ippfvs 60,000"),),
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
RULES = (
    Question(
        name="rules-load",
        title=f"{_RULES}: loaded from a file",
        unit="s",
        guest="uml",
        probe="rules",
        setting=rules.Setting("load"),
        lanes=("ippfvs", "IPVS"),
        targets=(Bound(2.0, "less", "ippfvs"), _times_faster(20, "ippfvs", "IPVS")),
        better="less",
        rounds=1,
        quick=False,
        about="`ippfvsadm -R` and `ipvsadm -R`, from exec to exit.",
    ),
    Question(
        name="rules-list",
        title=f"{_RULES}: listed",
        unit="s",
        guest="uml",
        probe="rules",
        setting=rules.Setting("list"),
        lanes=("ippfvs", "IPVS"),
        targets=(_times_faster(5, "ippfvs", "IPVS"),),
        better="less",
        rounds=1,
        quick=False,
        about="`ippfvsadm -L -n` and `ipvsadm -L -n`, from exec to exit.",
    ),
    Question(
        name="rules-save",
        title=f"{_RULES}: saved",
        unit="s",
        guest="uml",
        probe="rules",
        setting=rules.Setting("save"),
        lanes=("ippfvs", "IPVS"),
        targets=(_times_faster(5, "ippfvs", "IPVS"),),
        better="less",
        rounds=1,
        quick=False,
        about="`ippfvsadm -S -n` and `ipvsadm -S -n`, from exec to exit.",
    ),
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
_TENTH = "ipvsadm 100,000"
LISTING = (
    Question(
        name="list",
        title="a million connections listed, and a tenth of them by ipvsadm",
        unit="s",
        guest="uml",
        probe="listing",
        setting=listing.Setting(),
        lanes=(f"ippfvsadm {_MILLION}", f"pylvs {_MILLION}", _TENTH),
        targets=tuple(
            at_most(10 / 5, _TENTH, f"{who} {_MILLION}") for who in ("ippfvsadm", "pylvs")
        ),
        better="less",
        rounds=1,
        quick=False,
        about=(
            "`ippfvsadm -L -n -c`, a program that goes through the manager's iterator, and "
            "`ipvsadm -L -n -c`, each from exec to exit. For each page that ipvsadm reads, Linux "
            "6.12 begins at the start of its table again, so a million take longer than a "
            "benchmark may; five times faster is at most twice the time of a tenth of them."
        ),
    ),
    Question(
        name="list-memory",
        title="connections listed: the most memory held meanwhile",
        unit="bytes",
        guest="uml",
        probe="listing",
        setting=listing.Setting(memory=True),
        lanes=("ippfvsadm 10,000", f"ippfvsadm {_MILLION}"),
        targets=(at_most(1.1, "ippfvsadm 10,000", f"ippfvsadm {_MILLION}"),),
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
        lanes=("ippfvs", "IPVS", "Python"),
        targets=(Bound(0.120, "less", "ippfvs"),),
        better="less",
        rounds=5,
        about=(
            "`ippfvsadm -a …`, from exec to exit. Python is the interpreter alone, which does "
            "nothing: in User-Mode Linux each page that a program touches first costs what "
            "several system calls cost."
        ),
    ),
)
CAPACITY = (*MEMORY, *RULES, *LISTING)
