# SPDX-License-Identifier: GPL-2.0
"""Who is measured: each lane sets one director up, and takes it down again.

        in0 (dummy, fed by pktgen) ── director ── out0 (dummy, real servers as permanent neighbours)

The director is the guest's own namespace. Every lane forwards the same packets from in0 to out0,
but for the floor, whose packets have another host's MAC address and end in ip_rcv.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pylvs

VIP = {4: "10.0.0.100", 6: "fd00::100"}
REALS = {4: "172.16.0.{}", 6: "fd16::{}"}
CLIENT = {4: "198.18.0.1", 6: "fd18::1"}
MAC_IN, MAC_OTHER, MAC_REAL = "02:00:00:00:00:01", "02:00:00:00:00:99", "02:00:00:00:01:{:02x}"
SERVERS, SCHEDULER = 4, "rr"
BUCKET_BITS = 20
IPVS_FLAG = {"nat": "-m", "tun": "-i", "dr": "-g"}


def run(*command: str, text: str | None = None) -> str:
    """Run COMMAND to its end and return what it printed; a failure raises, and shows it."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def build_director() -> None:
    """Devices, addresses and neighbours that all lanes share."""
    neighbours = [
        f"neigh add {REALS[family].format(n)} lladdr {MAC_REAL.format(n)} dev out0 nud permanent"
        for family in (4, 6)
        for n in range(2, 2 + SERVERS)
    ]
    lines = [
        f"link add in0 address {MAC_IN} type dummy",
        "link add out0 type dummy",
        "link set in0 up",
        "link set out0 up",
        f"addr add {VIP[4]}/32 dev in0",
        f"addr add {VIP[6]}/128 dev in0 nodad",
        "addr add 172.16.0.1/24 dev out0",
        "addr add fd16::1/64 dev out0 nodad",
        "route add 198.18.0.0/15 dev in0",
        "route add fd18::/64 dev in0",
        *neighbours,
    ]
    run("ip", "-batch", "-", text="".join(f"{line}\n" for line in lines))
    for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        Path("/proc/sys/net", name).write_text("1\n")
    for name in ("all", "in0"):
        Path(f"/proc/sys/net/ipv4/conf/{name}/rp_filter").write_text("0\n")


@dataclass(frozen=True)
class Lane:
    """One contestant by one method and family."""

    name: str
    method: str = "nat"
    family: int = 4

    @property
    def mac(self) -> str:
        return MAC_OTHER if self.name == "floor" else MAC_IN

    @property
    def dest(self) -> str:
        return REALS[self.family].format(2) if self.name == "plain" else VIP[self.family]

    @property
    def reals(self) -> list[str]:
        return [REALS[self.family].format(n) for n in range(2, 2 + SERVERS)]

    @contextmanager
    def up(self) -> Iterator[None]:
        """The director does its work meanwhile, from an empty table on."""
        start, end = _WAYS.get(self.name, (_nothing, _nothing))
        start(self)
        try:
            yield
        finally:
            end(self)


def connections(lane: Lane) -> int:
    """How many connections the director of LANE says it has made."""
    if lane.name == "ippfvs":
        with pylvs.Manager() as lvs:
            return lvs.stats().connections
    # Of the one CPU: the totals are what an estimator summed up some time ago.
    own = Path("/proc/net/ip_vs_stats_percpu").read_text().splitlines()[2]
    return int(own.split()[1], 16)


def _nothing(lane: Lane) -> None:
    """The kernel alone."""


def _start_ippfvs(lane: Lane) -> None:
    module = os.environ["IPPFVS_MODULE"]
    needs = run("modinfo", "-F", "depends", module).strip().split(",")
    run("modprobe", "-a", *needs)
    run("insmod", module, f"conn_tab_bits={BUCKET_BITS}")
    with pylvs.Manager() as lvs:
        lvs.configure(conn_max=20_000_000)
        service = lvs.add_service("udp", pylvs.Endpoint(lane.dest, 80), SCHEDULER)
        for real in lane.reals:
            lvs.add_real(service, pylvs.Endpoint(real, 80), method=lane.method)


def _end_ippfvs(lane: Lane) -> None:
    run("rmmod", "ippfvs")


def _start_ipvs(lane: Lane) -> None:
    run("modprobe", "ip_vs", f"conn_tab_bits={BUCKET_BITS}")
    virtual = f"[{lane.dest}]:80" if lane.family == 6 else f"{lane.dest}:80"
    ipvsadm = os.environ["IPVSADM"]
    run(ipvsadm, "-A", "-u", virtual, "-s", SCHEDULER)
    for real in lane.reals:
        server = f"[{real}]:80" if lane.family == 6 else f"{real}:80"
        run(ipvsadm, "-a", "-u", virtual, "-r", server, IPVS_FLAG[lane.method])


def _end_ipvs(lane: Lane) -> None:
    run(os.environ["IPVSADM"], "-C")
    run("modprobe", "-r", f"ip_vs_{SCHEDULER}")
    run("modprobe", "-r", "ip_vs")


_WAYS = {"ippfvs": (_start_ippfvs, _end_ippfvs), "IPVS": (_start_ipvs, _end_ipvs)}
