# SPDX-License-Identifier: GPL-2.0
"""The rule listing for people: a table drawn by rich; no I/O."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .model import RealInfo, ServiceInfo


def rules(services: Iterable[ServiceInfo], width: int, color: bool = True) -> str:
    """Return the listing as text.

    :param width: columns of the terminal; an address is never cut, so a table with
        very long ones may be wider
    :param color: False for terminals of people who set NO_COLOR
    """
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    table.add_column("Service / real server", no_wrap=True)
    table.add_column("By", no_wrap=True)
    for name in ("Weight", "Active", "Inactive"):
        table.add_column(name, justify="right", no_wrap=True)
    for service in services:
        _add_service(table, service)
    return _drawn(table, width, color)


def _add_service(table: Table, service: ServiceInfo) -> None:
    table.add_row(
        Text(_service_name(service), style="bold cyan"),
        service.scheduler,
        "" if service.reals else Text("no server", style="bold red"),
        str(service.active),
        str(service.inactive),
    )
    for real in service.reals:
        _add_real(table, real)


def _add_real(table: Table, real: RealInfo) -> None:
    drained = real.weight == 0
    table.add_row(
        f"  {real.endpoint}",
        real.method.name if real.method is not None else "",
        "drained 0" if drained else str(real.weight),
        str(real.active),
        str(real.inactive),
        style="yellow" if drained else "",
    )


def _service_name(service: ServiceInfo) -> str:
    every = "" if service.endpoint.port else " every port"
    return f"{service.protocol.name} {service.endpoint}{every}"


def _drawn(table: Table, width: int, color: bool) -> str:
    out = io.StringIO()
    console = Console(
        file=out,
        width=max(width, _needed(table)),
        force_terminal=True,
        color_system="standard" if color else None,
        legacy_windows=False,
        highlight=False,
    )
    console.print(table)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def _needed(table: Table) -> int:
    console = Console(file=io.StringIO(), width=10_000)
    return console.measure(table).maximum
