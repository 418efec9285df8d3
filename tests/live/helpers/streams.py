# SPDX-License-Identifier: GPL-2.0
"""A director whose devices are fed by every CPU at once, so fast as no socket can.

    in0   fed by CPU 0 ──┐
    in1   fed by CPU 1 ──┤ director ── out0   real servers, permanent neighbours
    back0 fed by CPU 1 ──┘                    (what they would answer comes in by back0)

The devices are dummies: what they are given to send is gone, and counted. On a kernel with one CPU
its one thread feeds all of them in turn. Streams go through pktgen: UDP, exact to the packet.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ippfvslab import netns
from ippfvslab.netns import Host
from ippfvslab.pktgen import shown, tell

MAC = "02:00:00:00:00:01"
PEER = "02:00:00:00:00:02"
VIP, CLIENT = "10.0.0.100", "198.18.0.1"
REALS = tuple(f"172.16.0.{host}" for host in range(2, 6))
DEVICES = ("in0", "in1", "back0", "out0")
FRAME_BYTES = 60
LIMIT_S = 120


@dataclass(frozen=True)
class Stream:
    """UDP packets that come in by DEVICE; each takes the next of the ports and addresses."""

    device: str
    cpu: int
    source: str
    source_ports: range
    dest: str
    dest_ports: range
    count: int = 0
    """Packets; 0: until it is stopped."""
    sources: int = 1
    """How many addresses from SOURCE on, of its last network of 256."""
    every_ns: int = 1000
    """At least so long from one packet to the next; 0 would starve others of the same CPU."""

    @property
    def commands(self) -> list[str]:
        """In the words of pktgen, for whom the last port is the one behind."""
        head, _, last = self.source.rpartition(".")
        return [
            *("xmit_mode netif_receive", "clone_skb 0", "burst 1", f"delay {self.every_ns}"),
            f"src_min {self.source}",
            f"src_max {head}.{int(last) + self.sources - 1}",
            f"dst {self.dest}",
            f"dst_mac {MAC}",
            f"udp_src_min {self.source_ports.start}",
            f"udp_src_max {self.source_ports.stop}",
            f"udp_dst_min {self.dest_ports.start}",
            f"udp_dst_max {self.dest_ports.stop}",
            f"pkt_size {FRAME_BYTES}",
            f"count {self.count}",
        ]


@contextmanager
def fed_director() -> Iterator[Host]:
    """Be in the director of the drawing meanwhile, without a rule.

    pktgen stays: User-Mode Linux forgets to take the red zones of an unloaded module away.
    """
    host = Host("fed")
    netns.ip([f"netns add {host.name}"])
    try:
        subprocess.run(["modprobe", "pktgen"], check=True)
        with host.inside():
            _build(host)
            yield host
    finally:
        netns.ip([f"netns del {host.name}"])


def _build(host: Host) -> None:
    host.sysctl("ipv6.conf.default.disable_ipv6", 1)
    host.sysctl("ipv4.ip_forward", 1)
    host.sysctl("ipv4.conf.all.rp_filter", 0)
    host.sysctl("ipv4.conf.default.rp_filter", 0)
    lines = ["link set lo up"]
    for device in DEVICES:
        lines += [f"link add {device} address {MAC} type dummy", f"link set {device} up"]
    lines += [
        f"addr add {VIP}/32 dev in0",
        "addr add 172.16.0.1/24 dev out0",
        "route add 198.18.0.0/15 dev in0",
        f"neigh add {CLIENT} lladdr {PEER} dev in0 nud permanent",
        *(f"neigh add {real} lladdr {PEER} dev out0 nud permanent" for real in REALS),
    ]
    host.ip(*lines)


def left(device: str) -> int:
    """How many packets the director has sent by DEVICE."""
    counters = Path("/proc/net/dev").read_text().partition(f"{device}:")[2].split()
    return int(counters[9])


class Streams:
    """STREAMS flow meanwhile; those without a count end with the `with`.

    with Streams(one, other) as streams:
        …
    streams.sent(one)
    """

    def __init__(self, *streams: Stream) -> None:
        self._streams = streams
        self._starter = threading.Thread(target=tell, args=("pgctrl", "start"), daemon=True)

    def __enter__(self) -> Streams:
        cpus = len(os.sched_getaffinity(0))
        for cpu in range(cpus):
            tell(f"kpktgend_{cpu}", "rem_device_all")
        for stream in self._streams:
            tell(f"kpktgend_{stream.cpu % cpus}", f"add_device {stream.device}")
            tell(stream.device, *stream.commands)
        self._starter.start()
        try:
            self.until(lambda: all(self.sent(stream) for stream in self._streams))
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        if self._starter.is_alive():
            tell("pgctrl", "stop")
        self._starter.join(LIMIT_S)

    def sent(self, stream: Stream) -> int:
        """How many packets of STREAM have come in."""
        text = shown(stream.device)
        found = re.search(r"pkts-sofar: (\d+)", text)
        assert found, text
        return int(found[1])

    def wait(self, stream: Stream) -> None:
        """Until all that STREAM was to send has come in."""
        self.until(lambda: self.sent(stream) >= stream.count)

    def until(self, reached: Callable[[], bool]) -> None:
        """Wait until REACHED, while packets flow."""
        limit = time.monotonic() + LIMIT_S
        while not reached():
            assert time.monotonic() < limit
            time.sleep(0.05)


def send(stream: Stream) -> None:
    """All of STREAM, to its end."""
    with Streams(stream) as streams:
        streams.wait(stream)
