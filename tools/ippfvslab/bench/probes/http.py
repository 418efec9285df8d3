# SPDX-License-Identifier: GPL-2.0
"""Real HTTP: nginx behind a director, wrk before it, all on one CPU at native speed.

Client, director and servers share the CPU, which is never idle meanwhile, so the rate says what one
request costs all of them together; against plain routing, what the balancer adds to it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pylvs
from ippfvslab.bench import web
from ippfvslab.bench.lanes import run
from ippfvslab.bench.web import PORT, SERVERS, VIP, Seen, WebFarm

LEAST_SHARE = 0.4
HEADER_LIMIT = 400


@dataclass(frozen=True)
class Lane:
    """One contestant: how it is put on the director, and taken away."""

    name: str
    start: Callable[[WebFarm], None]
    end: Callable[[WebFarm], None]
    made: Callable[[WebFarm], int] | None = None
    """How many connections it says it has made."""
    addresses: tuple[str, ...] = (VIP,)
    """Whom the client asks."""

    @contextmanager
    def up(self, farm: WebFarm) -> Iterator[None]:
        """The director does its work meanwhile."""
        self.start(farm)
        try:
            yield
        finally:
            self.end(farm)


def _nothing(farm: WebFarm) -> None:
    """The kernel alone."""


def _start_ippfvs(farm: WebFarm) -> None:
    module = os.environ["IPPFVS_MODULE"]
    run("modprobe", "-a", *run("modinfo", "-F", "depends", module).strip().split(","))
    run("insmod", module)
    with pylvs.Manager(str(farm.director.path)) as lvs:
        service = lvs.add_service("tcp", pylvs.Endpoint(VIP, PORT), "rr")
        for real in SERVERS:
            lvs.add_real(service, pylvs.Endpoint(real, PORT), method="nat")


def _made_ippfvs(farm: WebFarm) -> int:
    with pylvs.Manager(str(farm.director.path)) as lvs:
        return lvs.stats().connections


def _end_ippfvs(farm: WebFarm) -> None:
    run("rmmod", "ippfvs")


def _start_ipvs(farm: WebFarm) -> None:
    run("modprobe", "ip_vs")
    rules = [f"-A -t {VIP}:{PORT} -s rr"]
    rules += [f"-a -t {VIP}:{PORT} -r {real}:{PORT} -m" for real in SERVERS]
    text = "".join(f"{rule}\n" for rule in rules)
    farm.director.run(os.environ["IPVSADM"], "-R", text=text)


def _made_ipvs(farm: WebFarm) -> int:
    text = farm.director.call(Path("/proc/net/ip_vs_stats_percpu").read_text)
    return sum(int(line.split()[1], 16) for line in text.partition("~")[0].splitlines()[2:-1])


def _end_ipvs(farm: WebFarm) -> None:
    farm.director.run(os.environ["IPVSADM"], "-C")
    run("modprobe", "-r", "ip_vs_rr")
    run("modprobe", "-r", "ip_vs")


# The second bit of the port: the kernel gives clients even ports first.
_NFT = """\
table ip bench {{
    chain prerouting {{
        type nat hook prerouting priority dstnat
        ip daddr {vip} tcp dport {port} tcp sport & 2 == 0 dnat to {one}
        ip daddr {vip} tcp dport {port} dnat to {two}
    }}
    chain forward {{
        type filter hook forward priority filter
{forward}
    }}
{flowtable}
}}
"""
_OFFLOAD = "        tcp dport {port} flow add @fast"
_FLOWTABLE = """\
    flowtable fast {
        hook ingress priority filter
        devices = { client, server1, server2 }
    }
"""


def _start_nft(farm: WebFarm, forward: str = "", flowtable: str = "") -> None:
    rules = _NFT.format(
        vip=VIP, port=PORT, one=SERVERS[0], two=SERVERS[1], forward=forward, flowtable=flowtable
    )
    farm.director.run("nft", "-f", "-", text=rules)
    farm.director.sysctl("netfilter.nf_conntrack_max", CONNTRACK_MAX)


def _start_flowtable(farm: WebFarm) -> None:
    _start_nft(farm, _OFFLOAD.format(port=PORT), _FLOWTABLE)


def _end_nft(farm: WebFarm) -> None:
    farm.director.run("nft", "delete table ip bench")


def _start_haproxy(farm: WebFarm) -> None:
    web.start_haproxy(farm.director, VIP)


def _start_stream(farm: WebFarm) -> None:
    web.start_nginx_stream(farm.director, VIP)


def _end_process(farm: WebFarm) -> None:
    farm.director.end_children()


CONNTRACK_MAX = 1 << 20
LANES = (
    Lane("ippfvs", _start_ippfvs, _end_ippfvs, _made_ippfvs),
    Lane("IPVS", _start_ipvs, _end_ipvs, _made_ipvs),
    Lane("plain", _nothing, _nothing, addresses=SERVERS),
    Lane("nft DNAT", _start_nft, _end_nft),
    Lane("nft flowtable", _start_flowtable, _end_nft),
    Lane("HAProxy", _start_haproxy, _end_process),
    Lane("nginx stream", _start_stream, _end_process),
)


def once(farm: WebFarm, lane: Lane, seconds: int, *, close: bool) -> Seen:
    """One round; it counts only when every request was answered, by the servers, through LANE."""
    with lane.up(farm):
        before = farm.delivered()
        seen = farm.ask(lane.addresses, seconds, close=close)
        came = [after - was for was, after in zip(before, farm.delivered(), strict=True)]
        made = lane.made(farm) if lane.made else None
    judge(lane.name, seen, came, made, close=close)
    return seen


def judge(name: str, seen: Seen, came: list[int], made: int | None, *, close: bool) -> None:
    """Raise when not all of the work was done: CAME packets to each server, MADE connections."""
    if seen.errors or not seen.requests:
        raise RuntimeError(f"{name}: {seen.errors} errors in {seen.requests} requests")
    if not len(web.BODY) < seen.bytes / seen.requests < len(web.BODY) + HEADER_LIMIT:
        raise RuntimeError(f"{name}: {seen.requests} answers of {seen.bytes} bytes in all")
    if min(came) < LEAST_SHARE * sum(came) or min(came) < LEAST_SHARE * seen.requests:
        raise RuntimeError(f"{name}: {came} packets came to the servers, of {seen.requests}")
    if made is not None and not _plausible(made, seen.requests if close else web.CONNECTIONS):
        raise RuntimeError(f"{name}: {made} connections for {seen.requests} requests")


def _plausible(made: int, needed: int) -> bool:
    """Every needed connection was made; the client opens a few that come to no request."""
    return needed <= made <= needed + 3 * web.CONNECTIONS


def main() -> None:
    farm = WebFarm()
    for close in (False, True):
        for lane in LANES:
            for _ in range(int(sys.argv[1])):
                seen = once(farm, lane, int(sys.argv[2]), close=close)
                print(
                    f"{close!s:6} {lane.name:14} {seen.rate:9.0f} p50 {seen.p50_us:7.0f}"
                    f" p99 {seen.p99_us:7.0f}",
                    flush=True,
                )
    farm.close()


if __name__ == "__main__":
    main()
