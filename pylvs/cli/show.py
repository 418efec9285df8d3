# SPDX-License-Identifier: GPL-2.0
"""The listings: read, choose the form, print."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from .. import listing
from .asked import measured, services
from .output import write_lines

if TYPE_CHECKING:
    from ..grammar import Request
    from ..manager import Manager


def _rules(lvs: Manager, request: Request) -> None:
    if sys.stdout.isatty():
        from ..terminal import rules

        _put(rules(services(lvs, request), *_screen()))
    elif "verbose" in request.given:
        write_lines(listing.rules(services(lvs, request)))
    else:
        write_lines(listing.paper(_cells(lvs, request)))


def _cells(lvs: Manager, request: Request) -> list[str]:
    """Return what the paper's table is made of; of all services, without their counters."""
    if request.service is None:
        return lvs.map_rules(listing.cells)
    return [listing.cells(service) for service in services(lvs, request)]


def _stats(lvs: Manager, request: Request) -> None:
    if sys.stdout.isatty():
        from ..terminal import stats

        _put(stats(services(lvs, request), *_screen()))
    else:
        write_lines(listing.stats(services(lvs, request)))


def _rates(lvs: Manager, request: Request) -> None:
    found, _ = measured(lvs, request)
    if sys.stdout.isatty():
        from ..terminal import rates

        _put(rates(found, *_screen()))
    else:
        write_lines(listing.rates(found))


def _connections(lvs: Manager, request: Request) -> None:
    write_lines(listing.connections(lvs.connections(request.service, request.endpoint)))


def _drops(lvs: Manager, request: Request) -> None:
    write_lines(listing.drops(lvs.drops()))


def _timeouts(lvs: Manager, request: Request) -> None:
    write_lines(listing.timeouts(lvs.config()))


def _screen() -> tuple[int, bool]:
    """Return how wide the terminal is, and whether it has colours that its user wants."""
    from shutil import get_terminal_size

    wanted = os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("NO_COLOR")
    return get_terminal_size((80, 24)).columns, wanted


def _put(drawn: str) -> None:
    """Print a drawn table, with hyphens for its lines where there are no others."""
    try:
        drawn.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        drawn = drawn.replace("─", "-")
    sys.stdout.write(drawn)


VIEWS: dict[str, Callable[[Manager, Request], None]] = {
    "rules": _rules,
    "stats": _stats,
    "rate": _rates,
    "connection": _connections,
    "drops": _drops,
    "timeout": _timeouts,
}
