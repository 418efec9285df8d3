# SPDX-License-Identifier: GPL-2.0
"""One function a command: from a request to calls of the manager."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import AlreadyExists, NoSuchService
from ..model import Config, Event
from .output import write_lines

if TYPE_CHECKING:
    from ..endpoint import Endpoint
    from ..grammar import Request
    from ..manager import Manager
    from ..model import Service


def _add_service(lvs: Manager, request: Request) -> None:
    service = _service(request)
    lvs.add_service(service.protocol, service.endpoint, service.scheduler)


def _edit_service(lvs: Manager, request: Request) -> None:
    service = _service(request)
    lvs.edit_service(service, service.scheduler)


def _remove_service(lvs: Manager, request: Request) -> None:
    lvs.remove_service(_service(request))


def _add_real(lvs: Manager, request: Request) -> None:
    real = request.real
    lvs.add_real(_service(request), real.endpoint, real.weight, real.method)


def _add_old_real(lvs: Manager, request: Request) -> None:
    service, real = _service(request), request.real
    if "scheduler" in request.given:
        _check_scheduler(lvs, service)
    lvs.add_real(service, real.endpoint, real.weight, real.method, create=True)


def _check_scheduler(lvs: Manager, asked: Service) -> None:
    """Refuse a scheduler for a service that is there and has another."""
    try:
        there = lvs.service(*asked.key)
    except NoSuchService:
        return
    if there.scheduler != asked.scheduler:
        raise AlreadyExists(
            f"{asked.name} is scheduled by {there.scheduler}, not {asked.scheduler}",
            f"change it with: ippfvsadm -E {asked}",
        )


def _edit_real(lvs: Manager, request: Request) -> None:
    lvs.edit_real(_service(request), _endpoint(request), request.weight, request.method)


def _remove_real(lvs: Manager, request: Request) -> None:
    lvs.remove_real(_service(request), _endpoint(request))


def _list(lvs: Manager, request: Request) -> None:
    if "json" in request.given:
        from .show_json import VIEWS
    else:
        from .show import VIEWS
    VIEWS[request.view](lvs, request)


def _zero(lvs: Manager, request: Request) -> None:
    lvs.zero(request.service)


def _clear(lvs: Manager, request: Request) -> None:
    lvs.clear()


def _save(lvs: Manager, request: Request) -> None:
    from ..ruleset import config_lines, service_lines

    services = lvs.map_rules(lambda service: "\n".join(service_lines(service)))
    write_lines(config_lines(lvs.config().rule()))
    write_lines(services)


def _settings(lvs: Manager, request: Request) -> None:
    config = request.config
    if config == Config() and request.verb != "set":
        value = getattr(lvs.config(), request.verb.replace("-", "_"))
        write_lines([str(value)])
        return
    lvs.configure(
        default_method=config.default_method,
        tcp_timeout_s=config.tcp_timeout_s,
        fin_timeout_s=config.fin_timeout_s,
        udp_timeout_s=config.udp_timeout_s,
        conn_max=config.conn_max,
    )


def _events(lvs: Manager, request: Request) -> None:
    import json

    from .. import jsonview

    for event in lvs.events():
        as_json = "json" in request.given
        sys.stdout.write(json.dumps(jsonview.event(event)) if as_json else event_line(event))
        sys.stdout.write("\n")
        sys.stdout.flush()


def event_line(event: Event) -> str:
    """Return an event as the argument line that would do the same."""
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


_LETTERS = {
    "service_new": "-A",
    "service_set": "-E",
    "service_del": "-D",
    "real_new": "-a",
    "real_set": "-e",
    "real_del": "-d",
}


def _service(request: Request) -> Service:
    assert request.service is not None  # the grammar has seen to it
    return request.service


def _endpoint(request: Request) -> Endpoint:
    assert request.endpoint is not None  # the grammar has seen to it
    return request.endpoint


COMMANDS: dict[str, Callable[[Manager, Request], None]] = {
    "add-service": _add_service,
    "edit-service": _edit_service,
    "delete-service": _remove_service,
    "add-server": _add_real,
    "add-old-server": _add_old_real,
    "edit-server": _edit_real,
    "delete-server": _remove_real,
    "list": _list,
    "zero": _zero,
    "clear": _clear,
    "save": _save,
    "set": _settings,
    "default-method": _settings,
    "conn-max": _settings,
    "events": _events,
}
