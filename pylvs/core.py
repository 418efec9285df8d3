# SPDX-License-Identifier: GPL-2.0
"""The kernel module's pure C code for Python: packet headers, checksums, TCP states, schedulers.

The C code is that of ippfvs.ko, so a simulation makes the same decisions as a director::

    from pylvs.core import Scheduler

    farm = Scheduler("wlc", weights=[1, 2])
    for _ in range(300):
        server = farm.pick()
        farm.opened(server)
        farm.established(server)
    assert [farm.active(i) for i in range(2)] == [100, 200]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from .model import State

try:
    from ._core import ffi, lib
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "the C core is not built in this source tree; leave its folder if pylvs is installed,"
        " else build it with: python3 -m pylvs._core_build",
        name=missing.name,
    ) from None

__all__ = [
    "EXCLUDED_MAX",
    "REALS_MAX",
    "WEIGHT_MAX",
    "Address",
    "HiddenState",
    "Scheduler",
    "Side",
    "TcpFlags",
    "Tuple",
    "Unreadable",
    "UnreadablePacket",
    "Wire",
    "csum",
    "csum_update",
    "csum_update_partial",
    "read_packet",
    "schedulers",
    "tcp_counts",
    "tcp_follow",
    "tcp_next",
    "tcp_position",
    "tcp_reopens",
]

WEIGHT_MAX: int = lib.IPPFVS_WEIGHT_MAX
REALS_MAX: int = lib.IPPFVS_REALS_MAX
EXCLUDED_MAX: int = lib.IPPFVS_EXCLUDED_MAX

# Packet headers and checksums

Address = IPv4Address | IPv6Address


class TcpFlags(IntFlag):
    """The flags of a TCP header that a director reads."""

    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    ACK = 0x10


class Unreadable(IntEnum):
    """The reason for which a packet has no five-tuple."""

    MALFORMED = 1  #: a length or version field contradicts the packet
    FRAGMENT = 2  #: a fragment
    OTHER = 3  #: neither TCP, UDP nor an ICMP error


class UnreadablePacket(ValueError):
    """A packet without a five-tuple.

    :ivar reason: an :class:`Unreadable`
    """

    def __init__(self, reason: Unreadable) -> None:
        super().__init__(f"no five-tuple: {reason.name.lower()}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Tuple:
    """The five-tuple of a packet.

    :ivar source_port: 0..65535 in host byte order; 0 for ICMP errors
    :ivar destination_port: 0..65535 in host byte order; 0 for ICMP errors
    :ivar protocol: IP protocol number
    """

    source: Address
    source_port: int
    destination: Address
    destination_port: int
    protocol: int


@dataclass(frozen=True, slots=True)
class Wire:
    """The headers of one packet. Lengths and offsets are in bytes.

    :ivar length: length of the packet according to its network header, which it includes
    :ivar l4: offset of the transport header
    :ivar l4_size: number of bytes of the transport header that were read
    :ivar inner: offset of the packet that an ICMP error quotes; 0 if there is none
    :ivar ttl: time to live, or hop limit
    :ivar tos: type of service, or traffic class
    :ivar options: whether there are IPv4 options or IPv6 extension headers
    """

    tuple: Tuple
    length: int
    l4: int
    l4_size: int
    inner: int
    ttl: int
    tos: int
    tcp_flags: TcpFlags
    icmp_type: int
    icmp_code: int
    options: bool
    dont_fragment: bool


def read_packet(packet: bytes, *, quoted: bool = False) -> Wire:
    """Read the headers of a packet.

    :param packet: the packet, beginning with its network header
    :param quoted: whether the packet is quoted by an ICMP error and may be truncated
    :raises UnreadablePacket: the packet is malformed, a fragment, or of another protocol
    """
    wire = ffi.new("struct ippfvs_wire *")
    read = lib.ippfvs_wire_read_quoted if quoted else lib.ippfvs_wire_read
    result = read(wire, packet, len(packet), len(packet))
    if result < 0:
        raise UnreadablePacket(Unreadable(-result))
    return _wire(wire)


def _wire(wire: Any) -> Wire:
    return Wire(
        tuple=_tuple(wire.tuple),
        length=wire.length,
        l4=wire.l4,
        l4_size=wire.l4_size,
        inner=wire.inner,
        ttl=wire.ttl,
        tos=wire.tos,
        tcp_flags=TcpFlags(wire.tcp_flags),
        icmp_type=wire.icmp_type,
        icmp_code=wire.icmp_code,
        options=wire.options,
        dont_fragment=wire.dont_fragment,
    )


def _tuple(each: Any) -> Tuple:
    return Tuple(
        source=_address(each.family, each.saddr),
        source_port=_swap(each.sport),
        destination=_address(each.family, each.daddr),
        destination_port=_swap(each.dport),
        protocol=each.protocol,
    )


def _address(family: int, address: Any) -> Address:
    raw = bytes(address.byte)
    if family == lib.IPPFVS_FAMILY_IPV4:
        return IPv4Address(raw[:4])
    return IPv6Address(raw)


def _swap(field: int) -> int:
    """Convert 16 bits between network and host byte order."""
    return int.from_bytes(field.to_bytes(2, sys.byteorder), "big")


def csum(data: bytes) -> int:
    """Return the Internet checksum of bytes (RFC 1071), in host byte order."""
    return _swap(lib.ippfvs_csum(data, len(data)))


def csum_update(check: int, old: bytes, new: bytes) -> int:
    """Return a checksum after some of the covered bytes have changed (RFC 1624).

    :param check: the old checksum, in host byte order
    :param old: the old bytes; they begin at an even offset
    :param new: the new bytes
    :raises ValueError: the lengths of old and new differ, or they are odd
    """
    return _swap(lib.ippfvs_csum_update(_swap(check), old, new, _even(old, new)))


def csum_update_partial(check: int, old: bytes, new: bytes) -> int:
    """Like :func:`csum_update`, but for the sum of a pseudo header (CHECKSUM_PARTIAL)."""
    return _swap(lib.ippfvs_csum_update_partial(_swap(check), old, new, _even(old, new)))


def _even(old: bytes, new: bytes) -> int:
    if len(old) != len(new) or len(old) % 2:
        raise ValueError("old and new bytes must be of the same, even length")
    return len(old)


# TCP states


class Side(IntEnum):
    """The sender of a segment, and the directions that the director sees."""

    CLIENT = 0  #: from the client; the director also sees the server's segments (NAT)
    SERVER = 1  #: from the server
    CLIENT_ONLY = 2  #: from the client; the director sees no other (TUN, DR, Local Node)


class HiddenState(IntEnum):
    """TCP states that only the director tells apart. A listing shows another state for each."""

    HALF_CLOSED = 0x14  #: shown as FIN_WAIT; the client has sent an ACK since its FIN
    DOUBTFUL = 0x18  #: shown as CLOSED; the client still sends


def tcp_next(state: State | HiddenState, side: Side, flags: TcpFlags | int) -> State | HiddenState:
    """Return the state of a connection after one segment."""
    number = lib.ippfvs_tcp_next(state, side, flags)
    return HiddenState(number) if number > lib.IPPFVS_TCP_SEEN_MASK else State(number)


def tcp_reopens(
    state: State | HiddenState, side: Side, flags: TcpFlags | int, *, idle: bool = False
) -> bool:
    """Return whether a segment from the client opens a new connection in place of an old one.

    :param idle: whether no packet has come for a second
    """
    return bool(lib.ippfvs_tcp_reopens(state, side, flags, idle))


def tcp_position(sequence: int) -> int:
    """Return the position that a sequence number tells, in units of 64 KB."""
    return int(lib.ippfvs_tcp_position(sequence & 0xFFFFFFFF))


def tcp_follow(
    state: State | HiddenState, side: Side, flags: TcpFlags | int, position: int, seen: int
) -> int:
    """Return the position of a connection after one segment.

    :param position: the position before
    :param seen: the position that the segment tells: by its sequence number if the client has
        sent it, by its acknowledgment number if the server has
    """
    return int(lib.ippfvs_tcp_follow(state, side, flags, position, seen))


def tcp_counts(
    state: State | HiddenState, side: Side, flags: TcpFlags | int, position: int, seen: int
) -> bool:
    """Return whether a segment is recorded. The parameters are those of :func:`tcp_follow`."""
    following = lib.ippfvs_tcp_next(state, side, flags)
    return bool(lib.ippfvs_tcp_counts(state, following, side, flags, position, seen))


# Schedulers


def schedulers() -> list[str]:
    """Return the names of all schedulers."""
    return list(_names())


def _names() -> Iterator[str]:
    index = 0
    while lib.ippfvs_schedulers[index] != ffi.NULL:
        yield ffi.string(lib.ippfvs_schedulers[index].name).decode()
        index += 1


class Scheduler:
    """A scheduler with its farm of real servers.

    A real server is identified by its index in the weights. The farm counts the connections of
    each real server, as the director does, because some schedulers use these counts.

    :param name: one of :func:`schedulers`
    :param weights: the weight of each real server, 0..WEIGHT_MAX; with 0 it gets no connections
    :param cursor: the position at which round robin begins
    :raises ValueError: there is no such scheduler, a weight is out of range, or there are too
        many real servers
    """

    def __init__(self, name: str, weights: Sequence[int], cursor: int = 0) -> None:
        self._ops = lib.ippfvs_sched_lookup(name.encode())
        if self._ops == ffi.NULL:
            raise ValueError(f"no scheduler {name!r}; there are {', '.join(schedulers())}")
        self.name = name
        self._loads = ffi.new("struct ippfvs_load[]", 0)
        self._tuple = ffi.new("struct ippfvs_tuple *")
        self._flow = ffi.new("struct ippfvs_flow *", {"tuple": self._tuple})
        self._excluded = ffi.new("struct ippfvs_excluded *")
        self._publish(tuple(weights), cursor)

    def __repr__(self) -> str:
        return f"Scheduler({self.name!r}, {list(self.weights)})"

    def __len__(self) -> int:
        return len(self.weights)

    def _publish(self, weights: tuple[int, ...], cursor: int) -> None:
        """Create the view and the state. Real servers that stay keep their loads."""
        for weight in weights:
            if not 0 <= weight <= WEIGHT_MAX:
                raise ValueError(f"weight {weight}: from 0 to {WEIGHT_MAX}")
        if len(weights) > REALS_MAX:
            raise ValueError(f"{len(weights)} real servers: at most {REALS_MAX}")

        loads = ffi.new("struct ippfvs_load[]", len(weights))
        stay = min(len(loads), len(self._loads))
        loads[0:stay] = list(self._loads[0:stay])
        for index in range(stay, len(loads)):
            loads[index].eligible = 1
        reals = ffi.new("struct ippfvs_sched_real[]", len(weights))
        for index, weight in enumerate(weights):
            reals[index].load = ffi.addressof(loads, index)
            reals[index].weight = weight

        self.weights = weights
        self._loads = loads
        self._reals = reals
        self._view = ffi.new("struct ippfvs_sched_view *", {"real": reals, "n": len(weights)})
        self._state = self._new_state()
        self._ops.init(self._view, self._state, cursor)

    def _new_state(self) -> Any:
        """Return memory for the state, of exactly its size and aligned for any type."""
        size = self._ops.state_size(len(self.weights))
        return ffi.new("char[]", size) if size else ffi.NULL

    @property
    def cursor(self) -> int:
        """The current position of round robin; 0 for schedulers without round robin."""
        return int(self._ops.cursor(self._state)) if self._ops.cursor != ffi.NULL else 0

    def reweigh(self, weights: Sequence[int]) -> None:
        """Change the weights, or add and remove real servers at the end.

        Round robin keeps its position, and real servers that stay keep their connections.
        """
        self._publish(tuple(weights), self.cursor)

    def pick(self, hash: int = 0, *, excluded: Sequence[int] = ()) -> int:
        """Return the real server for the next connection, which is not counted yet.

        :param hash: hash of the client's address and port, for schedulers that use it
        :param excluded: real servers that must not get the connection, each once
        :raises LookupError: no real server accepts the connection
        :raises ValueError: more than EXCLUDED_MAX real servers are excluded, or one that is not
            in the farm
        """
        self._flow.hash = hash
        self._excluded.n = 0
        for real in excluded:
            if not 0 <= real < len(self):
                raise ValueError(f"there is no real server {real}")
            if not lib.ippfvs_exclude(self._excluded, real):
                raise ValueError(f"{len(excluded)} real servers excluded: at most {EXCLUDED_MAX}")
        index: int = self._ops.pick(self._view, self._state, self._flow, self._excluded)
        if index < 0:
            raise LookupError("no real server accepts connections")
        return index

    def picks(self, count: int) -> list[int]:
        """Return the real servers for the next connections, which are not counted."""
        return [self.pick() for _ in range(count)]

    def eligible(self, index: int) -> bool:
        """Return whether a real server accepts new connections, as far as its weight allows."""
        return bool(self._loads[index].eligible)

    def set_eligible(self, index: int, eligible: bool) -> None:
        """Let a real server accept new connections, or none. It keeps its weight."""
        self._loads[index].eligible = eligible
        self._ops.changed(self._view, self._state, index)

    def active(self, index: int) -> int:
        """Return the number of established connections of a real server."""
        return int(self._loads[index].counts.value >> 32)

    def inactive(self, index: int) -> int:
        """Return the number of all other connections of a real server."""
        return int(self._loads[index].counts.value & 0xFFFFFFFF)

    def opened(self, index: int, *, active: bool = False) -> None:
        """Count a new connection, which is inactive until it is established."""
        self._change(index, active=int(active), inactive=int(not active))

    def established(self, index: int) -> None:
        """Count an inactive connection as active."""
        self._change(index, active=1, inactive=-1)

    def closing(self, index: int) -> None:
        """Count an active connection as inactive, for example after a FIN."""
        self._change(index, active=-1, inactive=1)

    def closed(self, index: int, *, active: bool = False) -> None:
        """Count a connection as ended."""
        self._change(index, active=-int(active), inactive=-int(not active))

    def load(self, index: int, *, active: int, inactive: int) -> None:
        """Set the numbers of connections of a real server, which are at most 2^31 - 1."""
        if not (0 <= active < 1 << 31 and 0 <= inactive < 1 << 31):
            raise ValueError(f"real server {index} has no such connection")
        self._loads[index].counts.value = active << 32 | inactive
        if self._ops.by_load:
            self._ops.changed(self._view, self._state, index)

    def _change(self, index: int, active: int, inactive: int) -> None:
        self.load(
            index,
            active=self.active(index) + active,
            inactive=self.inactive(index) + inactive,
        )
