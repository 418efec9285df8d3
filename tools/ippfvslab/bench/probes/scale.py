# SPDX-License-Identifier: GPL-2.0
"""Does a second CPU bring a second CPU's work? A stock kernel with two CPUs, under emulation.

        in0 (fed by CPU 0) ──┐
                             ├── director ── out0 (dummy, real servers as permanent neighbours)
        in1 (fed by CPU 1) ──┘

The same connections are sent by one CPU alone and, half and half, by both. What the two share is
the question's load: one service, one real server, one connection, or nothing but the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ippfvslab.bench import lanes
from ippfvslab.bench.crowd import Crowd, by_name
from ippfvslab.bench.director import CLIENT, MAC_IN, VIP, director, forwarded, reals
from ippfvslab.bench.generator import Flood
from ippfvslab.bench.lanes.case import Case
from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.rounds import Rounds, interleave
from ippfvslab.bench.shell import run
from ippfvslab.bench.twin import Twin

DEVICES = ("in0", "in1")
SERVERS = 4
WINDOWS_S, NEW_WINDOWS_S = (0.5, 0.5, 0.5), (1.0,)
"""Of known connections the fastest window counts; of new ones there is but one."""
LIMIT = 5_000_000
NEW_CLIENTS = ("198.18.0.1", "198.19.0.1")
WARM_CLIENTS, WARM = ("198.18.128.1", "198.19.128.1"), 20_000
NEW_PORTS, NEW_ADDRESSES = 59_999, 251
"""Without a common divisor: 15 million packets until an address and a port come again."""


@dataclass(frozen=True)
class Team(Crowd):
    """Who, and on how many CPUs."""

    @property
    def lane(self) -> str:
        """What it is called: "ippfvs", or "ippfvs, 2 CPUs"."""
        return self.who if self.count == 1 else f"{self.who}, {self.count} CPUs"


@dataclass(frozen=True)
class Load:
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
class Setting:
    """Which contestants, with how many CPUs, and what those send."""

    crowds: tuple[Team, ...]
    load: Load


@dataclass(frozen=True)
class Apart(Case):
    """Services of one address and of ports from 80 on, each with real servers of its own."""

    @property
    def vips(self) -> list[str]:
        return [VIP[4]]

    @property
    def rules(self) -> str:
        """The rule set as `ipvsadm -S -n` writes it."""
        servers = reals(4, self.services * self.servers)
        lines = []
        for number in range(self.services):
            port, first = 80 + number, number * self.servers
            lines.append(f"-A -u {self.vip}:{port} -s {self.scheduler}")
            own = servers[first : first + self.servers]
            lines += [f"-a -u {self.vip}:{port} -r {real}:{port} -m -w 1" for real in own]
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True)
class Task:
    """What a team is given to do."""

    team: Team
    load: Load

    @property
    def case(self) -> Apart:
        return Apart(servers=self.load.servers, services=self.load.services)

    @property
    def floods(self) -> list[Flood]:
        """What each CPU sends."""
        return [self._flood(cpu) for cpu in range(self.team.count)]

    @property
    def warm(self) -> tuple[list[Flood], int]:
        """What each CPU sends first, and how much: an emulator translates code when it first runs.

        New connections are of other clients then, known ones are made; what all CPUs send by one of
        them, since IPVS makes a connection twice for two first packets at once.
        """
        if self.load.flows:
            return self.floods[:1] if self.load.same else self.floods, self.floods[0].flows
        return [
            replace(each, source=WARM_CLIENTS[cpu]) for cpu, each in enumerate(self.floods)
        ], WARM

    @property
    def known(self) -> int:
        """How many connections there are before anything is measured."""
        if self.load.same:
            return self.load.flows
        return self.team.count * self.warm[1]

    def _flood(self, cpu: int) -> Flood:
        lane = lanes.LANES[self.team.who]
        dest, port = lane.dest(self.case), 80 + cpu % self.load.services
        if not self.load.flows:
            return Flood(lane.mac, NEW_CLIENTS[cpu], dest, NEW_PORTS, NEW_ADDRESSES, port=port)
        share = self.load.flows // (1 if self.load.same else self.team.count)
        first = 1024 + (0 if self.load.same else cpu * share)
        return Flood(lane.mac, CLIENT[4], dest, share, first_port=first, port=port)


def ask(question: Question, rounds: Rounds, quick: bool) -> Figures:
    """Each round sets a lane up, makes its connections, and measures."""
    setting: Setting = question.setting
    crowds, load = by_name(setting.crowds), setting.load
    with _wide_director(load.services * load.servers):
        twin = Twin(DEVICES)
        return interleave(
            question.lanes, rounds, lambda name: _once(twin, Task(crowds[name], load))
        )


def _once(twin: Twin, task: Task) -> float:
    name, case = task.team.who, task.case
    windows_s = WINDOWS_S if task.load.flows else NEW_WINDOWS_S
    with lanes.up(name, case) as contestant:
        twin.send(*task.warm)
        before = forwarded()
        sent = twin.flood(task.floods, windows_s, LIMIT)
        came = forwarded() - before
        flows = task.known + (0 if task.load.flows else sent.packets)
        lanes.LANES[name].judge(
            task.team.lane, sent=sent.packets, came=came, flows=flows, made=contestant.made(case)
        )
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
