# SPDX-License-Identifier: GPL-2.0
"""Does a second CPU bring a second CPU's work? A stock kernel with two CPUs, under emulation.

        in0 (fed by CPU 0) ──┐
                             ├── director ── out0 (dummy, real servers as permanent neighbours)
        in1 (fed by CPU 1) ──┘

The same connections are sent by one CPU alone and, half and half, by both. What the two share is
the question's setting: one service, one real server, one connection, or nothing but the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ippfvslab.bench import lanes
from ippfvslab.bench.director import CLIENT, MAC_IN, MAC_OTHER, VIP, director, forwarded, reals
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.pktgen import Flood
from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.rounds import interleave
from ippfvslab.bench.shell import run
from ippfvslab.bench.twin import Twin

DEVICES = ("in0", "in1")
TWO_CPUS = ", 2 CPUs"
SERVERS = 4
WINDOWS_S, NEW_WINDOWS_S = (0.5, 0.5, 0.5), (1.0,)
"""Of known connections the fastest window counts; of new ones there is but one."""
LIMIT = 5_000_000
NEW_CLIENTS = ("198.18.0.1", "198.19.0.1")
WARM_CLIENTS, WARM = ("198.18.128.1", "198.19.128.1"), 20_000
NEW_PORTS, NEW_ADDRESSES = 59_999, 251
"""Without a common divisor: 15 million packets until an address and a port come again."""


@dataclass(frozen=True)
class Setting:
    """What the CPUs send, and what they share besides the table."""

    services: int = 1
    """With two of them, each CPU has its own, with its own real servers."""
    servers: int = SERVERS
    """Of each service."""
    flows: int = 60_000
    """Known connections of all CPUs together; 0: every packet makes a new one."""
    same: bool = False
    """Each CPU sends packets of every connection."""


@dataclass(frozen=True)
class Apart(Case):
    """Services of ports from 80 on, each with real servers of its own."""

    @property
    def rules(self) -> str:
        """The rule set as `ipvsadm -S -n` writes it."""
        servers = reals(4, self.services * self.servers)
        lines = []
        for number in range(self.services):
            port, first = 80 + number, number * self.servers
            lines.append(f"-A -u {VIP[4]}:{port} -s {self.scheduler}")
            own = servers[first : first + self.servers]
            lines += [f"-a -u {VIP[4]}:{port} -r {real}:{port} -m -w 1" for real in own]
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True)
class Lane:
    """A contestant and the number of its CPUs, as its name says: "ippfvs", "ippfvs, 2 CPUs"."""

    name: str
    setting: Setting

    @property
    def cpus(self) -> int:
        return 2 if self.name.endswith(TWO_CPUS) else 1

    @property
    def who(self) -> str:
        return self.name.removesuffix(TWO_CPUS)

    @property
    def case(self) -> Apart:
        return Apart(servers=self.setting.servers, services=self.setting.services)

    @property
    def floods(self) -> list[Flood]:
        """What each CPU sends."""
        return [self._flood(cpu) for cpu in range(self.cpus)]

    @property
    def warm(self) -> tuple[list[Flood], int]:
        """What each CPU sends first, and how much: an emulator translates code when it first runs.

        New connections are of other clients then, known ones are made.
        """
        if self.setting.flows:
            return self.floods, self.floods[0].flows
        return [
            replace(each, source=WARM_CLIENTS[cpu]) for cpu, each in enumerate(self.floods)
        ], WARM

    @property
    def known(self) -> int:
        """How many connections there are before anything is measured."""
        if self.setting.same:
            return self.setting.flows
        return self.cpus * self.warm[1]

    def _flood(self, cpu: int) -> Flood:
        mac = MAC_OTHER if self.who == "floor" else MAC_IN
        dest = reals(4, 1)[0] if self.who == "plain" else VIP[4]
        port = 80 + cpu % self.setting.services
        if not self.setting.flows:
            return Flood(mac, NEW_CLIENTS[cpu], dest, NEW_PORTS, NEW_ADDRESSES, port=port)
        share = self.setting.flows // (1 if self.setting.same else self.cpus)
        first = 1024 + (0 if self.setting.same else cpu * share)
        return Flood(mac, CLIENT[4], dest, share, first_port=first, port=port)


def ask(question: Question, rounds: int, quick: bool) -> Figures:
    """Each round sets a lane up, makes its connections, and measures."""
    setting: Setting = question.setting
    with _wide_director(setting.services * setting.servers):
        twin = Twin(DEVICES)
        return interleave(question.lanes, rounds, lambda name: _once(twin, Lane(name, setting)))


def _once(twin: Twin, lane: Lane) -> float:
    case = lane.case
    windows_s = WINDOWS_S if lane.setting.flows else NEW_WINDOWS_S
    with lanes.up(lane.who, case) as contestant:
        twin.send(*lane.warm)
        before = forwarded()
        sent = twin.flood(lane.floods, windows_s, LIMIT)
        came = forwarded() - before
        if came != (0 if lane.who == "floor" else sent.packets):
            raise RuntimeError(f"{lane.name} forwarded {came} of {sent.packets} packets")
        expected = lane.known + (0 if lane.setting.flows else sent.packets)
        if lane.who not in ("plain", "floor") and (made := contestant.made(case)) != expected:
            raise RuntimeError(f"{lane.name} made {made} connections of {expected}")
        return sent.rate


@contextmanager
def _wide_director(servers: int) -> Iterator[None]:
    """The director with a second device to be fed."""
    with director(servers):
        # Else out0 carries the kernel's own packets, too.
        Path("/proc/sys/net/ipv6/conf/out0/disable_ipv6").write_text("1")
        run("ip", "link", "add", "in1", "address", MAC_IN, "type", "dummy")
        try:
            Path("/proc/sys/net/ipv4/conf/in1/rp_filter").write_text("0")
            run("ip", "link", "set", "in1", "up")
            yield
        finally:
            run("ip", "link", "del", "in1")
