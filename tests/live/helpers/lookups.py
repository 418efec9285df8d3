# SPDX-License-Identifier: GPL-2.0
"""Whether the stack looked a packet's route up: told by the kernel's own trace events.

A connection that is made on arrival is sent on before the stack asks its routes for the packet. One
that goes the long way is asked for: fib:fib_table_lookup (IPv4) or fib6:fib6_table_lookup tell the
device by which it came in, its source and its destination.

Events do not tell the network namespace. So whoever counts them sends from the router, whose own
lookups are for no device that anything came in by, and asks for the director's VIP, which no
packet behind the director has for its destination.
"""

from __future__ import annotations

import ipaddress
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TRACEFS = Path("/sys/kernel/tracing")
INSTANCE = TRACEFS / "instances/lookups"
EVENTS = ("fib/fib_table_lookup", "fib6/fib6_table_lookup")
OUTGOING = 1
"""Packets of one's own are looked up as if they came in by lo, device 1, or by none."""
ICMPV6 = 58
"""Neighbours that look whether the other is still there."""
_LINE = re.compile(r" iif (\d+) proto (\d+) ([\da-f.:]+)/\d+ -> ([\da-f.:]+)/\d+ ")


def available() -> bool:
    """Whether this kernel has the events; mount the file system that shows them."""
    if TRACEFS.exists() and not (TRACEFS / "instances").exists():
        subprocess.run(["mount", "-t", "tracefs", "tracefs", str(TRACEFS)], check=True)
    return all((TRACEFS / "events" / event).exists() for event in EVENTS)


@contextmanager
def watch() -> Iterator[Lookups]:
    """Have the events on: for a whole session, since switching them rewrites the kernel's code."""
    INSTANCE.mkdir(exist_ok=True)
    _write("tracing_on", "0")
    try:
        for event in EVENTS:
            _write(f"events/{event}/enable", "1")
        yield Lookups()
    finally:
        for event in EVENTS:
            _write(f"events/{event}/enable", "0")
        INSTANCE.rmdir()


class Lookups:
    """What the events tell, while they are on."""

    @contextmanager
    def counted(self, source: str, dest: str) -> Iterator[list[int]]:
        """Yield a list that holds, afterwards, the device of each lookup from SOURCE to DEST."""
        devices: list[int] = []
        _write("trace", "")  # empties it
        _write("tracing_on", "1")
        try:
            yield devices
        finally:
            _write("tracing_on", "0")
        ends = ipaddress.ip_address(source), ipaddress.ip_address(dest)
        for device, protocol, *found in _LINE.findall((INSTANCE / "trace").read_text()):
            if int(device) > OUTGOING and int(protocol) != ICMPV6:
                devices += [int(device)] * (tuple(map(ipaddress.ip_address, found)) == ends)


def _write(name: str, text: str) -> None:
    (INSTANCE / name).write_text(text)
