# SPDX-License-Identifier: GPL-2.0
"""The socket seam: bodies of messages to the kernel and back.

Everything above speaks to a :class:`Transport`; the unit tests put a model of the
kernel there. :class:`NetlinkTransport` is the real one, synchronous and small.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from typing import Protocol

from . import namespace
from ._pyroute2 import ctrlmsg
from .errors import Error, MissingOption, TransportError, VersionMismatch
from .netlink import (
    CTRL_CMD_GETFAMILY,
    GENL_ID_CTRL,
    HEADERS,
    NLM_F_ACK,
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSG_OVERRUN,
    Answer,
    frame,
    headers,
    messages,
    refusal_in,
)
from .refusals import Refusal, not_loaded
from .uapi import GENL_EVENTS, GENL_NAME, GENL_VERSION, Command
from .wire import Body

_SOL_NETLINK = 270
_NETLINK_GENERIC = 16
_NETLINK_ADD_MEMBERSHIP = 1
_NETLINK_CAP_ACK = 10
_NETLINK_EXT_ACK = 11
_NETLINK_GET_STRICT_CHK = 12
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33

_RECEIVE = 1 << 16  # more than the kernel ever puts into one datagram of a dump
_EVENT_BUFFER = 1 << 22


class DumpInterrupted(Exception):
    """The rules changed while they were read: ask again."""


class Transport(Protocol):
    """What carries requests to the kernel's rule tables."""

    def do(self, command: Command, body: Body = b"", flags: int = 0) -> list[bytes]:
        """Send one request and return the bodies of its answers.

        :raises Refusal: the kernel said no
        """

    def dump(self, command: Command, body: bytes = b"") -> Iterator[bytes]:
        """Yield the bodies of a dump.

        :raises DumpInterrupted: at its end, when the rules changed meanwhile
        """

    def events(self) -> Iterator[tuple[Command, bytes] | None]:
        """Yield events from now on, None where some were lost."""

    def twin(self) -> Transport:
        """Return another transport into the same namespace."""

    def close(self) -> None:
        """Give back what it holds; may be called twice."""


class NetlinkTransport:
    """A generic netlink socket that knows the number of the family ippfvs."""

    def __init__(self, netns: str | None = None) -> None:
        self._netns = netns
        self._sequence = 0
        self._received = bytearray(_RECEIVE)  # one for all, as memory anew for each costs more
        self._socket = namespace.call_in(netns, _open)
        try:
            self._family, self._group = self._resolve()
        except BaseException:
            self.close()
            raise

    def do(self, command: Command, body: Body = b"", flags: int = 0) -> list[bytes]:
        """See :meth:`Transport.do`."""
        return self._ask(self._family, command, body, flags)

    def dump(self, command: Command, body: bytes = b"") -> Iterator[bytes]:
        """See :meth:`Transport.dump`."""
        self._send(self._family, command, body, NLM_F_REQUEST | NLM_F_DUMP)
        torn = False
        while True:
            for answer in self._receive():
                torn = torn or bool(answer.flags & NLM_F_DUMP_INTR)
                if answer.kind in (NLMSG_DONE, NLMSG_ERROR):
                    _raise_refusal(answer)
                    if torn:
                        raise DumpInterrupted
                    return
                yield answer.body

    def events(self) -> Iterator[tuple[Command, bytes] | None]:
        """See :meth:`Transport.events`; subscribed when this returns."""
        _buffer(self._socket, _SO_RCVBUFFORCE, socket.SO_RCVBUF, _EVENT_BUFFER)
        try:
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, self._group)
        except OSError as error:
            raise _broken(error) from None
        return self._events()

    def twin(self) -> NetlinkTransport:
        """See :meth:`Transport.twin`."""
        return NetlinkTransport(self._netns)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _events(self) -> Iterator[tuple[Command, bytes] | None]:
        while True:
            try:
                data = self._socket.recv(_RECEIVE)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise _broken(error) from None
                yield None
                continue
            for answer in messages(data):
                if answer.kind == self._family and answer.command in Command.__members__.values():
                    yield Command(answer.command), answer.body

    def _ask(self, family: int, command: int, body: Body, flags: int = 0) -> list[bytes]:
        self._send(family, command, body, NLM_F_REQUEST | NLM_F_ACK | flags)
        bodies: list[bytes] = []
        while True:
            for answer in self._receive():
                if answer.kind == NLMSG_ERROR:
                    _raise_refusal(answer)
                    return bodies
                bodies.append(answer.body)

    def _send(self, family: int, command: int, body: Body, flags: int) -> None:
        self._sequence += 1
        head = headers(family, flags, self._sequence, command, GENL_VERSION, len(body))
        size = len(head) + len(body)
        if size > _RECEIVE:
            _buffer(self._socket, _SO_SNDBUFFORCE, socket.SO_SNDBUF, size + 4096)
        try:
            self._socket.sendmsg([head, body])
        except OSError as error:
            raise _broken(error, size) from None

    def _receive(self) -> Iterator[Answer]:
        """Yield the answers of one datagram that belong to the request."""
        try:
            size = self._socket.recv_into(self._received)
        except OSError as error:
            raise _broken(error) from None
        if not size:
            raise TransportError("the netlink socket was closed")
        for answer in messages(memoryview(self._received)[:size]):
            if answer.kind == NLMSG_OVERRUN:
                raise TransportError("the kernel lost a part of its answer")
            if answer.sequence == self._sequence:
                yield answer

    def _resolve(self) -> tuple[int, int]:
        """Ask for the numbers of the family and of its event group."""
        request = ctrlmsg()
        request["attrs"] = [["CTRL_ATTR_FAMILY_NAME", GENL_NAME]]
        request.encode()
        try:
            answers = self._ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, bytes(request.data[HEADERS:]))
        except Refusal as refusal:
            if refusal.errno == errno.ENOENT:
                raise not_loaded() from None
            raise TransportError(
                f"generic netlink does not answer: {os.strerror(refusal.errno)}"
            ) from None
        return _family(answers)


