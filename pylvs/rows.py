# SPDX-License-Identifier: GPL-2.0
"""Nests by the hundred thousand: what lay in one lies at the same places in the next; pure.

The kernel writes the attributes of a noun in one order and with the same lengths,
time after time. So one nest is walked, attribute by attribute, and leaves a form: a
struct in which frame (headers, padding) and value alternate. One call then unpacks
each nest that follows; as long as its frame is the same, so are the places of its
values, and where it differs the walk is done anew. The same struct packs.

Values are as they lie there: numbers of the host's order, be16 included (see
socket.ntohs), all else bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from .errors import TransportError
from .wire import HEADER, NUMBERS, unreadable, walk

Row = tuple[Any, ...]
Wanted = Mapping[str, Any]

REQUIRED: Any = object()
"""Stands for an attribute without which a nest cannot be read."""

_FORMS_MAX = 8  # of one header: more are not worth a search


class Place(NamedTuple):
    """Where a value lies; one without a name is of no attribute that we know."""

    name: str
    kind: str
    start: int
    end: int

    @property
    def code(self) -> str:
        """Return it in the words of struct.

        :raises TransportError: it is shorter or longer than its kind
        """
        length = self.end - self.start
        code = NUMBERS[self.kind][1] if self.kind in NUMBERS else f"{length}s"
        if struct.calcsize(f"={code}") != length:
            raise TransportError("the kernel's answer has a malformed attribute")
        return code


class Form:
    """How one nest lies in a body; made of the first such nest."""

    def __init__(self, message: Any, body: bytes, start: int = 0) -> None:
        number, _, last = next(walk(body, start, len(body)))
        end = min((last + 3) & ~3, len(body))
        places = list(_places(message, body, start, end))
        code, at = "=", start
        for place in places:
            code += f"{place.start - at}s{place.code}"
            at = place.end
        self.noun = _declared(message, number)[0]
        self.names = [place.name for place in places]
        self.struct = struct.Struct(f"{code}{end - at}s")
        self.frames: Row = self.struct.unpack_from(body, start)[::2]

    def fits(self, body: bytes, start: int) -> bool:
        """Say whether a nest of this form begins there."""
        if len(body) - start < self.struct.size:
            return False
        return bool(self.struct.unpack_from(body, start)[::2] == self.frames)

    def picker(self, wanted: Wanted) -> Callable[[Row], Row]:
        """Return what picks the wanted values out of all that was unpacked.

        :raises TransportError: one that is required is not there
        """
        place = {name: 2 * index + 1 for index, name in enumerate(self.names)}
        absent = {name: value for name, value in wanted.items() if name not in place}
        for index, (name, value) in enumerate(absent.items(), 2 * len(self.names) + 1):
            if value is REQUIRED:
                raise unreadable(f"it lacks {name}")
            place[name] = index
        pick = itemgetter(*(place[name] for name in wanted))
        more = tuple(absent.values())
        return (lambda row: pick(row + more)) if more else pick


class Reader:
    """Reads bodies that are nests of some nouns, one after the other.

    :param wanted: for each noun (at least two) names of attributes, of nests within
        it too, each with what stands for it where it is absent
    """

    def __init__(self, message: Any, wanted: Mapping[str, Wanted]) -> None:
        self._message = message
        self._wanted = wanted
        self._known: dict[bytes, list[tuple[Form, Callable[[Row], Row]]]] = {}

    def runs(self, body: bytes) -> Iterator[tuple[str, list[Row]]]:
        """Yield a noun and the wanted values of its nests, as many as follow each other.

        :raises TransportError: malformed
        """
        view = memoryview(body)
        start = 0
        while len(body) - start >= HEADER.size:
            form, pick = self._find(body, start)
            size, frames = form.struct.size, form.frames
            end = len(body) - (len(body) - start) % size
            rows = []
            for row in form.struct.iter_unpack(view[start:end]):
                if row[::2] != frames:
                    break
                rows.append(pick(row))
            start += len(rows) * size
            if form.noun in self._wanted:
                yield form.noun, rows

    def _find(self, body: bytes, start: int) -> tuple[Form, Callable[[Row], Row]]:
        known = self._known.setdefault(body[start : start + HEADER.size], [])
        for entry in known:
            if entry[0].fits(body, start):
                return entry
        form = Form(self._message, body, start)
        wanted = self._wanted.get(form.noun)
        entry = form, form.picker(wanted) if wanted else _nothing
        known.insert(0, entry)
        del known[_FORMS_MAX:]
        return entry


def _nothing(row: Row) -> Row:
    return ()


def _places(message: Any, body: bytes, start: int, end: int) -> Iterator[Place]:
    for number, first, last in walk(body, start, end):
        name, kind = _declared(message, number)
        nest = getattr(message, kind)
        if getattr(nest, "nla_map", ()):
            yield from _places(nest, body, first, last)
        else:
            yield Place(name, kind, first, last)


def _declared(message: Any, number: int) -> tuple[str, str]:
    """Return an attribute's name and kind."""
    name, kind = message.nla_map[number] if number < len(message.nla_map) else ("", "none")
    return ("" if kind == "none" else name), kind
