# SPDX-License-Identifier: GPL-2.0
"""The generator: streams of packets and their slices, sent by the module flood (flood/flood.c)."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bench.commands import run

FILE = Path("/proc/flood")
FRAME_BYTES = 128
FIELDS = 3
STEPS = 64
_CLEAR, _ADD, _RUN = range(3)
_FIELD = struct.Struct("=HHIIII")
_HEAD = struct.Struct("=III16s16sHHHHI")
_SCHEDULE = struct.Struct(f"=IIIIIIII{STEPS}Q")
_RESULT = struct.Struct("=IIQQQQQQ")
LONG, LONG_S = 100_000, 0.1
"""A slice with fewer packets or seconds has no pause. Longer slices let other tasks run."""


class Field(NamedTuple):
    """A part of the frame that differs from packet to packet; see struct flood_field."""

    at: int
    size: int
    first: int
    values: int
    stride: int = 1
    chained: bool = False


class Slice(NamedTuple):
    """The result of one slice; see struct flood_result."""

    stream: int
    step: int
    packets: int
    ns: int
    """The CPU time of the guest, in nanoseconds."""
    wall_ns: int
    sent: int
    forwarded: int
    worst_ns: int


@dataclass(frozen=True)
class Stream:
    """Packets made from FRAME, which device INTO of namespace NETNS receives and OUT sends."""

    netns: Path
    frame: bytes
    ip_check: int
    l4_check: int
    fields: Sequence[Field] = ()
    into: str = "in0"
    out: str = "out0"
    cpu: int = 0
    gso_size: int = 0
    payload: int = 0
    """The number of bytes after the frame, in one fragment. GSO_SIZE must be set, too."""

    def pack(self, netns: int) -> bytes:
        """Return the struct flood_add of the module, with the file descriptor NETNS."""
        fields = [*self.fields, *[Field(0, 0, 0, 0)] * (FIELDS - len(self.fields))]
        head = _HEAD.pack(
            *(_ADD, netns, self.cpu, self.into.encode(), self.out.encode()),
            *(self.ip_check, self.l4_check, self.gso_size, len(self.frame), self.payload),
        )
        body = b"".join(_FIELD.pack(*each) for each in fields)
        return head + body + self.frame.ljust(FRAME_BYTES, b"\0")


@dataclass
class Flood:
    """The streams of the module. Only one Flood may exist at a time."""

    count: int = field(default=0, init=False)

    def add(self, stream: Stream) -> int:
        """Add STREAM and return its number."""
        netns = os.open(stream.netns, os.O_RDONLY)
        try:
            _write(stream.pack(netns))
        finally:
            os.close(netns)
        self.count += 1
        return self.count - 1

    def send(self, stream: int, packets: int) -> Slice:
        """Send PACKETS of STREAM in one slice."""
        return self._run(1, [[stream]], packets=packets)[0]

    def alternate(
        self,
        steps: Sequence[Sequence[int]],
        rounds: int,
        *,
        slice_s: float = 0,
        lead_s: float = 0,
        packets: int = 0,
        slowest: bool = False,
    ) -> list[Slice]:
        """Run each of STEPS in each of ROUNDS. The streams of a step run at the same time.

        A slice sends PACKETS, or lasts SLICE_S seconds after LEAD_S seconds that are not measured.
        If SLOWEST, the slowest batch is measured, too, which takes one percent of the time.
        """
        return self._run(rounds, steps, slice_s, lead_s, packets, slowest)

    def _run(
        self,
        rounds: int,
        steps: Sequence[Sequence[int]],
        slice_s: float = 0,
        lead_s: float = 0,
        packets: int = 0,
        slowest: bool = False,
    ) -> list[Slice]:
        masks = [sum(1 << stream for stream in step) for step in steps]
        _write(
            _SCHEDULE.pack(
                *(_RUN, rounds, round(lead_s * 1e6), round(slice_s * 1e6)),
                *(packets, packets > LONG or slice_s > LONG_S, len(masks), slowest),
                *masks,
                *[0] * (STEPS - len(masks)),
            )
        )
        return [Slice(*each) for each in _RESULT.iter_unpack(FILE.read_bytes())]


@contextmanager
def flood() -> Iterator[Flood]:
    """Yield a generator without streams.

    At exit the streams and their device references are removed.
    """
    if not FILE.exists():
        run("insmod", os.environ["FLOOD_MODULE"])
    _write(struct.pack("=I", _CLEAR))
    try:
        yield Flood()
    finally:
        _write(struct.pack("=I", _CLEAR))


def _write(command: bytes) -> None:
    descriptor = os.open(FILE, os.O_WRONLY)
    try:
        os.write(descriptor, command)
    finally:
        os.close(descriptor)
