# SPDX-License-Identifier: GPL-2.0
"""What there are a hundred thousand of, read: nests of dumps, and of rule sets; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from socket import AF_INET, AF_INET6, inet_ntop, ntohs

from .endpoint import Endpoint
from .messages import Message
from .model import (
    Connection,
    Method,
    Protocol,
    Real,
    RealInfo,
    Service,
    ServiceInfo,
    State,
    Stats,
)
from .readings import Member, ServiceKey
from .rows import REQUIRED, Reader, Row
from .wire import unreadable

_STATS = {
    "IPPFVS_STATS_CONNS": 0,
    "IPPFVS_STATS_PACKETS_IN": 0,
    "IPPFVS_STATS_PACKETS_OUT": 0,
    "IPPFVS_STATS_BYTES_IN": 0,
    "IPPFVS_STATS_BYTES_OUT": 0,
}
_KEY = {
    "IPPFVS_SERVICE_PROTOCOL": REQUIRED,
    "IPPFVS_SERVICE_ADDRESS": REQUIRED,
    "IPPFVS_SERVICE_PORT": 0,
}
_SERVICE = {
    **_KEY,
    "IPPFVS_SERVICE_SCHEDULER": b"",
    "IPPFVS_SERVICE_REALS": 0,
    **_STATS,
}
_REAL_RULE = {
    "IPPFVS_REAL_ADDRESS": REQUIRED,
    "IPPFVS_REAL_PORT": 0,
    "IPPFVS_REAL_WEIGHT": 1,
    "IPPFVS_REAL_METHOD": 0,
}
_REAL = {
    **_REAL_RULE,
    "IPPFVS_REAL_ACTIVE": 0,
    "IPPFVS_REAL_INACTIVE": 0,
    **_STATS,
}
_CONN = dict.fromkeys(
    (
        "IPPFVS_CONN_PROTOCOL",
        "IPPFVS_CONN_CLIENT",
        "IPPFVS_CONN_CLIENT_PORT",
        "IPPFVS_CONN_VIRTUAL",
        "IPPFVS_CONN_VIRTUAL_PORT",
        "IPPFVS_CONN_REAL",
        "IPPFVS_CONN_REAL_PORT",
        "IPPFVS_CONN_METHOD",
        "IPPFVS_CONN_STATE",
        "IPPFVS_CONN_EXPIRES_MS",
    ),
    REQUIRED,
)

_SERVICE_RULE = {**_KEY, "IPPFVS_SERVICE_SCHEDULER": REQUIRED}

_services = Reader(Message, {"IPPFVS_A_SERVICE": _SERVICE})
_reals = Reader(
    Message,
    {
        "IPPFVS_A_SERVICE": _SERVICE_RULE,
        "IPPFVS_A_REAL": _REAL,
    },
)
_rules = Reader(
    Message,
    {
        "IPPFVS_A_SERVICE": _SERVICE_RULE,
        "IPPFVS_A_REAL": _REAL_RULE,
    },
)
_connections = Reader(Message, {"IPPFVS_A_CONN": _CONN})

_PROTOCOLS = {int(protocol): protocol for protocol in Protocol}
_METHODS = {0: None, **{int(method): method for method in Method}}
_CONN_METHODS = {int(method): method for method in Method}
_STATES = {int(state): state for state in State}
_FAMILIES = {4: AF_INET, 16: AF_INET6}
_new_tuple = tuple.__new__
_ZEROES = Stats()  # one for all that counted nothing


def read_services(body: bytes) -> list[ServiceInfo]:
    """Read an answer to SERVICE_GET: services without their real servers.

    :raises TransportError: it cannot be read
    """
    try:
        return [_service(row) for _, rows in _services.runs(body) for row in rows]
    except (KeyError, UnicodeDecodeError) as error:
        raise unreadable(error) from None


def read_service(body: bytes) -> ServiceInfo:
    """Read the answer to SERVICE_GET of one service.

    :raises TransportError: it cannot be read
    """
    services = read_services(body)
    if not services:
        raise unreadable("it has no service")
    return services[0]


def read_reals(body: bytes) -> list[Member]:
    """Read an answer to REAL_GET: services with their schedulers, each with real servers.

    :raises TransportError: it cannot be read
    """
    members: list[Member] = []
    service: tuple[ServiceKey, str] | None = None
    try:
        for noun, rows in _reals.runs(body):
            if noun == "IPPFVS_A_SERVICE":
                *key, scheduler = rows[-1]
                service = _key(*key), _name(scheduler)
            elif service is None:
                raise unreadable("a real server before its service")
            else:
                members.append((*service, _real_infos(rows)))
    except (KeyError, UnicodeDecodeError) as error:
        raise unreadable(error) from None
    return members


def read_rules(bodies: Iterable[bytes]) -> Iterator[Service]:
    """Yield the services in bodies of RULES_GET or REPLACE, each with its real servers.

    A service that goes on in the next answer is named there again.

    :raises TransportError: one cannot be read
    """
    service: Row | None = None
    reals: list[Real] = []
    try:
        for noun, rows in chain.from_iterable(map(_rules.runs, bodies)):
            if noun == "IPPFVS_A_SERVICE":
                for row in rows:
                    if service is not None and row != service:
                        yield _rule(service, reals)
                        reals = []
                    service = row
            elif service is None:
                raise unreadable("a real server before its service")
            else:
                reals += [
                    Real(_end(address, port), weight, _METHODS[method])
                    for address, port, weight, method in rows
                ]
        if service is not None:
            yield _rule(service, reals)
    except (KeyError, UnicodeDecodeError) as error:
        raise unreadable(error) from None


def read_connections(body: bytes) -> list[Connection]:
    """Read an answer to CONN_GET.

    :raises TransportError: it cannot be read
    """
    try:
        return [
            Connection(
                _PROTOCOLS[protocol],
                _end(client, client_port),
                _shared_end(virtual, virtual_port),
                _shared_end(real, real_port),
                _CONN_METHODS[method],
                _STATES[state],
                ms / 1000,
            )
            for _, rows in _connections.runs(body)
            for (
                protocol,
                client,
                client_port,
                virtual,
                virtual_port,
                real,
                real_port,
                method,
                state,
                ms,
            ) in rows
        ]
    except KeyError as error:
        raise unreadable(error) from None


def _service(row: Row) -> ServiceInfo:
    key, (scheduler, count), counts = row[:3], row[3:5], row[5:]
    protocol, endpoint = _key(*key)
    name = _name(scheduler)
    return ServiceInfo(protocol, endpoint, name, stats=Stats(*counts), real_count=count)


def _rule(row: Row, reals: Iterable[Real]) -> Service:
    *key, scheduler = row
    protocol, endpoint = _key(*key)
    return Service(protocol, endpoint, _name(scheduler), tuple(reals))


def _name(scheduler: bytes) -> str:
    return scheduler.rstrip(b"\0").decode()


def _key(protocol: int, address: bytes, port: int) -> ServiceKey:
    return _PROTOCOLS[protocol], _end(address, port)


def _real_infos(rows: Iterable[Row]) -> list[RealInfo]:
    return [
        RealInfo(
            _end(address, port),
            weight,
            _METHODS[method],
            active,
            inactive,
            Stats(*counts) if any(counts) else _ZEROES,
        )
        for address, port, weight, method, active, inactive, *counts in rows
    ]


def _end(address: bytes, port: int) -> Endpoint:
    # As Endpoint(…), whose own __new__ takes three times as long.
    return _new_tuple(Endpoint, (inet_ntop(_FAMILIES[len(address)], address), ntohs(port)))


# Many connections lead to few services and real servers.
_shared_end = lru_cache(4096)(_end)
