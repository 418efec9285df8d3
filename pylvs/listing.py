# SPDX-License-Identifier: GPL-2.0
"""Listings for pipes and files: the paper's table and its relatives; no I/O.

Columns are two spaces apart, addresses whole, nothing trails a line.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import chain, islice
from typing import TYPE_CHECKING

from .model import ConfigInfo, Connection, Drops, Real, RealInfo, Service, ServiceInfo, Stats

if TYPE_CHECKING:
    from .rates import ServiceRates

PAPER = ("Protocol", "Virtual IP Address", "Port", "Real IP Address", "Port", "Weight")
MORE = ("Method", "Scheduler", "Active", "Inactive")
COUNTERS = ("Connections", "Packets in", "Packets out", "Bytes in", "Bytes out")
DROPPED = {
    "no_server": "new: no real server takes connections",
    "no_connection": "TCP of no known connection, no SYN",
    "server_removed": "of a connection whose real server was removed",
    "table_full": "new: no room for a connection; see --conn-max",
    "no_memory": "no memory for a connection, or for a packet's headers",
    "tuple_in_use": "new: two clients' flows would look alike",
    "icmp_checksum": "an ICMP error with a wrong checksum",
    "ttl": "time to live, or hop limit, used up",
    "too_big": "larger than the path takes",
    "no_route": "no route to the real server, or to the client",
    "not_writable": "cannot be rewritten: no memory, or LRO is on",
    "icmp": "an ICMP error that could not be forwarded",
    "no_listener": "Local Node: nobody listens on the director",
}
CONNECTION = ("Protocol", "Expires", "State", "Method", "Client", "Virtual", "Real")

_NO_SERVICE = ("", "", "")
_NO_REAL = ("", "", "")
_OF_SERVICE, _OF_REAL = len(_NO_SERVICE), len(_NO_REAL)
_GAP = "  "
_CELL = "\t"  # between cells that are kept as text
_FIRST_ROWS = 4096  # of which widths are found; in a listing of connections by these alone

Row = tuple[str, ...]


def paper(services: Collection[str]) -> Iterator[str]:
    """Yield the paper's table: its heading, then the rows of each service as one text.

    :param services: what :func:`cells` returned for each
    """
    widths = _paper_widths(services)
    first, real = _form(widths[:_OF_SERVICE]), _GAP + _form([*widths[_OF_SERVICE:-1], 0])
    following = f"\n{' ' * _length(widths[:_OF_SERVICE])}{real}"
    yield (first + real) % PAPER
    for kept in services:
        row = tuple(kept.split(_CELL))
        reals = (len(row) - _OF_SERVICE) // _OF_REAL
        form = first + real + following * (reals - 1) if reals else first
        yield (form % row).rstrip()


def cells(service: Service) -> str:
    """Return a service's cells and those of each real server, as one text: little to keep.

    No line can be printed before the last one is known, for the widths of columns.
    """
    row = list(_service_cells(service))
    port = _port(service.endpoint.port)
    for real in service.reals:  # as _real_cells(), for as many as there may be
        address, own = real.endpoint
        row += (address, str(own) if own else port, str(real.weight))
    return _CELL.join(row)


def rules(services: Iterable[ServiceInfo]) -> Iterator[str]:
    """Yield the paper's table with more columns: a row a real server, the service's cells once."""
    listed = list(services)

    def rows() -> Iterator[Row]:
        return (row for service in listed for row in _rule_rows(service))

    return _table(PAPER + MORE, rows)


def stats(services: Iterable[ServiceInfo]) -> Iterator[str]:
    """Yield the counters of each service, then of each of its real servers."""
    listed = list(services)

    def rows() -> Iterator[Row]:
        for service in listed:
            yield (*_service_cells(service), "", "", *_counters(service.stats))
            for real in service.reals:
                yield (*_NO_SERVICE, *_real_cells(real, service)[:2], *_counters(real.stats))

    return _table(PAPER[:-1] + COUNTERS, rows)


def rates(services: Iterable[ServiceRates]) -> Iterator[str]:
    """Yield the same, a second."""
    rows: list[Row] = []
    for service in services:
        rows.append((*_service_cells(service.service), "", "", *_per_second(service.rates)))
        rows.extend(
            (*_NO_SERVICE, *_real_cells(real, service.service)[:2], *_per_second(rate))
            for real, rate in service.reals
        )
    return table((*PAPER[:-1], *(f"{name}/s" for name in COUNTERS)), rows)


def connections(entries: Iterable[Connection]) -> Iterator[str]:
    """Yield a line a connection, in bounded memory."""
    rows = map(_connection_row, entries)
    first = list(islice(rows, _FIRST_ROWS))
    widths = _widths(iter([CONNECTION, *first]))
    form, length = _form(widths), _length(widths)
    for row in chain([CONNECTION], first, rows):
        line = form % row
        if len(line) > length:  # a cell is wider than all before it
            widths = [max(width, len(cell)) for width, cell in zip(widths, row, strict=True)]
            form, length = _form(widths), _length(widths)
            line = form % row
        yield line.rstrip()


def drops(counts: Drops) -> Iterator[str]:
    """Yield every reason to drop with its count."""
    rows = [(name, str(getattr(counts, name)), what) for name, what in DROPPED.items()]
    return table(("Reason", "Dropped", "What"), rows)


def timeouts(config: ConfigInfo) -> Iterator[str]:
    """Yield the three timeouts."""
    seconds = (config.tcp_timeout_s, config.fin_timeout_s, config.udp_timeout_s)
    rows = [
        (name, str(value)) for name, value in zip(("tcp", "tcpfin", "udp"), seconds, strict=True)
    ]
    return table(("Timeout", "Seconds"), rows)


def table(head: Row, rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of a table whose columns are as wide as they must be."""
    return _table(head, lambda: rows)


