# SPDX-License-Identifier: GPL-2.0
"""Packets on a beat, sent into the director from a timer's softirq, and when each came out."""

from __future__ import annotations

import ctypes
import ipaddress
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from ippfvslab.bench.shell import run
from ippfvslab.wire import BUFFER_BYTES, SO_RCVBUFFORCE, SO_TIMESTAMPNS

PERIOD_S = 1e-3
AHEAD_S = 1.0
FLOWS = 1000
"""Each of them has packets in AHEAD_S already."""
FRAME_BYTES = 60
_MAC = "02:00:00:00:00:77"
_ETH_P_ALL = 3
_SO_SNDBUFFORCE = 32
_SO_ATTACH_FILTER = 26
_PAUSE_S = 5.0
_HEADERS = 14 + 20 + 8
_TIMESPEC = struct.Struct("@ll")
# UDP in IPv4 from a port below 1024: pktgen's ports are higher.
_FILTER = (
    (0x28, 0, 0, 12),
    (0x15, 0, 5, 0x0800),
    (0x30, 0, 0, 23),
    (0x15, 0, 3, socket.IPPROTO_UDP),
    (0x28, 0, 0, 34),
    (0x35, 1, 0, 1024),
    (0x06, 0, 0, 128),
    (0x06, 0, 0, 0),
)


class Beat:
    """Sends on the device tick, whose peer is the director's, and listens on out0."""

    def __init__(self, client: str, virtual: str) -> None:
        self._ends = client, virtual
        self._send = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._send.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, BUFFER_BYTES)
        self._send.bind(("tick", 0))
        self._heard = _listener()

    def run(self, meanwhile: Callable[[], object]) -> list[float]:
        """Send until MEANWHILE is done, and answer how late each packet left, in seconds.

        :raises RuntimeError: one was lost
        """
        with ThreadPoolExecutor(1) as other:
            count = self._send_until(other.submit(meanwhile))
        return delays([self._hear(number) for number in range(count)])

    def _send_until(self, work: Future[object]) -> int:
        """Keep AHEAD_S of the beat in the queue, to the end of WORK; how many packets that took."""
        began, count = time.monotonic(), 0
        while True:
            over = work.done()
            due = (time.monotonic() - began + AHEAD_S) / PERIOD_S
            while count < due:
                self._send.send(frame(*self._ends, count))
                count += 1
            if over:
                work.result()
                return count
            time.sleep(AHEAD_S / 4)

    def close(self) -> None:
        """Close both sockets."""
        self._send.close()
        self._heard.close()

    def _hear(self, number: int) -> float:
        """When packet NUMBER left; they keep their order."""
        try:
            data, ancillary, _, _ = self._heard.recvmsg(128, 64)
        except TimeoutError:
            raise RuntimeError(f"packet {number} of the beat was lost") from None
        (found,) = struct.unpack_from("!I", data, _HEADERS)
        if found != number:
            raise RuntimeError(f"packet {number} of the beat was lost: {found} came")
        seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
        return float(seconds + nanoseconds / 1e9)


@contextmanager
def beat(client: str, virtual: str) -> Iterator[Beat]:
    """A beat from CLIENT to the service VIRTUAL, port 80, by devices of its own."""
    run("modprobe", "sch_netem")
    run(*f"ip link add beat address {_MAC} type veth peer name tick".split())
    try:
        for name in ("ipv6/conf/beat/disable_ipv6", "ipv6/conf/tick/disable_ipv6"):
            Path("/proc/sys/net", name).write_text("1")  # its packets would break the beat
        Path("/proc/sys/net/ipv4/conf/beat/rp_filter").write_text("0")
        pace = f"limit 1000000 rate {FRAME_BYTES / PERIOD_S:.0f}bps"
        run(*f"tc qdisc add dev tick root netem {pace}".split())
        run("ip", "link", "set", "beat", "up")
        run("ip", "link", "set", "tick", "up")
        both = Beat(client, virtual)
        try:
            yield both
        finally:
            both.close()
    finally:
        run("ip", "link", "del", "beat")


def delays(times: Sequence[float]) -> list[float]:
    """How late each of TIMES is on the earliest beat that none of them is ahead of."""
    late = [each - number * PERIOD_S for number, each in enumerate(times)]
    earliest = min(late)
    return [each - earliest for each in late]


def frame(client: str, virtual: str, number: int) -> bytes:
    """Packet NUMBER: Ethernet, IPv4, UDP without a checksum, and its number."""
    size = FRAME_BYTES - 14
    ends = ipaddress.IPv4Address(client).packed + ipaddress.IPv4Address(virtual).packed
    head = struct.pack("!BBHHHBBH", 0x45, 0, size, 0, 0x4000, 64, socket.IPPROTO_UDP, 0) + ends
    head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
    udp = struct.pack("!HHHH", 1 + number % FLOWS, 80, size - 20, 0)
    ethernet = bytes.fromhex(_MAC.replace(":", "")) + bytes(6) + b"\x08\x00"
    return (ethernet + head + udp + struct.pack("!I", number)).ljust(FRAME_BYTES, b"\0")


def _checksum(head: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(head) // 2}H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def _listener() -> socket.socket:
    heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    code = b"".join(struct.pack("@HBBI", *each) for each in _FILTER)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(_FILTER), ctypes.addressof(buffer))
    heard.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    heard.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
    heard.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    heard.settimeout(_PAUSE_S)
    heard.bind(("out0", _ETH_P_ALL))
    return heard
