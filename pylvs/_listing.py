# SPDX-License-Identifier: GPL-2.0
"""Listings for pipes and files: the table of the paper, similar tables, and rates. No I/O.

Columns are separated by two spaces and are as wide as their longest cell. An address is never
truncated. No line ends with spaces.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from itertools import chain, islice

from .model import (
    ConfigInfo,
    Connection,
    Drops,
    Evictions,
    Fault,
    Real,
    RealInfo,
    Service,
    ServiceInfo,
    Stats,
)

PAPER = ("Protocol", "Virtual IP Address", "Port", "Real IP Address", "Port", "Weight")
MORE = ("Method", "Scheduler", "Active", "Inactive")
COUNTERS = ("Connections", "Packets in", "Packets out", "Bytes in", "Bytes out")
DROPPED = {
    "no_server": "opens a connection, but no real server accepts new ones",
    "no_connection": "TCP segment of an unknown connection",
    "server_removed": "its real server was removed",
    "table_full": (
        "opens a connection, but a limit is reached and no other can be evicted; see --conn-max"
    ),
    "no_memory": "no memory for a connection or for headers",
    "tuple_in_use": "opens a connection whose replies look like those of another one",
    "icmp_checksum": "ICMP error with a wrong checksum",
    "ttl": "TTL or hop limit used up",
    "too_big": "longer than the MTU",
    "no_route": "no route to the real server or to the client",
    "not_writable": "cannot be changed: no memory, or LRO is on",
    "icmp": "ICMP error that cannot be forwarded",
    "no_listener": "Local Node: no socket of the director listens",
    "no_service": "to a virtual address that no host has, at a port without a service",
    "wrong_device": "reply from a device by which no route leads to the real server",
}
FAULTS = {
    Fault.REAL_IS_OWN: (
        "is an address of the director now, and {method} does not lead there; "
        "make it Local Node: ippfvsadm -e {option} -r {real} {flag}"
    ),
    Fault.REAL_NOT_OWN: (
        "is Local Node, but its address is no longer the director's; "
        "only sockets bound to {vip} or to no address get packets"
    ),
    Fault.VIRTUAL_NOT_OWN: (
        "is Local Node, but {vip} is not an address of the director, so no packet gets there; "
        "add it: ip addr add {vip}/{bits} dev lo"
    ),
}
EVICTED = {
    "conflict": "closing, and its client opened another one",
    "pressure": "unconfirmed or closed, and a limit was reached; see --conn-max",
}
CONNECTION = ("Protocol", "Expires", "State", "Method", "Client", "Virtual", "Real")

_NO_SERVICE = ("", "", "")
_NO_REAL = ("", "", "")
_SERVICE_CELLS, _REAL_CELLS = len(_NO_SERVICE), len(_NO_REAL)
_GAP = "  "
_FIRST_ROWS = 4096  # number of rows that determine the initial widths

Row = tuple[str, ...]

_number = lru_cache(4096)(str)  # many real servers have the same few ports and weights


def paper(services: Collection[Row]) -> Iterator[str]:
    """Yield the table of the paper: its heading, then the lines of each service as one text.

    :param services: the cells of each service, as :func:`cells` returns them
    """
    widths = _paper_widths(services)
    first, real = _form(widths[:_SERVICE_CELLS]), _GAP + _form([*widths[_SERVICE_CELLS:-1], 0])
    following = f"\n{' ' * _length(widths[:_SERVICE_CELLS])}{real}"
    yield (first + real) % PAPER
    for row in services:
        reals = (len(row) - _SERVICE_CELLS) // _REAL_CELLS
        form = first + real + following * (reals - 1) if reals else first
        yield (form % row).rstrip()


def cells(service: Service) -> Row:
    """Return the cells of a service, followed by those of each of its real servers.

    The cells of all services are in memory before the first line is printed, because the
    widths of the columns depend on them. Cells take less memory than services.
    """
    row = list(_service_cells(service))
    port = _port(service.endpoint.port)
    for real in service.reals:  # the same as _real_cells(), inline for 100,000 of them
        address, own = real.endpoint
        row += (address, _number(own) if own else port, _number(real.weight))
    return tuple(row)


def rules(services: Iterable[ServiceInfo]) -> Iterator[str]:
    """Yield the table of the paper with more columns.

    There is one row per real server. Only the first row has the cells of the service.
    """
    listed = list(services)

    def rows() -> Iterator[Row]:
        return (row for service in listed for row in _rule_rows(service))

    return _table(PAPER + MORE, rows)


def faults(services: Iterable[ServiceInfo]) -> Iterator[str]:
    """Yield a warning for each real server that cannot work with the present addresses."""
    for service in services:
        for real in service.reals:
            if real.fault is not None:
                yield f"{real.endpoint} of {service.name} {_fault(real, real.fault, service)}"


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
    """Yield the rates per second of each service, then of each of its real servers."""
    rows: list[Row] = []
    for service in services:
        rows.append((*_service_cells(service.service), "", "", *_per_second(service.rates)))
        rows.extend(
            (*_NO_SERVICE, *_real_cells(real, service.service)[:2], *_per_second(rate))
            for real, rate in service.reals
        )
    return table((*PAPER[:-1], *(f"{name}/s" for name in COUNTERS)), rows)


def connections(entries: Iterable[Connection]) -> Iterator[str]:
    """Yield one line per connection, in bounded memory.

    The first 4,096 connections determine the widths. A wider cell later widens its column.
    """
    rows = map(_connection_row, entries)
    first = list(islice(rows, _FIRST_ROWS))
    widths = _widths(iter([CONNECTION, *first]))
    form, length = _form(widths), _length(widths)
    for row in chain([CONNECTION], first, rows):
        line = form % row
        if len(line) > length:  # a cell is wider than its column
            widths = [max(width, len(cell)) for width, cell in zip(widths, row, strict=True)]
            form, length = _form(widths), _length(widths)
            line = form % row
        yield line.rstrip()


def drops(counts: Drops) -> Iterator[str]:
    """Yield the number of dropped packets for every reason."""
    rows = [(name, str(getattr(counts, name)), what) for name, what in DROPPED.items()]
    return table(("Reason", "Dropped", "What"), rows)


def evictions(counts: Evictions) -> Iterator[str]:
    """Yield the number of connections that ended in favour of a new one for every reason."""
    rows = [(name, str(getattr(counts, name)), what) for name, what in EVICTED.items()]
    return table(("Reason", "Evicted", "What"), rows)


def timeouts(config: ConfigInfo) -> Iterator[str]:
    """Yield the three timeouts."""
    seconds = (config.tcp_timeout_s, config.fin_timeout_s, config.udp_timeout_s)
    rows = [
        (name, str(value)) for name, value in zip(("tcp", "tcpfin", "udp"), seconds, strict=True)
    ]
    return table(("Timeout", "Seconds"), rows)


def table(head: Row, rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of a table."""
    return _table(head, lambda: rows)


