# SPDX-License-Identifier: GPL-2.0
"""The transport sends the bodies of requests to the kernel and receives the bodies of answers.

:class:`pylvs.Manager` uses only the protocol :class:`Transport`, which the unit tests implement
without a socket. :class:`NetlinkTransport` is a synchronous generic netlink socket.
docs/decisions/pyroute2.md explains why pyroute2's sockets are not used.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from ..errors import (
    Error,
    MissingOption,
    NoSuchNamespace,
    NotPermitted,
    TransportError,
    VersionMismatch,
)
from ..uapi import GENL_EVENTS, GENL_NAME, GENL_VERSION, Command
from .error_map import Refusal, not_loaded
from .nlattr import AttrSet, Body, encode, walk

NLM_F_REQUEST = 0x1
NLM_F_ACK = 0x4
NLM_F_DUMP_INTR = 0x10
NLM_F_DUMP = 0x300
NLM_F_CREATE = 0x400
NLM_F_CAPPED = 0x100
NLM_F_ACK_TLVS = 0x200

NLMSG_ERROR = 2
NLMSG_DONE = 3
NLMSG_OVERRUN = 4  # the last of the control messages

GENL_ID_CTRL = 16
CTRL_CMD_GETFAMILY = 3

_SOL_NETLINK = 270
_NETLINK_GENERIC = 16
_NETLINK_ADD_MEMBERSHIP = 1
_NETLINK_CAP_ACK = 10
_NETLINK_EXT_ACK = 11
_NETLINK_GET_STRICT_CHK = 12
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
_CLONE_NEWNET = 0x40000000

_NLMSGERR_ATTR_MSG = 1
_NLMSGERR_ATTR_OFFS = 2

_CTRL = AttrSet("CTRL_ATTR_", family_id="u16", family_name="string")
_CTRL_FAMILY_ID = 1
_CTRL_VERSION = 3
_CTRL_MCAST_GROUPS = 7
_CTRL_GROUP_NAME = 1
_CTRL_GROUP_ID = 2

_NLMSGHDR = struct.Struct("=IHHII")
_GENLMSGHDR = struct.Struct("=BBH")
_HEADERS = _NLMSGHDR.size + _GENLMSGHDR.size
_S32 = struct.Struct("=i")
_U32 = struct.Struct("=I")
_U16 = struct.Struct("=H")

_RECEIVE_BYTES = 1 << 16  # the kernel puts at most 32 KB into a datagram of a dump
_EVENT_BUFFER_BYTES = 1 << 22
_NAMED_NAMESPACES = "/run/netns"


class DumpInterrupted(Exception):
    """The rules changed during a dump, which must be repeated."""


class Transport(Protocol):
    """A connection to the ippfvs family in one network namespace.

    :ivar warning: what the kernel said about the last request that it carried out
    """

    warning: str

    def do(self, command: Command, body: Body = b"", flags: int = 0) -> list[bytes]:
        """Send one request and return the bodies of its answers.

        :param flags: flags of the netlink header, such as NLM_F_CREATE
        :raises Refusal: the kernel refused the request
        """

    def dump(self, command: Command, body: bytes = b"") -> Iterator[bytes]:
        """Yield the bodies of a dump.

        :raises DumpInterrupted: the dump is complete, but the rules changed during it
        :raises Refusal: the kernel refused the request
        """

    def events(self) -> Iterator[tuple[Command, bytes] | None]:
        """Subscribe to events and return an iterator that yields them.

        It yields None if events were lost.
        """

    def clone(self) -> Transport:
        """Return another transport to the same namespace."""

    def close(self) -> None:
        """Free the resources. A second call has no effect."""


class NetlinkTransport:
    """A generic netlink socket. See :class:`Transport` for its methods.

    :param netns: name or path of a network namespace; None means the namespace of the caller
    :raises ModuleNotLoaded: the kernel has no family ippfvs
    :raises VersionMismatch: the module has another version of the interface
    :raises MissingOption: the kernel has no generic netlink
    :raises NoSuchNamespace: there is no such namespace
    :raises NotPermitted: entering the namespace needs CAP_SYS_ADMIN
    """

    def __init__(self, netns: str | None = None) -> None:
        self._netns = netns
        self.warning = ""
        self._sequence = 0
        self._received = bytearray(_RECEIVE_BYTES)  # one buffer for all datagrams
        self._socket = _open() if netns is None else _open_in(netns)
        try:
            self._family, self._group = self._resolve()
        except BaseException:
            self.close()
            raise

    def do(self, command: Command, body: Body = b"", flags: int = 0) -> list[bytes]:
        """See :meth:`Transport.do`."""
        return self._request(self._family, command, body, flags)

    def dump(self, command: Command, body: bytes = b"") -> Iterator[bytes]:
        """See :meth:`Transport.dump`."""
        self._send(self._family, command, body, NLM_F_REQUEST | NLM_F_DUMP)
        interrupted = False
        while True:
            for answer in self._receive():
                interrupted = interrupted or bool(answer.flags & NLM_F_DUMP_INTR)
                if answer.kind in (NLMSG_DONE, NLMSG_ERROR):
                    _raise_refusal(answer)
                    if interrupted:
                        raise DumpInterrupted
                    return
                yield answer.body

    def events(self) -> Iterator[tuple[Command, bytes] | None]:
        """See :meth:`Transport.events`."""
        _set_buffer(self._socket, _SO_RCVBUFFORCE, socket.SO_RCVBUF, _EVENT_BUFFER_BYTES)
        try:
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, self._group)
        except OSError as error:
            raise _socket_error(error) from None
        return self._events()

    def clone(self) -> NetlinkTransport:
        """See :meth:`Transport.clone`."""
        return NetlinkTransport(self._netns)

    def close(self) -> None:
        """See :meth:`Transport.close`."""
        self._socket.close()

    def _events(self) -> Iterator[tuple[Command, bytes] | None]:
        while True:
            try:
                data = self._socket.recv(_RECEIVE_BYTES)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise _socket_error(error) from None
                yield None
                continue
            for answer in messages(data):
                if answer.kind == self._family and answer.command in Command.__members__.values():
                    yield Command(answer.command), answer.body

    def _request(self, family: int, command: int, body: Body, flags: int = 0) -> list[bytes]:
        self._send(family, command, body, NLM_F_REQUEST | NLM_F_ACK | flags)
        bodies: list[bytes] = []
        while True:
            for answer in self._receive():
                if answer.kind == NLMSG_ERROR:
                    _raise_refusal(answer)
                    self.warning = warning_in(answer)
                    return bodies
                bodies.append(answer.body)

    def _send(self, family: int, command: int, body: Body, flags: int) -> None:
        self._sequence += 1
        head = headers(family, flags, self._sequence, command, GENL_VERSION, len(body))
        size = len(head) + len(body)
        if size > _RECEIVE_BYTES:
            _set_buffer(self._socket, _SO_SNDBUFFORCE, socket.SO_SNDBUF, size + 4096)
        try:
            self._socket.sendmsg([head, body])
        except OSError as error:
            raise _socket_error(error, size) from None

    def _receive(self) -> Iterator[Answer]:
        """Yield the messages of one datagram that answer the last request."""
        try:
            size = self._socket.recv_into(self._received)
        except OSError as error:
            raise _socket_error(error) from None
        if not size:
            raise TransportError("the netlink socket was closed")
        for answer in messages(memoryview(self._received)[:size]):
            if answer.kind == NLMSG_OVERRUN:
                raise TransportError("the kernel lost a part of its answer")
            if answer.sequence == self._sequence:
                yield answer

    def _resolve(self) -> tuple[int, int]:
        """Return the numbers of the family and of its multicast group."""
        body = encode(_CTRL, [("family_name", GENL_NAME)])
        try:
            answers = self._request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, body)
        except Refusal as refusal:
            if refusal.errno == errno.ENOENT:
                raise not_loaded() from None
            raise TransportError(
                f"generic netlink does not answer: {os.strerror(refusal.errno)}"
            ) from None
        if not answers:
            raise TransportError("generic netlink gave no answer about its family ippfvs")
        return _family_and_group(answers[0])


def _family_and_group(body: bytes) -> tuple[int, int]:
    """Decode the answer of nlctrl.

    :raises VersionMismatch: the module has another version of the interface
    """
    attrs = {number: (first, last) for number, first, last in walk(body, 0, len(body))}
    try:
        (family,) = _U16.unpack_from(body, attrs[_CTRL_FAMILY_ID][0])
        (version,) = _U32.unpack_from(body, attrs[_CTRL_VERSION][0])
        groups = {}
        for _, start, end in walk(body, *attrs.get(_CTRL_MCAST_GROUPS, (0, 0))):
            group = {number: body[first:last] for number, first, last in walk(body, start, end)}
            (groups[group[_CTRL_GROUP_NAME]],) = _U32.unpack(group[_CTRL_GROUP_ID])
    except (KeyError, struct.error):
        raise TransportError("generic netlink gave an answer that cannot be read") from None
    if version != GENL_VERSION:
        raise VersionMismatch(
            f"the ippfvs module has version {version} of the interface, pylvs has {GENL_VERSION}",
            "install the module and pylvs of the same release",
        )
    return family, groups.get(GENL_EVENTS.encode() + b"\0", 0)


# The framing of messages


class Answer(NamedTuple):
    """One message of the kernel. A control message has no generic netlink header."""

    kind: int
    flags: int
    sequence: int
    command: int
    body: bytes


def headers(family: int, flags: int, sequence: int, command: int, version: int, size: int) -> bytes:
    """Return the netlink and generic netlink headers of a message.

    :param size: the size of the body in bytes
    """
    head = _NLMSGHDR.pack(_HEADERS + size, family, flags, sequence, 0)
    return head + _GENLMSGHDR.pack(command, version, 0)


def messages(data: bytes | memoryview) -> Iterator[Answer]:
    """Yield the messages of a datagram.

    :raises TransportError: a message is longer than the rest of the datagram
    """
    start = 0
    while len(data) - start >= _NLMSGHDR.size:
        length, kind, flags, sequence, _ = _NLMSGHDR.unpack_from(data, start)
        content, end = start + _NLMSGHDR.size, start + length
        body = content if kind <= NLMSG_OVERRUN else content + _GENLMSGHDR.size
        if end < body or end > len(data):
            raise TransportError("the kernel's answer was cut short")
        command = data[content] if body > content else 0
        yield Answer(kind, flags, sequence, command, bytes(data[body:end]))
        start = (end + 3) & ~3


def refusal_in(answer: Answer) -> Refusal | None:
    """Decode NLMSG_ERROR or NLMSG_DONE. Return None if it means success."""
    body = answer.body
    if len(body) < _S32.size:
        return None if answer.kind == NLMSG_DONE else Refusal(errno.EPROTO)
    (number,) = _S32.unpack_from(body)
    if number >= 0:
        return None
    message, offset = _extended_error(answer) if answer.flags & NLM_F_ACK_TLVS else ("", -1)
    return Refusal(-number, message, offset)


def warning_in(answer: Answer) -> str:
    """Return the kernel's message about a request that it carried out, or an empty text."""
    return _extended_error(answer)[0] if answer.flags & NLM_F_ACK_TLVS else ""


