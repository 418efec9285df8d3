# SPDX-License-Identifier: GPL-2.0
"""How the manager asks: dumps, whole readings, events; refusals become errors on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from . import codec, wire
from .errors import Error
from .messages import Message
from .model import Event, Real, Service
from .refusals import Refusal, explain
from .transport import DumpInterrupted, Transport
from .uapi import Command
from .wire import Body, Tree

if TYPE_CHECKING:
    from .packed import PackedRuleset
    from .ruleset import Ruleset

_DUMP_ATTEMPTS = 20

T = TypeVar("T")


def undisturbed(read: Callable[[], T | None]) -> T:
    """Return what read() found, once all of it is of one rule set.

    :param read: returns None, or raises DumpInterrupted, when it was of two
    :raises Error: the rules change all the time
    """
    for attempt in range(_DUMP_ATTEMPTS):
        with suppress(DumpInterrupted):
            found = read()
            if found is not None:
                return found
        time.sleep(min(0.001 * 2**attempt, 0.1))  # a change takes a moment
    raise Error("the rules change faster than they can be read", "try again")


def dump(
    transport: Transport,
    command: Command,
    tree: Tree,
    service: Service | None,
    real: Real | None = None,
) -> Iterator[bytes]:
    """Yield the bodies of a dump; a refusal is explained by whom it was about."""
    try:
        yield from transport.dump(command, wire.encode(Message, tree))
    except Refusal as refusal:
        raise explain(refusal, service, real) from None


def explain_replace(refusal: Refusal, body: Body, rules: Ruleset | PackedRuleset) -> Error:
    """Say which of the rules, whose body was refused, is at fault."""
    offset = refusal.offset
    attribute = codec.attribute_name(body, offset) if offset >= 0 else ""
    index = codec.nest_index(body, offset) if offset >= 0 else -1
    rule = rules.rule_at(index)
    error = explain(refusal, rule.service, rule.real, attribute)
    error.where = rule.where
    return error


def told(
    transport: Transport, announced: Iterator[tuple[Command, bytes] | None]
) -> Generator[Event, None, None]:
    """Yield what was announced as events, and close the transport in the end."""
    try:
        for event in announced:
            yield Event("lost") if event is None else codec.decode_event(*event)
    finally:
        transport.close()
