# SPDX-License-Identifier: GPL-2.0
"""Does a second CPU bring a second CPU's work? A stock kernel with two CPUs, under emulation.

        in0 (fed by CPU 0) ──┐
                             ├── director ── out0 (dummy, real servers as permanent neighbours)
        in1 (fed by CPU 1) ──┘

The same connections are sent by one CPU alone and, half and half, by both. What the two share is
the question's setting: one service, one real server, one connection, or nothing but the table.
"""

from __future__ import annotations

import ipaddress
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pylvs
from ippfvslab.bench.lanes import MAC_IN, MAC_OTHER, MAC_REAL, run
from ippfvslab.bench.twin import Stream, Twin

DEVICES = ("in0", "in1")
VIP, SERVER, PORT = "10.0.0.100", "172.16.0.{}", 80
SOURCES = ("198.18.0.1", "198.19.0.1")
MANY = 60_000
SERVERS = 4
FIRST_PORT = 1024
TABLE_BITS = 20
CONN_MAX = 20_000_000
LIMIT = 5_000_000
NEW_PORTS, NEW_SOURCES = 59_999, 251
"""They have no common divisor: 15 million connections before one comes again."""


@dataclass(frozen=True)
class Setting:
    """What the two CPUs send and what they share."""

    services: int = 1
    servers: int = SERVERS
    """Of each service."""
    flows: int = MANY
    """Known connections of both CPUs together; 0: every packet makes a new one."""
    same: bool = False
    """Both CPUs send packets of the very same connections."""


SETTINGS = {
    "packets": Setting(),
    "real": Setting(servers=1),
    "table": Setting(services=2),
    "entry": Setting(flows=1, same=True),
    "new": Setting(flows=0),
}


@dataclass(frozen=True)
class Lane:
    """One contestant: "ippfvs", "IPVS", "plain" (routing alone) or "floor" (dropped in ip_rcv)."""

    kind: str
    cpus: int
    setting: Setting

    @property
    def name(self) -> str:
        return f"{self.kind}, {self.cpus} CPU{'s' * (self.cpus > 1)}"

    @property
    def streams(self) -> list[Stream]:
        """What each CPU sends."""
        return [self._stream(cpu) for cpu in range(self.cpus)]

    @property
    def known(self) -> int:
        """How many connections there are before anything is measured."""
        setting = self.setting
        return setting.flows if setting.same else setting.flows // self.cpus * self.cpus

    def _stream(self, cpu: int) -> Stream:
        setting = self.setting
        mac = MAC_OTHER if self.kind == "floor" else MAC_IN
        dest = SERVER.format(2) if self.kind == "plain" else VIP
        port = PORT + cpu % setting.services
        if not setting.flows:
            last = str(ipaddress.IPv4Address(SOURCES[cpu]) + NEW_SOURCES - 1)
            return Stream(mac, dest, SOURCES[cpu], last, _ports(0, NEW_PORTS), port)
        share = setting.flows if setting.same else setting.flows // self.cpus
        ports = _ports(0 if setting.same else cpu * share, share)
        return Stream(mac, dest, SOURCES[0], SOURCES[0], ports, port)

    @contextmanager
    def up(self) -> Iterator[None]:
        """The director does its work meanwhile, from an empty table on."""
        if self.kind == "ippfvs":
            self._start_ippfvs()
        elif self.kind == "IPVS":
            self._start_ipvs()
        try:
            yield
        finally:
            if self.kind == "ippfvs":
                run("rmmod", "ippfvs")
            elif self.kind == "IPVS":
                run(os.environ["IPVSADM"], "-C")
                run("modprobe", "-r", "ip_vs_rr")
                run("modprobe", "-r", "ip_vs")

    def _rules(self) -> Iterator[tuple[int, list[str]]]:
        """Each service's port and its real servers: no two services share one."""
        setting = self.setting
        for number in range(setting.services):
            first = 2 + number * setting.servers
            yield PORT + number, [SERVER.format(first + n) for n in range(setting.servers)]

    def _start_ippfvs(self) -> None:
        module = os.environ["IPPFVS_MODULE"]
        run("modprobe", "-a", *run("modinfo", "-F", "depends", module).strip().split(","))
        run("insmod", module, f"conn_tab_bits={TABLE_BITS}")
        with pylvs.Manager() as lvs:
            lvs.configure(conn_max=CONN_MAX)
            for port, reals in self._rules():
                service = lvs.add_service("udp", pylvs.Endpoint(VIP, port), "rr")
                for real in reals:
                    lvs.add_real(service, pylvs.Endpoint(real, port), method="nat")

    def _start_ipvs(self) -> None:
        run("modprobe", "ip_vs", f"conn_tab_bits={TABLE_BITS}")
        rules = []
        for port, reals in self._rules():
            rules.append(f"-A -u {VIP}:{port} -s rr")
            rules += [f"-a -u {VIP}:{port} -r {real}:{port} -m" for real in reals]
        run(os.environ["IPVSADM"], "-R", text="".join(f"{rule}\n" for rule in rules))

    def connections(self) -> int:
        """How many connections the director says it has made."""
        if self.kind == "ippfvs":
            with pylvs.Manager() as lvs:
                return lvs.stats().connections
        # Of each CPU: the totals are what an estimator summed up some time ago.
        text = Path("/proc/net/ip_vs_stats_percpu").read_text().partition("~")[0]
        return sum(int(line.split()[1], 16) for line in text.splitlines()[2:-1])


