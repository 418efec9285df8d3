# SPDX-License-Identifier: GPL-2.0
"""wrk, the client of real HTTP: what it is told to ask, and what it saw."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ippfvslab.bench.programs import WRK
from ippfvslab.netns import Host

CONNECTIONS = 16
PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")

# By itself it asks one address. Each connection has a thread, so that without a balancer every
# other one goes to the other server, as it goes with one.
_SCRIPT = """\
local turn = 0
function setup(thread)
    local addresses = {{ {addresses} }}
    thread.addr = wrk.lookup(addresses[turn % #addresses + 1], "{port}")[1]
    turn = turn + 1
end
function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\\n{{"requests": %d, "microseconds": %d, "bytes": %d, "errors": %d, ' ..
        '"p50_us": %f, "p99_us": %f}}\\n',
        summary.requests, summary.duration, summary.bytes,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout,
        latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Asked:
    """Whom the client asks, and from which of its ports.

    No port asks both: what a server remembers for a minute of a port that talked to itself would
    refuse one whose sequence numbers and times count from the VIP's.
    """

    addresses: Sequence[str]
    ports: str


@dataclass(frozen=True)
class Seen:
    """What wrk saw in one run."""

    requests: int
    microseconds: int
    bytes: int
    errors: int
    """Refused, reset, timed out, or answered by a status above 399."""
    p50_us: float
    p99_us: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests * 1e6 / self.microseconds


def ask(client: Host, asked: Asked, port: int, seconds: int, *, close: bool) -> Seen:
    """Have wrk in CLIENT ask ASKED at PORT, with CLOSE each time over a new connection."""
    client.call(PORT_RANGE.write_text, asked.ports)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        quoted = ", ".join(f'"{address}"' for address in asked.addresses)
        script.write(_SCRIPT.format(addresses=quoted, port=port))
        script.flush()
        url = f"http://{asked.addresses[0]}:{port}/"
        command = WRK.command(*options(seconds, close=close), "-s", script.name, url)
        return parse(client.run(*command).stdout)


def options(seconds: int, *, close: bool) -> list[str]:
    """Return what wrk is told beside its script and the address."""
    return [
        *(f"-t{CONNECTIONS}", f"-c{CONNECTIONS}", f"-d{seconds}s"),
        *(("-H", "Connection: close") if close else ()),
    ]


def parse(output: str) -> Seen:
    """The line of JSON at the end of what wrk printed."""
    return Seen(**json.loads(output.strip().splitlines()[-1]))