def _table(head: Row, rows: Callable[[], Iterable[Row]]) -> Iterator[str]:
    """Go through the rows twice, for their widths first: it takes less than to keep them."""
    form = _form(_widths(chain([head], rows())))
    for row in chain([head], rows()):
        yield (form % row).rstrip()


def _widths(rows: Iterator[Row]) -> list[int]:
    widths: list[int] = []
    while some := list(islice(rows, _FIRST_ROWS)):
        columns = zip(*some, strict=True)
        longest = [max(map(len, column)) for column in columns]
        widths = list(map(max, longest, widths)) if widths else longest
    return widths


def _form(widths: Sequence[int]) -> str:
    """Return what a row fills, cell by cell."""
    return _GAP.join(f"%-{width}s" for width in widths)


def _length(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _paper_widths(services: Iterable[str]) -> list[int]:
    widths = list(map(len, PAPER))
    for kept in services:
        row = kept.split(_CELL)
        columns = [[cell] for cell in row[:_OF_SERVICE]]
        columns += [row[_OF_SERVICE + place :: _OF_REAL] for place in range(_OF_REAL)]
        longest = [max(map(len, column), default=0) for column in columns]
        widths = list(map(max, widths, longest))
    return widths


def _rule_rows(service: ServiceInfo) -> Iterator[Row]:
    cells, scheduler = _service_cells(service), service.scheduler
    if not service.reals:
        yield (*cells, *_NO_REAL, "", scheduler, "", "")
    for real in service.reals:
        more = (_method(real), scheduler, str(real.active), str(real.inactive))
        yield (*cells, *_real_cells(real, service), *more)
        cells, scheduler = _NO_SERVICE, ""


def _service_cells(service: Service) -> tuple[str, str, str]:
    end = service.endpoint
    return service.protocol.name, end.address, _port(end.port)


def _real_cells(real: Real, service: Service) -> tuple[str, str, str]:
    end = service.end_of(real.endpoint)
    return end.address, _port(end.port), str(real.weight)


def _port(port: int) -> str:
    return str(port) if port else "*"


def _method(real: RealInfo) -> str:
    return real.method.name if real.method is not None else ""


def _counters(counts: Stats) -> Row:
    return tuple(str(getattr(counts, field.name)) for field in fields(counts))


def _per_second(rate: tuple[float, ...]) -> Row:
    return tuple(f"{value:.0f}" for value in rate)


def _connection_row(entry: Connection) -> Row:
    return (
        entry.protocol.name,
        f"{entry.expires_s:.1f}",
        entry.state.name,
        entry.method.name,
        str(entry.client),
        str(entry.virtual),
        str(entry.real),
    )
