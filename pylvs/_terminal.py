# SPDX-License-Identifier: GPL-2.0
"""Listings for terminals, as tables that rich draws. No I/O."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ._listing import ServiceRates
from .model import RealInfo, ServiceInfo

_COUNTERS = ("Conns", "Pkts in", "Pkts out", "Bytes in", "Bytes out")
_RATES = ("Conns/s", "In pkt/s", "Out pkt/s", "In B/s", "Out B/s")
_SHORT = 10_000_000
_UNITS = "KMGTPE"

Numbers = Sequence[float]


def rules(services: Iterable[ServiceInfo], width: int, color: bool = True) -> str:
    """Return the table of the rules.

    :param width: width of the terminal in columns; the table may be wider, because an address is
        never truncated
    :param color: whether to use colours
    """
    table = _table("Weight", "Active", "Inactive", second="By")
    for service in services:
        _add_service(table, service)
    return _drawn(table, width, color)


def stats(services: Iterable[ServiceInfo], width: int, color: bool = True) -> str:
    """Return the table of the counters of each service and of its real servers."""
    table = _table(*_COUNTERS)
    for service in services:
        reals = [(real, astuple(real.stats)) for real in service.reals]
        _add_numbers(table, service, astuple(service.stats), reals)
    return _drawn(table, width, color)


def rates(services: Iterable[ServiceRates], width: int, color: bool = True) -> str:
    """Return the table of the rates per second of each service and of its real servers."""
    table = _table(*_RATES)
    for each in services:
        _add_numbers(table, each.service, each.rates, each.reals)
    return _drawn(table, width, color)


def _table(*numbers: str, second: str = "") -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    for name in filter(None, ("Service / real server", second)):
        table.add_column(name, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _add_numbers(
    table: Table,
    service: ServiceInfo,
    numbers: Numbers,
    reals: Iterable[tuple[RealInfo, Numbers]],
) -> None:
    table.add_row(Text(_service_name(service), style="bold cyan"), *map(_short, numbers))
    for real, each in reals:
        table.add_row(f"  {real.endpoint}", *map(_short, each))


def _short(number: float) -> str:
    """Return a number as text. From ten million on, it is in thousands, millions and so on."""
    units = iter(_UNITS)
    unit = ""
    while number >= _SHORT:
        number, unit = number / 1000, next(units)
    return f"{number:.0f}{unit}"


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