def _table(head: Row, rows: Callable[[], Iterable[Row]]) -> Iterator[str]:
    """Yield the lines of a table.

    The rows are generated twice, first to measure the widths of the columns. Keeping the rows
    would take more memory.
    """
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
    """Return the format string of a row."""
    return _GAP.join(f"%-{width}s" for width in widths)


def _length(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _paper_widths(services: Iterable[Row]) -> list[int]:
    widths = list(map(len, PAPER))
    for row in services:
        columns: list[Row] = [(cell,) for cell in row[:_SERVICE_CELLS]]
        columns += [row[_SERVICE_CELLS + place :: _REAL_CELLS] for place in range(_REAL_CELLS)]
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
    return end.address, _port(end.port), _number(real.weight)


def _port(port: int) -> str:
    return _number(port) if port else "*"


def _method(real: RealInfo) -> str:
    return real.method.name if real.method is not None else ""


def _fault(real: RealInfo, fault: Fault, service: Service) -> str:
    vip = service.endpoint.address
    return FAULTS[fault].format(
        method=_method(real),
        option=service.option,
        real=real.endpoint,
        flag=real.method.option if real.method is not None else "",
        vip=vip,
        bits=128 if ":" in vip else 32,
    )


def _counters(counts: Stats) -> Row:
    return tuple(map(str, astuple(counts)))


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


# Rates

# Numbers per second: connections, packets in and out, bytes in and out.
Rates = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ServiceRates:
    """A service, its rates, and the rates of each of its real servers."""

    service: ServiceInfo
    rates: Rates
    reals: tuple[tuple[RealInfo, Rates], ...]


def rates_between(
    before: list[ServiceInfo], after: list[ServiceInfo], seconds: float
) -> list[ServiceRates]:
    """Return the rates between two readings of the counters.

    If a service or real server is not in the first reading, or if its counters were zeroed
    between the readings, it is counted from zero.
    """
    old = {service.key: service for service in before}
    return [_service_rates(old.get(service.key), service, seconds) for service in after]


def _service_rates(old: ServiceInfo | None, new: ServiceInfo, seconds: float) -> ServiceRates:
    stats = {real.endpoint: real.stats for real in old.reals} if old is not None else {}
    return ServiceRates(
        new,
        _rates(old.stats if old is not None else Stats(), new.stats, seconds),
        tuple(
            (real, _rates(stats.get(real.endpoint, Stats()), real.stats, seconds))
            for real in new.reals
        ),
    )


def _rates(old: Stats, new: Stats, seconds: float) -> Rates:
    counts = zip(astuple(old), astuple(new), strict=True)
    return tuple(
        (after - before if after >= before else after) / seconds for before, after in counts
    )
