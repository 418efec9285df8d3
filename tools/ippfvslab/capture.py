# SPDX-License-Identifier: GPL-2.0
"""Capturing and sending of frames on a host's interfaces.

This module does not use scapy, which takes ten seconds to import in an emulated guest.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from dataclasses import dataclass

from ippfvslab.netns import Host

ETH_P_ALL = 0x0003
SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35
SOL_PACKET = 263
PACKET_AUXDATA = 8
PACKET_OUTGOING = 4
TP_STATUS_CSUMNOTREADY = 1 << 3
BUFFER_BYTES = 256 << 20
_IPIP = {4: 4, 41: 6}
_ETHERTYPES = (b"\x08\x00", b"\x86\xdd")
_TYPES_WITHOUT_ETHERNET = {768, 769, 776, 778}  # ARPHRD_TUNNEL, _TUNNEL6, _SIT, _IPGRE
_EXTENSIONS = {0, 43, 60}


@dataclass(frozen=True)
class Packet:
    """An IPv4 or IPv6 packet with its addresses and, for TCP and UDP, its ports."""

    version: int
    source: str
    dest: str
    protocol: int
    ttl: int
    payload: bytes
    """The bytes after the IP header and, for IPv6, after its extension headers."""
    raw: bytes
    """The whole packet."""

    @property
    def inner(self) -> Packet | None:
        """The inner packet of an IP tunnel, or None."""
        return decode(self.payload) if self.protocol in _IPIP else None

    @property
    def ports(self) -> tuple[int, int] | None:
        """The source and destination port of TCP or UDP."""
        if self.protocol not in (socket.IPPROTO_TCP, socket.IPPROTO_UDP) or len(self.payload) < 4:
            return None
        source, dest = struct.unpack_from("!HH", self.payload)
        return source, dest

    @property
    def data(self) -> bytes:
        """The payload of TCP or UDP."""
        if self.protocol == socket.IPPROTO_TCP:
            return self.payload[(self.payload[12] >> 4) * 4 :]
        return self.payload[8:] if self.protocol == socket.IPPROTO_UDP else b""

    @property
    def flags(self) -> int:
        """The flag byte of TCP: 1 FIN, 2 SYN, 4 RST, 8 PSH, 16 ACK."""
        return self.payload[13] if self.protocol == socket.IPPROTO_TCP else 0


@dataclass(frozen=True)
class Frame:
    """A frame as it crossed an interface."""

    device: str
    outgoing: bool
    time: float
    """Seconds since 1970, from the kernel."""
    checksum_ready: bool
    """False if the transport checksum is left to the hardware, as on veth."""
    raw: bytes
    bare: bool = False
    """Whether the frame begins with the IP header, because the device is that of a tunnel."""

    @property
    def dest_mac(self) -> str:
        return self.raw[0:6].hex(":")

    @property
    def source_mac(self) -> str:
        return self.raw[6:12].hex(":")

    @property
    def packet(self) -> Packet | None:
        """The IP packet in the frame, or None."""
        if self.bare:
            return decode(self.raw)
        return decode(self.raw[14:]) if self.raw[12:14] in _ETHERTYPES else None


def decode(raw: bytes) -> Packet | None:
    """Return the IP packet at the beginning of RAW, or None if there is none."""
    version = raw[0] >> 4 if raw else 0
    if version == 4 and len(raw) >= 20:
        length = struct.unpack_from("!H", raw, 2)[0] or len(raw)
        source, dest = (str(ipaddress.IPv4Address(raw[at : at + 4])) for at in (12, 16))
        payload = raw[(raw[0] & 15) * 4 : length]
        return Packet(4, source, dest, raw[9], raw[8], payload, raw[:length])
    if version == 6 and len(raw) >= 40:
        length = struct.unpack_from("!H", raw, 4)[0] + 40
        source, dest = (str(ipaddress.IPv6Address(raw[at : at + 16])) for at in (8, 24))
        protocol, at = raw[6], 40
        while protocol in _EXTENSIONS and at + 8 <= length:
            protocol, at = raw[at], at + (raw[at + 1] + 1) * 8
        return Packet(6, source, dest, protocol, raw[7], raw[at:length], raw[:length])
    return None


def frame_of(packet: bytes, to: str, source: str) -> bytes:
    """Return the frame that carries the IP PACKET from the MAC address SOURCE to TO."""
    macs = bytes.fromhex(f"{to}{source}".replace(":", ""))
    return macs + _ETHERTYPES[packet[0] >> 4 == 6] + packet


def send_frames(host: Host, device: str, *frames: bytes) -> None:
    """Send FRAMES through DEVICE of HOST. Their addresses are not changed."""
    with host.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((device, 0))
        for frame in frames:
            raw.send(frame)


class Capture:
    """A capture of every frame on the interfaces of a host, or on one DEVICE, from its creation on.

    with Capture(farm.director) as capture:
        …
    frames = capture.frames()
    """

    def __init__(self, host: Host, device: str = "") -> None:
        self._socket = host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        if device:
            self._socket.bind((device, ETH_P_ALL))
        self._socket.setblocking(False)
        self._frames: list[Frame] = []

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the capture. The captured frames stay available."""
        self.frames()
        self._socket.close()

    def frames(self) -> list[Frame]:
        """Return all frames captured so far, in their order."""
        while self._socket.fileno() >= 0:
            try:
                raw, extra, _flags, address = self._socket.recvmsg(1 << 17, 512)
            except BlockingIOError:
                break
            self._frames.append(_frame(raw, extra, address))
        return self._frames

    def packets(self) -> list[tuple[Frame, Packet]]:
        """Return the IP packets captured so far, each with its frame."""
        pairs = ((frame, frame.packet) for frame in self.frames())
        return [(frame, packet) for frame, packet in pairs if packet]


def _frame(
    raw: bytes, extra: list[tuple[int, int, bytes]], address: tuple[str, int, int, int, bytes]
) -> Frame:
    time = 0.0
    ready = True
    for level, kind, data in extra:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack_from("@qq", data)
            time = seconds + nanoseconds / 1e9
        elif level == SOL_PACKET and kind == PACKET_AUXDATA:
            ready = not struct.unpack_from("@I", data)[0] & TP_STATUS_CSUMNOTREADY
    outgoing, bare = address[2] == PACKET_OUTGOING, address[3] in _TYPES_WITHOUT_ETHERNET
    return Frame(address[0], outgoing, time, ready, raw, bare)
