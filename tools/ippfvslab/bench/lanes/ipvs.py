# SPDX-License-Identifier: GPL-2.0
"""The kernel's own IPVS as a lane, with the settings that suit it best.

No connection tracking, no synchronisation, no estimators (their timer would sum up counters
meanwhile), as large a table in bytes as ippfvs has.
"""

from __future__ import annotations

import os
from pathlib import Path

from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.shell import run

HEAD_BITS = 3
"""The head of a chain is a pointer of 2^3 bytes."""
SYSCTL = Path("/proc/sys/net/ipv4/vs")


def load(table_bits: int) -> None:
    """Insert the module with a table of 2^TABLE_BITS bytes."""
    run("modprobe", "ip_vs", f"conn_tab_bits={table_bits - HEAD_BITS}")
    if (conntrack := SYSCTL / "conntrack").exists():
        conntrack.write_text("0")
    (SYSCTL / "run_estimation").write_text("0")


def start(case: Case) -> None:
    """Load it and give it the rules."""
    load(case.table_bits)
    run(os.environ["IPVSADM"], "-R", text=case.rules)


def end(case: Case) -> None:
    """Unload it, with all that it knew."""
    unload(case.scheduler)


def unload(scheduler: str) -> None:
    """Remove the rules, then the modules."""
    run(os.environ["IPVSADM"], "-C")
    run("modprobe", "-r", f"ip_vs_{scheduler}")
    run("modprobe", "-r", "ip_vs")


def made(case: Case) -> int:
    """How many connections it has made: a sum over CPUs, since the totals are estimators' work."""
    lines = Path("/proc/net/ip_vs_stats_percpu").read_text().splitlines()
    cpus = [words for line in lines[2:] if (words := line.split()) and words[0] != "~"]
    return sum(int(words[1], 16) for words in cpus if len(words) == 6)


def sample(case: Case) -> str:
    """One of them."""
    with Path("/proc/net/ip_vs_conn").open() as file:
        file.readline()
        words = file.readline().split()
    return f"{words[0]} {words[7]}"


def settings(case: Case) -> dict[str, str]:
    """What is in force."""
    bits = int(Path("/sys/module/ip_vs/parameters/conn_tab_bits").read_text())
    size = (1 << (bits + HEAD_BITS)) / (1 << 20)
    return {
        "table": f"conn_tab_bits={bits}: {size:g} MiB of chain heads",
        "conntrack": _sysctl("conntrack"),
        "run_estimation": _sysctl("run_estimation"),
        "synchronisation": run(os.environ["IPVSADM"], "-L", "--daemon").strip() or "off",
        "version": Path("/proc/net/ip_vs").read_text().splitlines()[0],
    }


def _sysctl(name: str) -> str:
    file = SYSCTL / name
    return file.read_text().strip() if file.exists() else "not built in"
