# SPDX-License-Identifier: GPL-2.0
"""A director whose devices receive packets on every CPU at once, faster than from sockets.

    in0   fed by CPU 0 ──┐
    in1   fed by CPU 1 ──┤ director ── out0   real servers, permanent neighbours
    back0 fed by CPU 1 ──┘                    (back0 receives their replies)

fed_director(): all devices are dummies. pktgen in the director feeds their receive path. No packet
is lost, and each device counts the packets that it sends.

wired_director(): in0 and in1 are veth devices. Their peers feed0 and feed1 are in the namespace of
feeder(), in which pktgen sends. So the director can be destroyed while it receives packets.

On a kernel with one CPU a single thread feeds all devices in turn. All streams are UDP.
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
from ippfvslab.traffic import pktgen_read, pktgen_write

MAC = "02:00:00:00:00:01"
PEER = "02:00:00:00:00:02"
VIP, CLIENT = "10.0.0.100", "198.18.0.1"
REALS = tuple(f"172.16.0.{host}" for host in range(2, 6))
VIPS = {4: VIP, 6: "2001:db8:10::100"}
CLIENTS = {4: CLIENT, 6: "2001:db8:198::1"}
ALL_REALS = {4: REALS, 6: tuple(f"2001:db8:172::{host}" for host in range(2, 6))}
SERVERS = {4: "172.16.0.0/24", 6: "2001:db8:172::/64"}
DEVICES = ("in0", "in1", "back0", "out0")
FRAME_BYTES = 60
LIMIT_S = 120


@dataclass(frozen=True)
class Stream:
    """UDP packets that DEVICE receives. Ports and addresses change with each packet, in order."""

    device: str
    cpu: int
    source: str
    source_ports: range
    dest: str
    dest_ports: range
    count: int = 0
    """The number of packets. 0 means that the stream runs until it is stopped."""
    sources: int = 1
    """The number of source addresses, which begin with SOURCE and differ in the last octet."""
    every_ns: int = 1000
    """The minimum time between two packets. 0 would starve other tasks on the same CPU."""
    sent_by: bool = False
    """Whether DEVICE sends the packets to its peer (wired_director()) and does not receive them."""

    @property
    def commands(self) -> list[str]:
        """The commands for pktgen, in which a range of ports excludes its last port."""
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
    """Enter the namespace of the director in the drawing, which has no rules.

    pktgen stays loaded, because User-Mode Linux does not remove the KASAN red zones of an unloaded
    module.
    """
    with _namespace("fed") as host:
        dummies = [f"link add {device} address {MAC} type dummy" for device in DEVICES]
        _build(host, family, dummies, DEVICES)
        yield host


@contextmanager
def feeder() -> Iterator[Host]:
    """Enter the namespace in which pktgen feeds wired_director()."""
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
    """Create a director whose devices are the peers of feed0 and feed1 in FEEDING.

    The caller destroys it.
    """
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
    """Destroy its namespace. Return when the peers of its devices are gone, too."""
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
        *real_server_commands(family),
    )
    if "back0" in devices:  # a reply must come from a device by which its server can be reached
        host.ip(f"route add {SERVERS[family]} dev back0 metric 9999")


def real_server_commands(family: int) -> list[str]:
    """Return the `ip` commands for out0 by which the director reaches its real servers."""
    own = "addr add 172.16.0.1/24 dev out0"
    if family == 6:
        own = "addr add 2001:db8:172::1/64 dev out0 nodad"
    neighbours = [
        f"neigh replace {real} lladdr {PEER} dev out0 nud permanent" for real in ALL_REALS[family]
    ]
    return [own, *neighbours]


def sent_by_device(device: str) -> int:
    """Return the number of packets that the director has sent through DEVICE."""
    counters = Path("/proc/net/dev").read_text().partition(f"{device}:")[2].split()
    return int(counters[9])


def _remove_devices(thread: str) -> None:
    """Remove all devices from the pktgen thread THREAD. Return when they are gone."""
    limit = time.monotonic() + LIMIT_S
    pktgen_write(thread, "rem_device_all")
    while any(device in pktgen_read(thread) for device in (*DEVICES, "feed0", "feed1")):
        assert time.monotonic() < limit, pktgen_read(thread)
        time.sleep(0.01)


class Streams:
    """A context that runs STREAMS. At exit, the streams without a count are stopped.

    with Streams(one, other) as streams:
        …
    streams.sent(one)
    """

    def __init__(self, *streams: Stream) -> None:
        self._streams = streams
        self._starter = threading.Thread(target=pktgen_write, args=("pgctrl", "start"), daemon=True)

    def __enter__(self) -> Streams:
        cpus = len(os.sched_getaffinity(0))
        for cpu in range(cpus):
            _remove_devices(f"kpktgend_{cpu}")
        for stream in self._streams:
            pktgen_write(f"kpktgend_{stream.cpu % cpus}", f"add_device {stream.device}")
            pktgen_write(stream.device, *stream.commands)
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
            pktgen_write("pgctrl", "stop")
        self._starter.join(LIMIT_S)
        assert not self._starter.is_alive(), f"pktgen did not stop within {LIMIT_S} s"

    def sent(self, stream: Stream) -> int:
        """Return the number of packets of STREAM that have been received."""
        text = pktgen_read(stream.device)
        found = re.search(r"pkts-sofar: (\d+)", text)
        assert found, text
        return int(found[1])

    def wait(self, stream: Stream) -> None:
        """Return when all packets of STREAM have been received."""
        self.until(lambda: self.sent(stream) >= stream.count)

    def until(self, reached: Callable[[], bool]) -> None:
        """Return when REACHED() is true, while packets flow."""
        limit = time.monotonic() + LIMIT_S
        while not reached():
            assert time.monotonic() < limit
            time.sleep(0.01)


def send(stream: Stream) -> None:
    """Send all packets of STREAM and return."""
    with Streams(stream) as streams:
        streams.wait(stream)
