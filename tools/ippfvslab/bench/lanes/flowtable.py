# SPDX-License-Identifier: GPL-2.0
"""nftables' DNAT with a flowtable as a lane: known flows leave the ingress hook at once."""

from __future__ import annotations

from ippfvslab.bench.lanes import nftables
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.shell import run

_MORE = """
	flowtable fast { hook ingress priority 0; devices = { in0, out0 }; }
	chain through {
		type filter hook forward priority filter;
		meta l4proto %s flow add @fast
	}
"""


def start(case: Case) -> None:
    """Load connection tracking, the rules and the flowtable."""
    nftables.load(case, _MORE % case.protocol)


end = nftables.end
made = nftables.made
sample = nftables.sample


def settings(case: Case) -> dict[str, str]:
    """What is in force."""
    flowtable = run("nft", "list", "flowtables")
    hook = next(line.strip() for line in flowtable.splitlines() if "hook" in line)
    return {**nftables.settings(case), "flowtable": hook}
