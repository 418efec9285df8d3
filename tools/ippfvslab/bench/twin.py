# SPDX-License-Identifier: GPL-2.0
"""Two CPUs feed one director at the same time: pktgen's threads, each with a device of its own.

A rate is taken from a window in which every thread ran, by the kernel's own clock: threads start
up to a tenth of a second apart, and one that ends early leaves the other the whole machine.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ippfvslab.bench.pktgen import FRAME_BYTES, PROC
from ippfvslab.bench.pktgen import _tell as tell

START_LIMIT_S = 60
_SOFAR = re.compile(r"pkts-sofar: (\d+).*?started: (\d+)us\s+stopped: (\d+)us", re.DOTALL)
_RECEIVE = (
    *("xmit_mode netif_receive", "delay 0", "clone_skb 0", "burst 1"),
    *("flag !SHARED", "flag NO_TIMESTAMP"),
)


@dataclass(frozen=True)
class Stream:
    """What one CPU sends: UDP, every packet from the next port, and the next address of many."""

    mac: str
    dest: str
    source: str
    last_source: str
    ports: range
    dest_port: int = 80

    @property
    def commands(self) -> list[str]:
        """In the words of pktgen."""
        return [
            f"dst {self.dest}",
            f"dst_mac {self.mac}",
            f"src_min {self.source}",
            f"src_max {self.last_source}",
            f"udp_src_min {self.ports.start}",
            f"udp_src_max {self.ports.stop}",
            f"udp_dst_min {self.dest_port}",
            f"udp_dst_max {self.dest_port}",
            f"pkt_size {FRAME_BYTES}",
            "flag !UDPCSUM",
        ]


class Sent(NamedTuple):
    """What became of a flood: packets a second of all CPUs together, and packets in all."""

    rate: float
    packets: int


class _Reading(NamedTuple):
    packets: int
    microseconds: int


class Twin:
    """Feeds DEVICES, the first from the first CPU and so on; nothing else is on those threads."""

    def __init__(self, devices: Sequence[str]) -> None:
        self._devices = devices

    def send(self, stream: Stream, count: int) -> int:
        """COUNT packets from the first CPU alone; how many went."""
        self._load([stream], count)
        tell("pgctrl", "start")
        self._check(0)
        return self._read(0).packets

    def flood(self, streams: Sequence[Stream], window_s: float, limit: int) -> Sent:
        """Each CPU sends its stream until WINDOW_S have passed in which all of them did.

        No CPU sends more than LIMIT packets; a window that does not fit is an error.
        """
        self._load(streams, limit)
        starter = threading.Thread(target=tell, args=("pgctrl", "start"))
        starter.start()
        try:
            first = self._when_all_run(len(streams))
            time.sleep(window_s)
            last = [self._read(number) for number in range(len(streams))]
        finally:
            tell("pgctrl", "stop")
            starter.join()
        finals = [self._read(number).packets for number in range(len(streams))]
        if max(finals) >= limit:
            raise RuntimeError(f"pktgen: {limit} packets are too few for {window_s} s")
        rates = [
            (after.packets - before.packets) * 1e6 / (after.microseconds - before.microseconds)
            for before, after in zip(first, last, strict=True)
        ]
        return Sent(sum(rates), sum(finals))

    def _load(self, streams: Sequence[Stream], count: int) -> None:
        """A thread without a stream gets no device, so it does not run."""
        for cpu, device in enumerate(self._devices):
            tell(f"kpktgend_{cpu}", "rem_device_all")
            if cpu < len(streams):
                tell(f"kpktgend_{cpu}", f"add_device {device}")
                tell(device, *_RECEIVE, *streams[cpu].commands, f"count {count}")

    def _when_all_run(self, streams: int) -> list[_Reading]:
        limit = time.monotonic() + START_LIMIT_S
        while True:
            readings = [self._read(number) for number in range(streams)]
            if all(reading.packets for reading in readings):
                return readings
            if time.monotonic() > limit:
                raise RuntimeError(f"pktgen: not all of {streams} threads send")
            time.sleep(0.01)

    def _read(self, number: int) -> _Reading:
        text = (PROC / self._devices[number]).read_text()
        found = _SOFAR.search(text)
        if not found:
            raise RuntimeError(f"pktgen: {text}")
        return _Reading(int(found[1]), int(found[3]))

    def _check(self, number: int) -> None:
        result = (PROC / self._devices[number]).read_text().rpartition("Result:")[2].strip()
        if not result.startswith("OK"):
            raise RuntimeError(f"pktgen: {result}")
