# SPDX-License-Identifier: GPL-2.0
"""The listings: read, choose the form, print."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .. import jsonview, listing
from .commands import write_lines

if TYPE_CHECKING:
    from ..grammar import Request
    from ..manager import Manager
    from ..model import Connection, ServiceInfo


def _rules(lvs: Manager, request: Request) -> None:
    services = _services(lvs, request)
    if _as_json(request):
        _write_json(jsonview.services(services))
    elif sys.stdout.isatty():
        from ..terminal import rules

        sys.stdout.write(rules(services, *_screen()))
    else:
        write_lines(listing.rules(services, "verbose" in request.given))


def _stats(lvs: Manager, request: Request) -> None:
    services = _services(lvs, request)
    if _as_json(request):
        _write_json(jsonview.services(services))
    elif sys.stdout.isatty():
        from ..terminal import stats

        sys.stdout.write(stats(services, *_screen()))
    else:
        write_lines(listing.stats(services))


def _rates(lvs: Manager, request: Request) -> None:
    from ..rates import between

    before, start = _services(lvs, request), time.monotonic()
    time.sleep(request.interval_s)
    after, seconds = _services(lvs, request), time.monotonic() - start
    measured = between(before, after, seconds)
    if _as_json(request):
        _write_json(jsonview.rates(measured, seconds))
    elif sys.stdout.isatty():
        from ..terminal import rates

        sys.stdout.write(rates(measured, *_screen()))
    else:
        write_lines(listing.rates(measured))


def _connections(lvs: Manager, request: Request) -> None:
    entries = lvs.connections(request.service, request.endpoint)
    if _as_json(request):
        _write_connections(entries)
    else:
        write_lines(listing.connections(entries))


def _drops(lvs: Manager, request: Request) -> None:
    drops = lvs.drops()
    if _as_json(request):
        _write_json(jsonview.drops(drops))
    else:
        write_lines(listing.drops(drops))


def _timeouts(lvs: Manager, request: Request) -> None:
    config = lvs.config()
    if _as_json(request):
        _write_json(jsonview.config(config))
    else:
        write_lines(listing.timeouts(config))


def _screen() -> tuple[int, bool]:
    """Return how wide the terminal is, and whether its user wants colours."""
    from shutil import get_terminal_size

    return get_terminal_size((80, 24)).columns, not os.environ.get("NO_COLOR")


def _services(lvs: Manager, request: Request) -> list[ServiceInfo]:
    if request.service is None:
        return lvs.services()
    return [lvs.service(request.service.protocol, request.service.endpoint)]


def _as_json(request: Request) -> bool:
    return "json" in request.given


def _write_json(value: dict[str, Any]) -> None:
    json.dump(value, sys.stdout, indent=2)
    sys.stdout.write("\n")


def _write_connections(entries: Iterable[Connection]) -> None:
    """Print one object, a line a connection, without holding them all."""
    sys.stdout.write(f'{{"schema": {jsonview.SCHEMA}, "connections": [')
    for number, entry in enumerate(entries):
        sys.stdout.write(",\n  " if number else "\n  ")
        sys.stdout.write(json.dumps(jsonview.connection(entry)))
    sys.stdout.write("\n]}\n")


VIEWS: dict[str, Callable[[Manager, Request], None]] = {
    "rules": _rules,
    "stats": _stats,
    "rate": _rates,
    "connection": _connections,
    "drops": _drops,
    "timeout": _timeouts,
}
