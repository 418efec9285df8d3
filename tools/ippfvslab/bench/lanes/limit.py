# SPDX-License-Identifier: GPL-2.0
"""What no balancer could leave undone, as a lane: a module that does no more."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.shell import run

PARAMETERS = Path("/sys/module/limit/parameters")


def start(case: Case) -> None:
    """Load it; it knows the four servers."""
    module = os.environ["LIMIT_MODULE"]
    run("insmod", module, f"bits={case.table_bits}", f"method={case.method}")


def end(case: Case) -> None:
    """Unload it, with all that it knew."""
    run("rmmod", "limit")


def made(case: Case) -> int:
    """How many entries it has made."""
    return int((PARAMETERS / "made").read_text())


def sample(case: Case) -> str:
    """The protocol of the packet that made the last one: an entry keeps address and port only."""
    number = int((PARAMETERS / "protocol").read_text())
    return {socket.IPPROTO_TCP: "TCP", socket.IPPROTO_UDP: "UDP"}.get(number, str(number))


def settings(case: Case) -> dict[str, str]:
    """What is in force."""
    bits = int((PARAMETERS / "bits").read_text())
    return {"table": f"{(1 << bits) / (1 << 20):g} MiB of lines"}