def _family(answers: list[bytes]) -> tuple[int, int]:
    """Read nlctrl's answer; it also tells the version that the module speaks."""
    if not answers:
        raise TransportError("generic netlink gave no answer about its family ippfvs")
    answer = ctrlmsg(bytearray(frame(GENL_ID_CTRL, 0, 0, 0, 0, answers[0])))
    answer.decode()
    version = answer.get_attr("CTRL_ATTR_VERSION")
    if version != GENL_VERSION:
        raise VersionMismatch(
            f"the ippfvs module speaks version {version} of its interface, pylvs {GENL_VERSION}",
            "install module and pylvs of one release",
        )
    groups = {
        group.get_attr("CTRL_ATTR_MCAST_GRP_NAME"): group.get_attr("CTRL_ATTR_MCAST_GRP_ID")
        for group in answer.get_attr("CTRL_ATTR_MCAST_GROUPS") or ()
    }
    return answer.get_attr("CTRL_ATTR_FAMILY_ID"), groups.get(GENL_EVENTS, 0)


def _open() -> socket.socket:
    try:
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_GENERIC)
    except OSError as error:
        if error.errno in (errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT):
            raise MissingOption("the running kernel has no generic netlink (CONFIG_NET)") from None
        raise _broken(error) from None
    try:
        sock.bind((0, 0))
        for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK):
            sock.setsockopt(_SOL_NETLINK, option, 1)
    except OSError as error:
        sock.close()
        raise _broken(error) from None
    return sock


def _buffer(sock: socket.socket, force: int, ask: int, size: int) -> None:
    """Make room for size bytes: by force where we may, else as far as the limit goes."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, force, size)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, ask, size)


def _raise_refusal(answer: Answer) -> None:
    refusal = refusal_in(answer)
    if refusal is not None:
        raise refusal


def _broken(error: OSError, size: int = 0) -> Error:
    if error.errno == errno.EMSGSIZE:
        return TransportError(
            f"a request of {size} bytes is more than the socket may send",
            "raise it with: sysctl net.core.wmem_max",
        )
    if error.errno == errno.ENOBUFS:
        return TransportError("the kernel had no room for its answer", "try again")
    return TransportError(f"netlink: {error.strerror or error}")
