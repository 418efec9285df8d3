# SPDX-License-Identifier: GPL-2.0
"""Netlink attributes by struct.

pyroute2 makes an object of every attribute, which is pleasant for one request and
far too slow for many. Here the same declarations, the nla_map of the classes in
:mod:`pylvs.messages`, drive plain struct calls; a test proves that both give the
same bytes. What comes by the hundred thousand goes through :mod:`pylvs.rows`.

A tree is a list of (name, value), where the value of a nest is a tree again.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from .errors import TransportError
from .messages import NLA_F_NESTED, Nest

Tree = list[tuple[str, Any]]
Body = bytes | bytearray
Encode = Callable[[Any], bytes]
Decode = Callable[[bytes, int, int], Any]

TYPE_MASK = 0x3FFF
HEADER = struct.Struct("=HH")
NUMBERS = {"uint8": "=B", "uint32": "=I", "uint64": "=Q", "be16": ">H"}
_TAILS = (b"", b"\0\0\0", b"\0\0", b"\0")


def unreadable(what: object) -> TransportError:
    """Return the error that says what of an answer is not as we know it."""
    return TransportError(
        f"the kernel's answer cannot be read: {what}", "use module and pylvs of one release"
    )


def walk(data: Body, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield type, start and end of the content of each attribute.

    :raises TransportError: a length lies
    """
    while end - start >= HEADER.size:
        length, kind = HEADER.unpack_from(data, start)
        if length < HEADER.size or start + length > end:
            raise TransportError("the kernel's answer has an attribute of impossible length")
        yield kind & TYPE_MASK, start + HEADER.size, start + length
        start += (length + 3) & ~3


def encode(message: Any, tree: Tree) -> bytes:
    """Return the attributes of a tree, as a class of pylvs.messages declares them."""
    encoders = _encoders(message)
    return b"".join([encoders[name](value) for name, value in tree])


def decode(message: Any, data: bytes, start: int = 0, end: int | None = None) -> dict[str, Any]:
    """Return the attributes by name, nests as dictionaries; unknown ones are left out.

    :raises TransportError: malformed
    """
    decoders = _decoders(message)
    try:
        return {
            decoder[0]: decoder[1](data, first, last)
            for kind, first, last in walk(data, start, len(data) if end is None else end)
            if (decoder := decoders.get(kind)) is not None
        }
    except (struct.error, UnicodeDecodeError):
        raise TransportError("the kernel's answer has a malformed attribute") from None


@cache
def _encoders(message: Any) -> dict[str, Encode]:
    return {
        name: _encoder(message, number, kind)
        for number, (name, kind) in enumerate(message.nla_map)
        if kind != "none"
    }


@cache
def _decoders(message: Any) -> dict[int, tuple[str, Decode]]:
    return {
        number: (name, _decoder(message, kind))
        for number, (name, kind) in enumerate(message.nla_map)
        if kind != "none"
    }


def _attribute(number: int, content: bytes) -> bytes:
    length = HEADER.size + len(content)
    return HEADER.pack(length, number) + content + _TAILS[length & 3]


def _encoder(message: Any, number: int, kind: str) -> Encode:
    if kind in NUMBERS:
        return _number_encoder(number, struct.Struct(NUMBERS[kind]))
    if kind == "binary":
        return lambda value: _attribute(number, value)
    if kind == "asciiz":
        return lambda value: _attribute(number, value.encode() + b"\0")
    nest = _nest(message, kind)
    return lambda tree: _attribute(number | NLA_F_NESTED, encode(nest, tree))


def _number_encoder(number: int, form: struct.Struct) -> Encode:
    head = HEADER.pack(HEADER.size + form.size, number)
    tail = _TAILS[form.size & 3]
    pack = form.pack
    return lambda value: head + pack(value) + tail


def _decoder(message: Any, kind: str) -> Decode:
    if kind in NUMBERS:
        unpack_from = struct.Struct(NUMBERS[kind]).unpack_from
        return lambda data, start, end: unpack_from(data, start)[0]
    if kind == "binary":
        return lambda data, start, end: data[start:end]
    if kind == "asciiz":
        return lambda data, start, end: data[start:end].rstrip(b"\0").decode()
    nest = _nest(message, kind)
    return lambda data, start, end: decode(nest, data, start, end)


def _nest(message: Any, kind: str) -> type[Nest]:
    nest: type[Nest] = getattr(message, kind)
    return nest
