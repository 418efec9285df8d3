# SPDX-License-Identifier: GPL-2.0
"""nftables' DNAT as a lane: round robin over the servers, on top of connection tracking."""

from __future__ import annotations

from pathlib import Path

from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.shell import run

HEAD_BITS = 3
COUNTER = "made"
_FAMILY = {4: "ip", 6: "ip6"}
BUCKETS = Path("/sys/module/nf_conntrack/parameters/hashsize")
CONNECTIONS = Path("/proc/net/nf_conntrack")
MODULES = (
    *("nft_flow_offload", "nf_flow_table_inet", "nft_chain_nat", "nft_nat", "nft_numgen"),
    *("nft_ct", "nf_tables", "nf_flow_table", "nf_nat", "nf_conntrack_netlink", "nf_conntrack"),
)
"""Users before what they use."""


def start(case: Case) -> None:
    """Load connection tracking and the rules."""
    load(case, "")


def load(case: Case, more: str) -> None:
    """Load connection tracking and the rules, and MORE rules beside."""
    run("modprobe", "nf_conntrack")
    BUCKETS.write_text(str(1 << (case.table_bits - HEAD_BITS)))
    Path("/proc/sys/net/netfilter/nf_conntrack_max").write_text("20000000")
    family = _FAMILY[case.family]
    choice = ", ".join(f"{number} : {real}" for number, real in enumerate(case.reals))
    run(
        *("nft", "-f", "-"),
        text=f"""
table {family} bench {{
	counter {COUNTER} {{ }}
	{more}
	chain pre {{
		type nat hook prerouting priority dstnat;
		{family} daddr {case.vip} {case.protocol} dport 80 counter name {COUNTER} \
dnat to numgen inc mod {case.servers} map {{ {choice} }}
	}}
}}
""",
    )


def end(case: Case) -> None:
    """Remove the rules and the modules, so that the next lane is not tracked."""
    run("nft", "flush", "ruleset")
    loaded = Path("/proc/modules").read_text()
    for module in MODULES:
        if f"\n{module} " in f"\n{loaded}":
            run("modprobe", "-r", module)
    if Path("/proc/sys/net/netfilter/nf_conntrack_max").exists():
        raise RuntimeError("connection tracking could not be removed")


def made(case: Case) -> int:
    """How many connections there were: only their first packets come to the rule."""
    listed = run("nft", "list", "counter", _FAMILY[case.family], "bench", COUNTER)
    return int(listed.split()[listed.split().index("packets") + 1])


def sample(case: Case) -> str:
    """One of them."""
    with CONNECTIONS.open() as file:
        return " ".join(file.readline().split()[2:6])


def settings(case: Case) -> dict[str, str]:
    """What is in force."""
    buckets = int(Path("/proc/sys/net/netfilter/nf_conntrack_buckets").read_text())
    size = (buckets << HEAD_BITS) / (1 << 20)
    return {
        "table": f"nf_conntrack hashsize={buckets}: {size:g} MiB of chain heads",
        "rules": f"dnat to numgen inc mod {case.servers}",
    }
