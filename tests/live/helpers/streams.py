# SPDX-License-Identifier: GPL-2.0
"""A director whose devices are fed by every CPU at once, faster than sockets can feed them.

    in0   fed by CPU 0 ──┐
    in1   fed by CPU 1 ──┤ director ── out0   real servers, permanent neighbours
    back0 fed by CPU 1 ──┘                    (what they would answer comes in by back0)

fed_director(): all devices are dummies; pktgen in the director hands packets to their receivers,
none is lost, and what a device was given to send is counted.

wired_director(): in0 and in1 are the ends of cables whose other ends, feed0 and feed1, are in the
namespace of feeder(), where pktgen sends: so the director may end while it is fed.

On a kernel with one CPU its one thread feeds all of them in turn. Streams are UDP.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
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
VIPS = {4: VIP, 6: "2001:db8:10::100"}
CLIENTS = {4: CLIENT, 6: "2001:db8:198::1"}
ALL_REALS = {4: REALS, 6: tuple(f"2001:db8:172::{host}" for host in range(2, 6))}
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
    sent_by: bool = False
    """Whether DEVICE sends them, by the cable of wired_director()."""

    @property
    def commands(self) -> list[str]:
        """In the words of pktgen, for whom the last port is the one behind."""
        return [
            f"xmit_mode {'start_xmit' if self.sent_by else 'netif_receive'}",
            *("clone_skb 0", "burst 1", f"delay {self.every_ns}"),
            *self._addresses,
            f"dst_mac {MAC}",
            f"udp_src_min {self.source_ports.start}",
            f"udp_src_max {self.source_ports.stop}",
            f"udp_dst_min {self.dest_ports.start}",
            f"udp_dst_max {self.dest_ports.stop}",
            f"pkt_size {FRAME_BYTES if ':' not in self.source else FRAME_BYTES + 20}",
            f"count {self.count}",
        ]

    @property
    def _addresses(self) -> list[str]:
        if ":" in self.source:
            assert self.sources == 1, "pktgen has one IPv6 source"
            return [f"src6 {self.source}", f"dst6 {self.dest}"]
        head, _, last = self.source.rpartition(".")
        most = f"{head}.{int(last) + self.sources - 1}"
        return [f"src_min {self.source}", f"src_max {most}", f"dst {self.dest}"]


@contextmanager
def fed_director(family: int = 4) -> Iterator[Host]:
    """Be in the director of the drawing meanwhile, without a rule.

    pktgen stays: User-Mode Linux forgets to take the red zones of an unloaded module away.
    """
    with _namespace("fed") as host:
        dummies = [f"link add {device} address {MAC} type dummy" for device in DEVICES]
        _build(host, family, dummies, DEVICES)
        yield host


@contextmanager
def feeder() -> Iterator[Host]:
    """Be in the namespace that feeds wired_director() by pktgen."""
    with _namespace("feeder") as host:
        host.sysctl("ipv6.conf.default.disable_ipv6", 1)
        yield host


@contextmanager
def _namespace(name: str) -> Iterator[Host]:
    host = Host(name)
    subprocess.run(["modprobe", "pktgen"], check=True)
    netns.ip([f"netns add {name}"])
    try:
        with host.inside():
            yield host
    finally:
        netns.ip([f"netns del {name}"])


def wired_director(feeding: Host, family: int = 4) -> Host:
    """Make a director on the cables feed0 and feed1 of FEEDING; whoever asks for it ends it."""
    host = Host("wired")
    netns.ip([f"netns add {host.name}"])
    cables = [
        f"link add in{cpu} address {MAC} type veth peer name feed{cpu} address {PEER} "
        f"netns {feeding.name}"
        for cpu in (0, 1)
    ]
    _build(host, family, [*cables, "link add out0 type dummy"], ("in0", "in1", "out0"))
    feeding.ip("link set feed0 up", "link set feed1 up")
    return host


def end_wired_director(director: Host) -> None:
    """End its namespace; return when the other ends of its cables are gone with it."""
    netns.ip([f"netns del {director.name}"])
    limit = time.monotonic() + LIMIT_S
    while {name for _index, name in socket.if_nameindex()} & {"feed0", "feed1"}:
        assert time.monotonic() < limit, "the namespace does not end"
        time.sleep(0.01)


def _build(host: Host, family: int, links: list[str], devices: Sequence[str]) -> None:
    host.sysctl("ipv6.conf.default.disable_ipv6", int(family == 4))
    host.sysctl("ipv6.conf.all.forwarding", 1)
    host.sysctl("ipv4.ip_forward", 1)
    host.sysctl("ipv4.conf.all.rp_filter", 0)
    host.sysctl("ipv4.conf.default.rp_filter", 0)
    bits, nodad = (32, "") if family == 4 else (128, " nodad")
    host.ip(
        "link set lo up",
        *links,
        *(f"link set {device} up" for device in devices),
        f"addr add {VIPS[family]}/{bits} dev in0{nodad}",
        f"route add {'198.18.0.0/15' if family == 4 else '2001:db8:198::/64'} dev in0",
        f"neigh add {CLIENTS[family]} lladdr {PEER} dev in0 nud permanent",
        *to_the_real_servers(family),
    )


def to_the_real_servers(family: int) -> list[str]:
    """What `ip` adds to out0 so that the director reaches its real servers."""
    own = "addr add 172.16.0.1/24 dev out0"
    if family == 6:
        own = "addr add 2001:db8:172::1/64 dev out0 nodad"
    neighbours = [
        f"neigh replace {real} lladdr {PEER} dev out0 nud permanent" for real in ALL_REALS[family]
    ]
    return [own, *neighbours]


def left(device: str) -> int:
    """How many packets the director has sent by DEVICE."""
    counters = Path("/proc/net/dev").read_text().partition(f"{device}:")[2].split()
    return int(counters[9])


def _forget_devices(thread: str) -> None:
    """Remove all devices from the pktgen thread THREAD; return when they are gone."""
    limit = time.monotonic() + LIMIT_S
    tell(thread, "rem_device_all")
    while any(device in shown(thread) for device in (*DEVICES, "feed0", "feed1")):
        assert time.monotonic() < limit, shown(thread)
        time.sleep(0.01)


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
            _forget_devices(f"kpktgend_{cpu}")
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
            time.sleep(0.01)


def send(stream: Stream) -> None:
    """All of STREAM, to its end."""
    with Streams(stream) as streams:
        streams.wait(stream)
