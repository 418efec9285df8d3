# SPDX-License-Identifier: GPL-2.0
"""Netlink's own framing: headers, acknowledgements, extended errors; pure."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator
from typing import NamedTuple

from .errors import TransportError
from .refusals import Refusal
from .wire import walk

NLM_F_REQUEST = 0x1
NLM_F_ACK = 0x4
NLM_F_DUMP_INTR = 0x10
NLM_F_DUMP = 0x300
NLM_F_CREATE = 0x400
NLM_F_CAPPED = 0x100
NLM_F_ACK_TLVS = 0x200

NLMSG_NOOP = 1
NLMSG_ERROR = 2
NLMSG_DONE = 3
NLMSG_OVERRUN = 4

GENL_ID_CTRL = 16
CTRL_CMD_GETFAMILY = 3

_NLMSGHDR = struct.Struct("=IHHII")
_GENLMSGHDR = struct.Struct("=BBH")
_ERROR = struct.Struct("=i")
_U32 = struct.Struct("=I")
HEADERS = _NLMSGHDR.size + _GENLMSGHDR.size

_NLMSGERR_ATTR_MSG = 1
_NLMSGERR_ATTR_OFFS = 2


class Answer(NamedTuple):
    """One message from the kernel; of a control message the body is all its content."""

    kind: int
    flags: int
    sequence: int
    command: int
    body: bytes


def frame(family: int, flags: int, sequence: int, command: int, version: int, body: bytes) -> bytes:
    """Return a whole generic netlink message."""
    return headers(family, flags, sequence, command, version, len(body)) + body


def headers(family: int, flags: int, sequence: int, command: int, version: int, size: int) -> bytes:
    """Return what stands before a body of SIZE bytes."""
    head = _NLMSGHDR.pack(HEADERS + size, family, flags, sequence, 0)
    return head + _GENLMSGHDR.pack(command, version, 0)


def messages(data: bytes | memoryview) -> Iterator[Answer]:
    """Yield the messages of a datagram.

    :raises TransportError: a length lies
    """
    start = 0
    while len(data) - start >= _NLMSGHDR.size:
        length, kind, flags, sequence, _ = _NLMSGHDR.unpack_from(data, start)
        end = start + length
        if length < _NLMSGHDR.size or end > len(data):
            raise TransportError("the kernel's answer was cut short")
        yield _answer(data, start + _NLMSGHDR.size, end, kind, flags, sequence)
        start = (end + 3) & ~3


def _answer(
    data: bytes | memoryview, start: int, end: int, kind: int, flags: int, sequence: int
) -> Answer:
    if kind <= NLMSG_OVERRUN:
        return Answer(kind, flags, sequence, 0, bytes(data[start:end]))
    if end - start < _GENLMSGHDR.size:
        raise TransportError("the kernel's answer was cut short")
    return Answer(kind, flags, sequence, data[start], bytes(data[start + _GENLMSGHDR.size : end]))


def refusal_in(answer: Answer) -> Refusal | None:
    """Read NLMSG_ERROR or NLMSG_DONE; None means that all went well."""
    body = answer.body
    if len(body) < _ERROR.size:
        return None if answer.kind == NLMSG_DONE else Refusal(errno.EPROTO)
    (number,) = _ERROR.unpack_from(body)
    if number >= 0:
        return None
    sentence, offset = _extended(answer) if answer.flags & NLM_F_ACK_TLVS else ("", -1)
    return Refusal(-number, sentence, offset)


def _extended(answer: Answer) -> tuple[str, int]:
    """Return the kernel's sentence, and the offending attribute's offset in our body."""
    body, start = answer.body, _ERROR.size
    if answer.kind == NLMSG_ERROR:
        (length,) = _U32.unpack_from(body, start)
        start += _NLMSGHDR.size if answer.flags & NLM_F_CAPPED else (length + 3) & ~3
    sentence, offset = "", -1
    for kind, first, last in walk(body, start, len(body)):
        if kind == _NLMSGERR_ATTR_MSG:
            sentence = body[first:last].rstrip(b"\0").decode(errors="replace")
        elif kind == _NLMSGERR_ATTR_OFFS and last - first == _U32.size:
            offset = _U32.unpack_from(body, first)[0] - HEADERS
    return sentence, offset
