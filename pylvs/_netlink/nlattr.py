# SPDX-License-Identifier: GPL-2.0
"""Netlink attributes: attribute sets, the encoder, and the decoder. No I/O.

An :class:`AttrSet` declares the attributes of one nest. :func:`encode` and
:class:`Decoder` are the only code that reads or writes attributes.

The decoder is made for dumps of 100,000 nests. The kernel writes the attributes of a nest
in one order and with the same lengths each time. So the decoder walks one nest, attribute
by attribute, and keeps its :class:`AttrLayout`: a struct in which frames (headers and
padding) and values alternate. One call of the struct then unpacks each following nest. As
long as the frames are equal, the values are at the same positions. If a nest has other frames,
the decoder walks that nest, too. The same struct encodes nests of that layout.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from ..errors import TransportError

Body = bytes | bytearray
"""The attributes of a message, without the headers of the message."""

Values = list[tuple[str, Any]]
"""Names and values of attributes. The value of a nest is such a list again."""

Row = tuple[Any, ...]
"""The values of one nest that the caller wants."""

Wanted = Mapping[str, Any]
"""Names of attributes, each with the value that replaces an absent one."""

REQUIRED: Any = object()
"""Stands for the absence of a default value: a nest without this attribute is malformed."""

HEADER = struct.Struct("=HH")

_NLA_F_NESTED = 1 << 15
_TYPE_MASK = 0x3FFF
_NUMBERS = {"u8": "=B", "u32": "=I", "u64": "=Q", "be16": ">H"}
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")
_LAYOUTS_MAX = 8  # per length of nests; searching more layouts takes longer than a walk


class Attr(NamedTuple):
    """A declared attribute.

    :ivar number: the attribute's type in the netlink header
    :ivar symbol: the name in kernel/uapi/ippfvs.h
    :ivar kind: "u8", "u32", "u64" (host byte order), "be16" (network byte order),
        "binary", "string", or "nest"
    :ivar nest: the attribute set of a nest
    """

    number: int
    symbol: str
    kind: str
    nest: AttrSet | None


class AttrSet:
    """The attributes of one nest in the order of their numbers, which begin with 1.

    :param prefix: the prefix of the names in kernel/uapi/ippfvs.h
    :param attrs: for each attribute, its kind, or its set if it is a nest, or None if it is padding
    """

    def __init__(self, prefix: str, **attrs: str | AttrSet | None) -> None:
        self.attrs: dict[str, Attr] = {}
        self.names: dict[int, str] = {}
        for number, (name, kind) in enumerate(attrs.items(), 1):
            if kind is None:
                continue
            nest = kind if isinstance(kind, AttrSet) else None
            symbol = prefix + name.upper()
            self.attrs[name] = Attr(number, symbol, "nest" if nest else str(kind), nest)
            self.names[number] = name


def malformed(what: object) -> TransportError:
    """Return the error that says which part of an answer is not as expected."""
    return TransportError(
        f"the kernel's answer cannot be read: {what}", "use module and pylvs of one release"
    )


def walk(body: Body, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the number of each attribute, and where its content starts and ends.

    :raises TransportError: an attribute is longer than the rest of the body
    """
    while end - start >= HEADER.size:
        length, number = HEADER.unpack_from(body, start)
        if length < HEADER.size or start + length > end:
            raise TransportError("the kernel's answer has an attribute of impossible length")
        yield number & _TYPE_MASK, start + HEADER.size, start + length
        start += (length + 3) & ~3


def encode(attr_set: AttrSet, values: Values) -> bytes:
    """Return the attributes that have these values, in this order."""
    parts: list[bytes] = []
    for name, value in values:
        number, _, kind, nest = attr_set.attrs[name]
        if nest is not None:
            content = encode(nest, value)
            number |= _NLA_F_NESTED  # the kernel's strict parser requires this flag
        elif kind == "binary":
            content = value
        elif kind == "string":
            content = value.encode() + b"\0"
        else:
            content = struct.pack(_NUMBERS[kind], value)
        length = HEADER.size + len(content)
        parts += HEADER.pack(length, number), content, _PADDING[length & 3]
    return b"".join(parts)


def locate(attr_set: AttrSet, body: Body, offset: int) -> tuple[int, str]:
    """Find the attribute at an offset that an extended error of the kernel reports.

    :return: the index of the top-level attribute at the offset, or -1; and the kernel's name of
        the innermost attribute at the offset, or an empty string
    """
    for index, (_, start, end) in enumerate(walk(body, 0, len(body))):
        if start - HEADER.size <= offset < (end + 3) & ~3:
            return index, _symbol_at(attr_set, body, 0, len(body), offset)
    return -1, ""


def _symbol_at(attr_set: AttrSet, body: Body, start: int, end: int, offset: int) -> str:
    for number, first, last in walk(body, start, end):
        name = attr_set.names.get(number)
        if name is None or not first - HEADER.size <= offset < last:
            continue
        attr = attr_set.attrs[name]
        inner = _symbol_at(attr.nest, body, first, last, offset) if attr.nest else ""
        return inner or attr.symbol
    return ""


