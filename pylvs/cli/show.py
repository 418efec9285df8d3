# SPDX-License-Identifier: GPL-2.0
"""The listings of ippfvsadm: plain tables, tables for terminals, and JSON."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import _listing
from . import write_lines

if TYPE_CHECKING:
    from .._grammar import Request
    from .._listing import ServiceRates
    from ..manager import Manager
    from ..model import Event, ServiceInfo

View = Callable[["Manager", "Request"], None]


def _services(lvs: Manager, request: Request) -> list[ServiceInfo]:
    """Return the service that the request names, or all services."""
    if request.service is None:
        return lvs.services()
    return [lvs.service(request.service.protocol, request.service.endpoint)]


def _measure_rates(lvs: Manager, request: Request) -> tuple[list[ServiceRates], float]:
    """Return the rates, and the time in seconds for which they were measured."""
    before, start = _services(lvs, request), time.monotonic()
    time.sleep(request.interval_s)
    after, seconds = _services(lvs, request), time.monotonic() - start
    return _listing.rates_between(before, after, seconds), seconds


# Tables


def _rules(lvs: Manager, request: Request) -> None:
    if sys.stdout.isatty():
        from .._terminal import rules

        services = _services(lvs, request)
        _draw(rules(services, *_screen()))
        _warn(services)
    elif "verbose" in request.given:
        services = _services(lvs, request)
        write_lines(_listing.rules(services))
        _warn(services)
    elif request.service is None:  # rules are read faster without their counters
        write_lines(_listing.paper(lvs.map_rules(_listing.cells)))
    else:
        services = _services(lvs, request)
        write_lines(_listing.paper([_listing.cells(each) for each in services]))
        _warn(services)


def _warn(services: list[ServiceInfo]) -> None:
    """Name on standard error the real servers that cannot work with the present addresses."""
    for sentence in _listing.faults(services):
        print(f"ippfvsadm: warning: {sentence}", file=sys.stderr)


def _stats(lvs: Manager, request: Request) -> None:
    _print_stats(_services(lvs, request))


def _print_stats(services: list[ServiceInfo]) -> None:
    if sys.stdout.isatty():
        from .._terminal import stats

        _draw(stats(services, *_screen()))
    else:
        write_lines(_listing.stats(services))


def _rates(lvs: Manager, request: Request) -> None:
    found, _ = _measure_rates(lvs, request)
    _print_rates(found)


def _stats_and_rates(lvs: Manager, request: Request) -> None:
    found, _ = _measure_rates(lvs, request)
    _print_stats([each.service for each in found])
    write_lines([""])
    _print_rates(found)


def _print_rates(found: list[ServiceRates]) -> None:
    if sys.stdout.isatty():
        from .._terminal import rates

        _draw(rates(found, *_screen()))
    else:
        write_lines(_listing.rates(found))


def _connections(lvs: Manager, request: Request) -> None:
    write_lines(_listing.connections(lvs.connections(request.service, request.endpoint)))


def _drops(lvs: Manager, request: Request) -> None:
    write_lines(_listing.drops(lvs.drops()))
    write_lines(["", *_listing.evictions(lvs.evictions())])


def _timeouts(lvs: Manager, request: Request) -> None:
    write_lines(_listing.timeouts(lvs.config()))


VIEWS: dict[str, View] = {
    "rules": _rules,
    "stats": _stats,
    "rate": _rates,
    "stats-and-rate": _stats_and_rates,
    "connection": _connections,
    "drops": _drops,
    "timeout": _timeouts,
}


def _screen() -> tuple[int, bool]:
    """Return the width of the terminal in columns, and whether to use colours."""
    from shutil import get_terminal_size

    color = os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("NO_COLOR")
    return get_terminal_size((80, 24)).columns, color


def _draw(table: str) -> None:
    """Print a table. If the encoding of standard output has no line character, use hyphens."""
    try:
        table.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        table = table.replace("─", "-")
    sys.stdout.write(table)


# JSON


def _json_services(lvs: Manager, request: Request) -> None:
    from .._json import services

    _write_json(services(_services(lvs, request)))


def _json_rates(lvs: Manager, request: Request) -> None:
    from .._json import rates

    _write_json(rates(*_measure_rates(lvs, request)))


def _json_stats_and_rates(lvs: Manager, request: Request) -> None:
    from .._json import stats_and_rates

    _write_json(stats_and_rates(*_measure_rates(lvs, request)))


def _json_connections(lvs: Manager, request: Request) -> None:
    """Print one JSON object with one connection per line, in bounded memory."""
    from json import dumps

    from .._json import SCHEMA, connection

    sys.stdout.write(f'{{"schema": {SCHEMA}, "connections": [')
    for number, entry in enumerate(lvs.connections(request.service, request.endpoint)):
        head = ",\n  " if number else "\n  "
        sys.stdout.write(head + dumps(connection(entry)))
    sys.stdout.write("\n]}\n")


def _json_drops(lvs: Manager, request: Request) -> None:
    from .._json import drops

    _write_json(drops(lvs.drops(), lvs.evictions()))


def _json_config(lvs: Manager, request: Request) -> None:
    from .._json import config

    _write_json(config(lvs.config()))


def _write_json(value: dict[str, Any]) -> None:
    """Print a JSON object in one write, because standard output may be unbuffered."""
    from json import dumps

    sys.stdout.write(dumps(value, indent=2) + "\n")


JSON_VIEWS: dict[str, View] = {
    "rules": _json_services,
    "stats": _json_services,
    "rate": _json_rates,
    "stats-and-rate": _json_stats_and_rates,
    "connection": _json_connections,
    "drops": _json_drops,
    "timeout": _json_config,
}

# Events

_LETTERS = {
    "service_new": "-A",
    "service_set": "-E",
    "service_del": "-D",
    "real_new": "-a",
    "real_set": "-e",
    "real_del": "-d",
}


def show_events(lvs: Manager, request: Request) -> None:
    """Print one line for each event as soon as it arrives."""
    for event in lvs.events():
        if "json" in request.given:
            from json import dumps

            from .._json import event as as_json

            line = dumps(as_json(event))
        else:
            line = event_line(event)
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def event_line(event: Event) -> str:
    """Return an event as the argument line of ippfvsadm that makes the same change."""
    from ..ruleset import config_lines

    if event.service is not None:
        letter = _LETTERS[event.kind]
        if event.real is None:
            return f"{letter} {event.service.option if letter == '-D' else event.service}"
        real = f"-r {event.real.endpoint}" if letter == "-d" else event.real
        return f"{letter} {event.service.option} {real}"
    if event.kind == "config_set":
        return "\n".join(config_lines(event.config))
    return "# the whole rule set was replaced" if event.kind == "replace" else "# events were lost"
