# SPDX-License-Identifier: GPL-2.0
"""Programs that serve in a host: started, and waited for until they listen."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ippfvslab.netns import Host
from ippfvslab.say import Trouble

START_LIMIT_S = 60


def new_home(name: str) -> Path:
    """Make an empty folder for a program called NAME; the guest's, and gone with it."""
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir="/tmp"))


def start(
    host: Host, name: str, command: Sequence[str], listen: Sequence[tuple[str, int]], log: Path
) -> subprocess.Popen[str]:
    """Start COMMAND in HOST; return when it takes connections at each address and port of LISTEN.

    What it says goes to LOG, and into the Trouble that is raised when it does not listen.
    """
    with log.open("a") as said:
        child = host.popen(*command, stdout=said)
    limit = time.monotonic() + START_LIMIT_S
    while not all(_listens(host, *each) for each in listen):
        if child.poll() is not None or time.monotonic() > limit:
            raise Trouble(f"{name} did not start in {host.name}: {log.read_text().strip()}")
        time.sleep(0.02)
    return child


def _listens(host: Host, address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    if address in ("0.0.0.0", "::"):
        address = "127.0.0.1" if family == socket.AF_INET else "::1"
    with host.socket(family, socket.SOCK_STREAM) as probe:
        return probe.connect_ex((address, port)) == 0
