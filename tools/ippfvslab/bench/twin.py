# SPDX-License-Identifier: GPL-2.0
"""Two CPUs feed one director at the same time: pktgen's threads, each with a device of its own.

A rate is taken from a window in which every thread ran, by the kernel's own clock: threads start
up to a tenth of a second apart, and one that ends early leaves the other the whole machine. Of
several short windows the fastest counts, since a short one has a chance not to be disturbed.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ippfvslab.bench import settings
from ippfvslab.bench.generator import Flood, attach
from ippfvslab.bench.shell import run
from ippfvslab.pktgen import shown, tell

START_LIMIT_S = 60
_SHOWN = re.compile(r"pkts-sofar: (\d+).*?started: (\d+)us\s+stopped: (\d+)us", re.DOTALL)


class Sent(NamedTuple):
    """What became of a flood."""

    rate: float
    """Packets a second of all CPUs together, in the fastest window."""
    packets: int
    """In all."""


class Reading(NamedTuple):
    """How far a thread had come, and when; and when it began."""

    packets: int
    began_us: int
    now_us: int


class Twin:
    """Feeds DEVICES, the first from the first CPU and so on; nothing else is on those threads."""

    def __init__(self, devices: Sequence[str]) -> None:
        self._devices = devices
        self._fed = 0
        run("modprobe", "pktgen")
        settings.note("pktgen", {"threads": str(len(devices))})

    def send(self, floods: Sequence[Flood], count: int) -> None:
        """Each CPU sends COUNT packets of its flood."""
        self._load(floods, count)
        tell("pgctrl", "start")
        went = [reading.packets for reading in self._read_all(len(floods))]
        if went != [count] * len(floods):
            raise RuntimeError(f"pktgen: {went} packets went, not {count} of each CPU")

    def flood(self, floods: Sequence[Flood], windows_s: Sequence[float], limit: int) -> Sent:
        """Each CPU sends its flood while WINDOWS_S pass, one after the other, from when all do.

        No CPU sends more than LIMIT packets; windows that do not fit are an error.
        """
        self._load(floods, limit)
        past = self._read_all(len(floods))
        starter = threading.Thread(target=tell, args=("pgctrl", "start"))
        starter.start()
        try:
            readings = [self._when_all_run(past)]
            for window_s in windows_s:
                time.sleep(window_s)
                readings.append(self._read_all(len(floods)))
        finally:
            tell("pgctrl", "stop")
            starter.join()
        ends = [reading.packets for reading in self._read_all(len(floods))]
        if max(ends) >= limit:
            raise RuntimeError(f"pktgen: {limit} packets were gone within {sum(windows_s)} s")
        return Sent(max(sum(map(rate, *both)) for both in pairwise(readings)), sum(ends))

    def _load(self, floods: Sequence[Flood], count: int) -> None:
        if len(floods) != self._fed:
            self._attach(len(floods))
        for device, flood in zip(self._devices, floods, strict=False):
            tell(device, *flood.commands, f"count {count}")

    def _attach(self, count: int) -> None:
        """A thread that shall not run gets no device."""
        for cpu, device in enumerate(self._devices):
            if cpu < count:
                attach(cpu, device)
            else:
                tell(f"kpktgend_{cpu}", "rem_device_all")
        self._fed = count

    def _when_all_run(self, past: Sequence[Reading]) -> list[Reading]:
        """Until they do, devices show what was sent before, PAST."""
        limit = time.monotonic() + START_LIMIT_S
        while True:
            now = self._read_all(len(past))
            if all(map(_runs, past, now)):
                return self._read_all(len(past))
            if time.monotonic() > limit:
                raise RuntimeError(f"pktgen: not all of {len(past)} threads send")
            time.sleep(0.01)

    def _read_all(self, count: int) -> list[Reading]:
        return [self._read(number) for number in range(count)]

    def _read(self, number: int) -> Reading:
        return read(shown(self._devices[number]))


def _runs(past: Reading, now: Reading) -> bool:
    return now.began_us > past.began_us and now.packets > 0


def read(text: str) -> Reading:
    """What pktgen shows of a device."""
    found = _SHOWN.search(text)
    if not found:
        raise RuntimeError(f"pktgen: {text}")
    return Reading(int(found[1]), int(found[2]), int(found[3]))


def rate(before: Reading, after: Reading) -> float:
    """Packets a second between two readings."""
    return (after.packets - before.packets) * 1e6 / (after.now_us - before.now_us)
