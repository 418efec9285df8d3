# SPDX-License-Identifier: GPL-2.0
"""Traffic for tests: repeated work in the background, raw UDP packets, and pktgen."""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

from ippfvslab import clients
from ippfvslab.netns import Host

PKTGEN_FILES = Path("/proc/net/pktgen")


class Background:
    """A thread that calls WORK repeatedly until the `with` block ends.

    An OSError that WORK raises is appended to `faults`, and the thread continues.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.rounds = 0
        self.faults: list[OSError] = []

    def __enter__(self) -> Background:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._work()
                self.rounds += 1
            except OSError as fault:
                self.faults.append(fault)


class RawUdpClient:
    """A sender of UDP datagrams to ADDRESS from SOURCE and any source port, by a raw socket."""

    def __init__(self, host: Host, source: str, address: str, port: int) -> None:
        self._family = clients.family_of(address)
        self._socket = host.socket(self._family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self._source = ipaddress.ip_address(source).packed
        self._dest = ipaddress.ip_address(address).packed
        self._to = (address, 0)
        self._port = port

    def __enter__(self) -> RawUdpClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, source_port: int, data: bytes = b"flow") -> None:
        """Send one datagram of the flow from SOURCE_PORT."""
        length = 8 + len(data)
        pseudo = self._source + self._dest + struct.pack("!II", length, socket.IPPROTO_UDP)
        header = struct.pack("!HHHH", source_port, self._port, length, 0)
        total = _checksum(pseudo + header + data) or 0xFFFF
        udp = header[:6] + struct.pack("!H", total) + data
        self._socket.sendto(self._ip_header(length) + udp, self._to)

    def _ip_header(self, length: int) -> bytes:
        if self._family == socket.AF_INET6:
            head = struct.pack("!IHBB", 6 << 28, length, socket.IPPROTO_UDP, 64)
        else:  # the kernel fills in the identification and the checksum
            head = struct.pack("!BBHIBBH", 0x45, 0, 20 + length, 0, 64, socket.IPPROTO_UDP, 0)
        return head + self._source + self._dest


def _checksum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pktgen_write(file: str, *commands: str) -> None:
    """Write each of COMMANDS to FILE of pktgen: a device, a kernel thread, or pgctrl."""
    for command in commands:
        (PKTGEN_FILES / file).write_text(f"{command}\n")


def pktgen_read(file: str) -> str:
    """Return the text of FILE of pktgen: the parameters, the progress and the last result."""
    return (PKTGEN_FILES / file).read_text()
