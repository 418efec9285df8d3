# SPDX-License-Identifier: GPL-2.0
"""The hook at which a new connection is scheduled: PREROUTING (early), or LOCAL_IN after routing.

A packet that is scheduled early leaves before the stack looks up a route for it. For any other
packet the stack does that lookup, and the kernel reports it as a trace event:
fib:fib_table_lookup (IPv4) or fib6:fib6_table_lookup, with the input device, the source and the
destination.

An event does not name the network namespace. So these tests send from the router, and they count
lookups that have an input device and the director's VIP as destination. The router's own lookups
have no input device, and no packet on the side of the servers has that destination.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ippfvslab import clients
from ippfvslab.farm import Farm

if TYPE_CHECKING:
    import pylvs

TRACEFS = Path("/sys/kernel/tracing")
INSTANCE = TRACEFS / "instances/lookups"
EVENTS = ("fib/fib_table_lookup", "fib6/fib6_table_lookup")
LOOPBACK_INDEX = 1
"""The index of lo. For a locally generated packet, the input device is lo or 0."""
ICMPV6 = 58
"""Neighbour discovery is not counted."""
EARLY, ROUTED = "early", "routed"
PORT = 7
MAX_WARM_UP = 12
"""The maximum number of connections that the warm-up opens until the routes are stable."""
_LINE = re.compile(r" iif (\d+) proto (\d+) ([\da-f.:]+)/\d+ -> ([\da-f.:]+)/\d+ ")


def available() -> bool:
    """Return whether this kernel has the events. The tracefs is mounted if necessary."""
    if TRACEFS.exists() and not (TRACEFS / "instances").exists():
        subprocess.run(["mount", "-t", "tracefs", "tracefs", str(TRACEFS)], check=True)
    return all((TRACEFS / "events" / event).exists() for event in EVENTS)


@contextmanager
def trace_lookups() -> Iterator[RouteLookups]:
    """Enable the events until exit. A session does so once, because this patches the kernel."""
    INSTANCE.mkdir(exist_ok=True)
    _write("tracing_on", "0")
    try:
        for event in EVENTS:
            _write(f"events/{event}/enable", "1")
        yield RouteLookups()
    finally:
        for event in EVENTS:
            _write(f"events/{event}/enable", "0")
        INSTANCE.rmdir()


class RouteLookups:
    """A reader of the events while they are enabled."""

    @contextmanager
    def counted(self, source: str, dest: str) -> Iterator[list[int]]:
        """Yield a list that gets, at exit, the input device of each lookup from SOURCE to DEST."""
        devices: list[int] = []
        _write("trace", "")  # this write clears the buffer
        _write("tracing_on", "1")
        try:
            yield devices
        finally:
            _write("tracing_on", "0")
        ends = ipaddress.ip_address(source), ipaddress.ip_address(dest)
        for device, protocol, *found in _LINE.findall((INSTANCE / "trace").read_text()):
            if int(device) > LOOPBACK_INDEX and int(protocol) != ICMPV6:
                devices += [int(device)] * (tuple(map(ipaddress.ip_address, found)) == ends)


def _write(name: str, text: str) -> None:
    (INSTANCE / name).write_text(text)


@dataclass(frozen=True)
class NewConnections:
    """An opener of UDP connections from the router to the director of the NAT farm."""

    farm: Farm
    lvs: pylvs.Manager
    lookups: RouteLookups

    def scheduled(
        self,
        count: int,
        vip: str = "",
        prepare: Callable[[socket.socket], object] = lambda sock: None,
    ) -> list[str]:
        """Open COUNT connections one by one, and return for each where it was scheduled."""
        return [where for where, _ in self.scheduled_and_served(count, vip, prepare)]

    def scheduled_and_served(
        self,
        count: int,
        vip: str = "",
        prepare: Callable[[socket.socket], object] = lambda sock: None,
    ) -> list[tuple[str, str]]:
        """Open COUNT connections, and return for each where it was scheduled and its server."""
        return [self._open(vip or self.farm.vip, prepare) for _ in range(count)]

    def warm_up(self) -> None:
        """Open connections until one is scheduled early, and fail if none is.

        The first packet after a change is always routed. IPv6 may change a route once more shortly
        after an address was added or removed, and then one more packet is routed.
        """
        seen = self.scheduled(2)
        while seen[-1] != EARLY and len(seen) < MAX_WARM_UP:
            time.sleep(0.1)
            seen += self.scheduled(1)
        assert seen[-1] == EARLY, seen

    def _open(self, vip: str, prepare: Callable[[socket.socket], object]) -> tuple[str, str]:
        before = self.lvs.stats().connections
        with clients.connect(self.farm.hosts["router"], "udp", vip, PORT) as sock:
            prepare(sock)
            with self.lookups.counted(sock.getsockname()[0], vip) as devices:
                server = clients.request(sock)
        assert self.lvs.stats().connections == before + 1
        return ROUTED if devices else EARLY, server