def _ports(skip: int, count: int) -> range:
    return range(FIRST_PORT + skip, FIRST_PORT + skip + count)


def build() -> None:
    """Devices, addresses and neighbours that all lanes share."""
    # Else out0 carries the kernel's own packets, too.
    Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1\n")
    lines = [f"link add {name} address {MAC_IN} type dummy" for name in DEVICES]
    lines += ["link add out0 type dummy", "addr add 172.16.0.1/24 dev out0"]
    lines += [f"link set {name} up" for name in (*DEVICES, "out0")]
    lines += [f"addr add {VIP}/32 dev in0", "route add 198.18.0.0/15 dev in0"]
    lines += [
        f"neigh add {SERVER.format(n)} lladdr {MAC_REAL.format(n)} dev out0 nud permanent"
        for n in range(2, 2 + 2 * SERVERS)
    ]
    run("ip", "-batch", "-", text="".join(f"{line}\n" for line in lines))
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")
    for name in ("all", *DEVICES):
        Path(f"/proc/sys/net/ipv4/conf/{name}/rp_filter").write_text("0\n")
    run("modprobe", "pktgen")


def once(lane: Lane, window_s: float) -> float:
    """Packets a second of one round; it counts only when each came out, of the right connection."""
    twin = Twin(DEVICES)
    with lane.up():
        if lane.known:
            for stream in lane.streams:
                twin.send(stream, len(stream.ports))
        before = _count("out0")
        sent = twin.flood(lane.streams, window_s, LIMIT)
        came = _count("out0") - before
        if came != (0 if lane.kind == "floor" else sent.packets):
            raise RuntimeError(f"{lane.name}: {came} of {sent.packets} packets came out")
        if lane.kind in ("ippfvs", "IPVS"):
            expected = lane.known or sent.packets
            if (made := lane.connections()) != expected:
                raise RuntimeError(f"{lane.name}: {made} connections where {expected} were made")
        return sent.rate


def _count(device: str) -> int:
    return int(Path(f"/sys/class/net/{device}/statistics/tx_packets").read_text())


def main() -> None:
    build()
    for name in sys.argv[1].split(","):
        print("--", name, SETTINGS[name])
        for kind in ("ippfvs", "IPVS", "plain", "floor"):
            rates = {}
            for _ in range(int(sys.argv[2])):
                for cpus in (1, 2):
                    lane = Lane(kind, cpus, SETTINGS[name])
                    began = time.monotonic()
                    rate = once(lane, float(sys.argv[3]))
                    took = time.monotonic() - began
                    print(f"   {lane.name:16} {rate / 1e3:8.1f} k/s  {took:.1f} s", flush=True)
                    rates.setdefault(cpus, []).append(rate)
            print(f"   {kind}: x{max(rates[2]) / max(rates[1]):.2f}", flush=True)


if __name__ == "__main__":
    main()