def _extended_error(answer: Answer) -> tuple[str, int]:
    """Return the kernel's message, and the offset of the offending attribute in our body."""
    body, start = answer.body, _S32.size
    if answer.kind == NLMSG_ERROR:
        # The request follows or, with NLM_F_CAPPED, only its header.
        (length,) = _U32.unpack_from(body, start)
        start += _NLMSGHDR.size if answer.flags & NLM_F_CAPPED else (length + 3) & ~3
    message, offset = "", -1
    for number, first, last in walk(body, start, len(body)):
        if number == _NLMSGERR_ATTR_MSG:
            message = body[first:last].rstrip(b"\0").decode(errors="replace")
        elif number == _NLMSGERR_ATTR_OFFS and last - first == _U32.size:
            offset = _U32.unpack_from(body, first)[0] - _HEADERS
    return message, offset


def _raise_refusal(answer: Answer) -> None:
    refusal = refusal_in(answer)
    if refusal is not None:
        raise refusal


# The socket


def _open() -> socket.socket:
    try:
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_GENERIC)
    except OSError as error:
        if error.errno in (errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT):
            raise MissingOption("the running kernel has no generic netlink (CONFIG_NET)") from None
        raise _socket_error(error) from None
    try:
        sock.bind((0, 0))
        for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK):
            sock.setsockopt(_SOL_NETLINK, option, 1)
    except OSError as error:
        sock.close()
        raise _socket_error(error) from None
    return sock