class Decoder:
    """A decoder of bodies that consist of nests.

    Numbers are ints. All other values, including strings with their NUL, are bytes. A be16 is an
    int that still needs :func:`socket.ntohs`.

    :param attr_set: the top-level attributes
    :param wanted: for each wanted nest, the names of at least two attributes with their default
        values. The attributes may be in nests inside it. Nests that are not wanted are skipped
    """

    def __init__(self, attr_set: AttrSet, **wanted: Wanted) -> None:
        self._attr_set = attr_set
        self._wanted = wanted
        self._layouts: dict[bytes, list[tuple[AttrLayout, Callable[[Row], Row]]]] = {}

    def segments(self, body: bytes) -> Iterator[tuple[str, list[Row]]]:
        """Yield, for each run of nests of one layout, their name and their rows.

        :raises TransportError: the body is malformed, or a nest lacks a required attribute
        """
        view = memoryview(body)
        start = 0
        while len(body) - start >= HEADER.size:
            layout, pick = self._layout_at(body, start)
            size, frames = layout.struct.size, layout.frames
            end = len(body) - (len(body) - start) % size
            rows = []
            for row in layout.struct.iter_unpack(view[start:end]):
                if row[::2] != frames:
                    break
                rows.append(pick(row))
            start += len(rows) * size
            if layout.nest in self._wanted:
                yield layout.nest, rows

    def _layout_at(self, body: bytes, start: int) -> tuple[AttrLayout, Callable[[Row], Row]]:
        known = self._layouts.setdefault(body[start : start + HEADER.size], [])
        for entry in known:
            if entry[0].matches(body, start):
                return entry
        layout = AttrLayout(self._attr_set, body, start)
        wanted = self._wanted.get(layout.nest)
        entry = layout, layout.picker(wanted) if wanted else _pick_nothing
        known.insert(0, entry)
        del known[_LAYOUTS_MAX:]
        return entry


def _pick_nothing(row: Row) -> Row:
    return ()


class _Field(NamedTuple):
    """A value within a nest. The name of an attribute that is not declared is empty."""

    name: str
    kind: str
    start: int
    end: int

    @property
    def code(self) -> str:
        """Return the format character of the value.

        :raises TransportError: the length of the value is not that of its kind
        """
        length = self.end - self.start
        code = _NUMBERS[self.kind][1] if self.kind in _NUMBERS else f"{length}s"
        if struct.calcsize(f"={code}") != length:
            raise TransportError("the kernel's answer has a malformed attribute")
        return code


class AttrLayout:
    """The positions of the values in a nest, found by walking one such nest.

    :ivar nest: the name of the nest, empty if it is not declared
    :ivar struct: unpacks a nest into frames and values, which alternate
    :ivar frames: the headers and the padding of the nest that was walked
    :raises TransportError: the nest is malformed
    """

    def __init__(self, attr_set: AttrSet, body: bytes, start: int = 0) -> None:
        number, _, last = next(walk(body, start, len(body)))
        end = min((last + 3) & ~3, len(body))
        fields = list(_fields(attr_set, body, start, end))
        code, at = "=", start
        for field in fields:
            code += f"{field.start - at}s{field.code}"
            at = field.end
        self.nest = attr_set.names.get(number, "")
        self.struct = struct.Struct(f"{code}{end - at}s")
        self.frames: Row = self.struct.unpack_from(body, start)[::2]
        self._names = [field.name for field in fields]

    def matches(self, body: bytes, start: int) -> bool:
        """Return whether a nest of this layout starts at START."""
        if len(body) - start < self.struct.size:
            return False
        return bool(self.struct.unpack_from(body, start)[::2] == self.frames)

    def picker(self, wanted: Wanted) -> Callable[[Row], Row]:
        """Return a function that picks the wanted values out of an unpacked nest.

        :raises TransportError: a required attribute is absent
        """
        index = {name: 2 * place + 1 for place, name in enumerate(self._names)}
        absent = {name: value for name, value in wanted.items() if name not in index}
        for place, (name, value) in enumerate(absent.items(), 2 * len(self._names) + 1):
            if value is REQUIRED:
                raise malformed(f"it lacks {self.nest} {name}")
            index[name] = place
        pick = itemgetter(*(index[name] for name in wanted))
        defaults = tuple(absent.values())
        return (lambda row: pick(row + defaults)) if defaults else pick


def _fields(attr_set: AttrSet, body: bytes, start: int, end: int) -> Iterator[_Field]:
    for number, first, last in walk(body, start, end):
        name = attr_set.names.get(number, "")
        attr = attr_set.attrs[name] if name else None
        if attr is not None and attr.nest is not None:
            yield from _fields(attr.nest, body, first, last)
        else:
            yield _Field(name, attr.kind if attr is not None else "binary", first, last)
