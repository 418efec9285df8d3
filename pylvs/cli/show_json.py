# SPDX-License-Identifier: GPL-2.0
"""The listings as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import jsonview
from .asked import measured, services

if TYPE_CHECKING:
    from ..grammar import Request
    from ..manager import Manager


def _services(lvs: Manager, request: Request) -> None:
    _write(jsonview.services(services(lvs, request)))


def _rates(lvs: Manager, request: Request) -> None:
    _write(jsonview.rates(*measured(lvs, request)))


def _connections(lvs: Manager, request: Request) -> None:
    """Print one object, a line a connection, without holding them all."""
    sys.stdout.write(f'{{"schema": {jsonview.SCHEMA}, "connections": [')
    for number, entry in enumerate(lvs.connections(request.service, request.endpoint)):
        head = ",\n  " if number else "\n  "
        sys.stdout.write(head + json.dumps(jsonview.connection(entry)))
    sys.stdout.write("\n]}\n")


def _drops(lvs: Manager, request: Request) -> None:
    _write(jsonview.drops(lvs.drops()))


def _timeouts(lvs: Manager, request: Request) -> None:
    _write(jsonview.config(lvs.config()))


def _write(value: dict[str, Any]) -> None:
    """Print it with one call: standard output may be unbuffered."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


VIEWS: dict[str, Callable[[Manager, Request], None]] = {
    "rules": _services,
    "stats": _services,
    "rate": _rates,
    "connection": _connections,
    "drops": _drops,
    "timeout": _timeouts,
}