def _open_in(netns: str) -> socket.socket:
    """Open a socket in another network namespace.

    A socket stays in the namespace in which it was opened. A short-lived thread enters the
    namespace, so that no thread of the caller leaves its own.
    """
    from threading import Thread

    opened: list[socket.socket] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            _enter(netns)
            opened.append(_open())
        except BaseException as failure:  # raised again in the thread of the caller
            failures.append(failure)

    thread = Thread(target=run, name="pylvs-netns")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return opened[0]


def _enter(netns: str) -> None:
    """Move the calling thread into a network namespace.

    :param netns: a path, or a name as ``ip netns`` keeps it
    """
    path = netns if "/" in netns else os.path.join(_NAMED_NAMESPACES, netns)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(fd)
        finally:
            os.close(fd)
    except PermissionError:
        raise NotPermitted(
            f"entering network namespace '{netns}' needs CAP_SYS_ADMIN",
            "do it as root, for example with sudo",
        ) from None
    except OSError as error:
        raise NoSuchNamespace(
            f"no network namespace '{netns}' ({error.strerror})", "list them with: ip netns"
        ) from None


def _setns(fd: int) -> None:
    import ctypes  # os.setns() exists from Python 3.12 on

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(fd, _CLONE_NEWNET) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _set_buffer(sock: socket.socket, force: int, option: int, size: int) -> None:
    """Set a buffer's size in bytes. For an unprivileged caller, a sysctl limits the size."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, force, size)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, option, size)


def _socket_error(error: OSError, size: int = 0) -> Error:
    if error.errno == errno.EMSGSIZE:
        return TransportError(
            f"a request of {size} bytes is more than the socket may send",
            "raise the limit with: sysctl net.core.wmem_max",
        )
    if error.errno == errno.ENOBUFS:
        return TransportError("the kernel had no room for its answer", "try again")
    return TransportError(f"netlink: {error.strerror or error}")
