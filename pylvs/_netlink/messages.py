# SPDX-License-Identifier: GPL-2.0
"""The messages of the family ippfvs: values to requests, answers to values. No I/O.

A body is the attributes of a message without its headers. kernel/uapi/ippfvs.h describes
the message tree. A test compares the attribute sets with it by name, number and kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import lru_cache
from itertools import chain
from socket import AF_INET, AF_INET6, htons, inet_ntop, inet_pton, ntohs
from typing import TYPE_CHECKING

from ..endpoint import Endpoint
from ..model import (
    Config,
    ConfigInfo,
    Connection,
    Drops,
    Event,
    Evictions,
    Method,
    Protocol,
    Real,
    RealInfo,
    Service,
    ServiceInfo,
    State,
    Stats,
    validate_config,
    validate_real,
    validate_service,
)
from ..uapi import Command
from .nlattr import REQUIRED, AttrLayout, AttrSet, Decoder, Row, Values, encode, malformed

if TYPE_CHECKING:
    from ..ruleset import Ruleset

# Attribute sets. The place of an attribute is its number.

STATS = AttrSet(
    "IPPFVS_STATS_",
    pad=None,
    conns="u64",
    packets_in="u64",
    packets_out="u64",
    bytes_in="u64",
    bytes_out="u64",
)
# The reasons of enum ippfvs_drop are the fields of Drops.
DROPS = AttrSet("IPPFVS_DROP_", pad=None, **{field.name: "u64" for field in fields(Drops)})
EVICTIONS = AttrSet(
    "IPPFVS_EVICTION_", pad=None, **{field.name: "u64" for field in fields(Evictions)}
)
SERVICE = AttrSet(
    "IPPFVS_SERVICE_",
    address="binary",
    protocol="u8",
    port="be16",
    scheduler="string",
    stats=STATS,
    reals="u32",
)
REAL = AttrSet(
    "IPPFVS_REAL_",
    address="binary",
    port="be16",
    weight="u32",
    method="u8",
    stats=STATS,
    active="u32",
    inactive="u32",
)
CONN = AttrSet(
    "IPPFVS_CONN_",
    protocol="u8",
    client="binary",
    client_port="be16",
    virtual="binary",
    virtual_port="be16",
    real="binary",
    real_port="be16",
    method="u8",
    state="u8",
    expires_ms="u32",
)
CONFIG = AttrSet(
    "IPPFVS_CONFIG_",
    default_method="u8",
    tcp_timeout_s="u32",
    fin_timeout_s="u32",
    udp_timeout_s="u32",
    conn_max="u32",
    version="string",
    conns="u32",
    buckets="u32",
    services="u32",
    schedulers="string",
)
MESSAGE = AttrSet(
    "IPPFVS_A_",
    service=SERVICE,
    real=REAL,
    conn=CONN,
    config=CONFIG,
    stats=STATS,
    drops=DROPS,
    evictions=EVICTIONS,
)

# Requests


def service_attrs(service: Service, *, key_only: bool = False) -> Values:
    """Return the nest of a service, or only the key by which a request names it."""
    attrs: Values = [
        ("address", service.endpoint.packed),
        ("protocol", int(service.protocol)),
        ("port", service.endpoint.port),
    ]
    if not key_only:
        attrs.append(("scheduler", service.scheduler))
    return [("service", attrs)]


def real_attrs(
    endpoint: Endpoint, weight: int | None = None, method: Method | None = None
) -> Values:
    """Return the nest of a real server. The kernel chooses, or keeps, what is None."""
    attrs: Values = [("address", endpoint.packed), ("port", endpoint.port)]
    if weight is not None:
        attrs.append(("weight", weight))
    if method is not None:
        attrs.append(("method", int(method)))
    return [("real", attrs)]


def config_attrs(config: Config) -> Values:
    """Return the nest of the settings that are not None."""
    values = [(field.name, getattr(config, field.name)) for field in fields(Config)]
    return [("config", [(name, int(value)) for name, value in values if value is not None])]


def encode_ruleset(ruleset: Ruleset) -> bytearray:
    """Return the body of a REPLACE request.

    It has the nest of the settings, if one of them is not None, and then the nest of each
    service, followed by those of its real servers.

    :raises InvalidValue: a value is not valid
    """
    body = bytearray(encode_config(validate_config(ruleset.config)))
    for service in ruleset.services:
        body += encode_service(validate_service(service))
        for real in service.reals:
            body += encode_real(validate_real(service.protocol, real))
    return body


def encode_config(config: Config) -> bytes:
    """Return the nest of the settings that are not None, nothing if all are."""
    return b"" if config == Config() else encode(MESSAGE, config_attrs(config))


def encode_service(service: Service) -> bytes:
    """Return the nest of a service, without its real servers."""
    return encode(MESSAGE, service_attrs(service))


def encode_real(real: Real) -> bytes:
    """Return the nest of a real server. Rule sets have 100,000 of them."""
    (address, port), weight, method = real.endpoint, real.weight, real.method
    if method is None:
        return encode(MESSAGE, real_attrs(real.endpoint, weight))
    return encode_real_rule(address, port, weight, method)


def encode_real_rule(address: str, port: int, weight: int, method: int) -> bytes:
    """Return the nest of a real server, whose values are valid.

    :raises OSError: the address is not valid
    """
    family, pack, head, at_port, at_weight, at_method, tail = _REAL_LAYOUTS[":" in address]
    packed = inet_pton(family, address)
    nest: bytes = pack(
        head, packed, at_port, htons(port), at_weight, weight, at_method, method, tail
    )
    return nest


def _real_layout(address: str, family: int) -> Row:
    sample = encode(MESSAGE, real_attrs(Endpoint(address), 1, Method.NAT))
    layout = AttrLayout(MESSAGE, sample)
    return family, layout.struct.pack, *layout.frames


_REAL_LAYOUTS = _real_layout("0.0.0.0", AF_INET), _real_layout("::", AF_INET6)

# Answers

_COUNTERS = dict.fromkeys(("conns", "packets_in", "packets_out", "bytes_in", "bytes_out"), 0)
_SERVICE_KEY = {"protocol": REQUIRED, "address": REQUIRED, "port": 0}
_SERVICE_RULE = {**_SERVICE_KEY, "scheduler": REQUIRED}
_REAL_RULE = {"address": REQUIRED, "port": 0, "weight": 1, "method": 0}
_CONFIG = {
    **dict.fromkeys(field.name for field in fields(Config)),
    "version": b"",
    "conns": 0,
    "buckets": 0,
    "services": 0,
    "schedulers": b"",
}

_services = Decoder(MESSAGE, service={**_SERVICE_KEY, "scheduler": b"", "reals": 0, **_COUNTERS})
_reals = Decoder(
    MESSAGE, service=_SERVICE_RULE, real={**_REAL_RULE, "active": 0, "inactive": 0, **_COUNTERS}
)
_rules = Decoder(MESSAGE, service=_SERVICE_RULE, real=_REAL_RULE)
_connections = Decoder(MESSAGE, conn=dict.fromkeys(CONN.attrs, REQUIRED))
_totals = Decoder(
    MESSAGE,
    stats=_COUNTERS,
    drops=dict.fromkeys(DROPS.attrs, 0),
    evictions=dict.fromkeys(EVICTIONS.attrs, 0),
)
_config = Decoder(MESSAGE, config=_CONFIG)
_event = Decoder(
    MESSAGE, service={**_SERVICE_KEY, "scheduler": b""}, real=_REAL_RULE, config=_CONFIG
)

_PROTOCOLS = {int(protocol): protocol for protocol in Protocol}
_METHODS = {0: None, **{int(method): method for method in Method}}
_CONN_METHODS = {int(method): method for method in Method}
_STATES = {int(state): state for state in State}
_FAMILIES = {4: AF_INET, 16: AF_INET6}
_ZEROES = Stats()  # shared by all real servers that counted nothing
_new_tuple = tuple.__new__

ServiceKey = tuple[Protocol, Endpoint]
RealsOfService = tuple[ServiceKey, str, list[RealInfo]]
"""The key of a service, its scheduler, and some of its real servers."""


@contextmanager
def _unknown_values_are_malformed() -> Iterator[None]:
    """Turn the lookup of an unknown number, address length or character into one error."""
    try:
        yield
    except (KeyError, UnicodeDecodeError) as error:
        raise malformed(error) from None


def decode_services(body: bytes) -> list[ServiceInfo]:
    """Decode an answer to SERVICE_GET: services without their real servers.

    :raises TransportError: the body is malformed
    """
    with _unknown_values_are_malformed():
        return [
            ServiceInfo(*_key(*row[:3]), _text(row[3]), (), Stats(*row[5:]), row[4])
            for _, rows in _services.segments(body)
            for row in rows
        ]


def decode_service(body: bytes) -> ServiceInfo:
    """Decode the answer to SERVICE_GET of one service.

    :raises TransportError: the body is malformed
    """
    services = decode_services(body)
    if not services:
        raise malformed("it has no service")
    return services[0]


def decode_reals(body: bytes) -> list[RealsOfService]:
    """Decode an answer to REAL_GET: real servers behind the service that they belong to.

    :raises TransportError: the body is malformed
    """
    found: list[RealsOfService] = []
    service: tuple[ServiceKey, str] | None = None
    with _unknown_values_are_malformed():
        for nest, rows in _reals.segments(body):
            if nest == "service":
                *key, scheduler = rows[-1]
                service = _key(*key), _text(scheduler)
            elif service is None:
                raise malformed("a real server before its service")
            else:
                found.append((*service, _real_infos(rows)))
    return found


def decode_rules(bodies: Iterable[bytes]) -> Iterator[Service]:
    """Yield the services in bodies of RULES_GET or REPLACE, each with its real servers.

    A service whose real servers continue in the next body is repeated at its beginning.

    :raises TransportError: a body is malformed
    """
    service: Row | None = None
    reals: list[Real] = []
    with _unknown_values_are_malformed():
        for nest, rows in chain.from_iterable(map(_rules.segments, bodies)):
            if nest == "service":
                for row in rows:
                    if service is not None and row != service:
                        yield _rule(service, reals)
                        reals = []
                    service = row
            elif service is None:
                raise malformed("a real server before its service")
            else:
                reals += [
                    Real(_endpoint(address, port), weight, _METHODS[method])
                    for address, port, weight, method in rows
                ]
        if service is not None:
            yield _rule(service, reals)


def decode_connections(body: bytes) -> list[Connection]:
    """Decode an answer to CONN_GET.

    :raises TransportError: the body is malformed
    """
    with _unknown_values_are_malformed():
        return [
            Connection(
                _PROTOCOLS[protocol],
                _endpoint(client, client_port),
                _shared_endpoint(virtual, virtual_port),
                _shared_endpoint(real, real_port),
                _CONN_METHODS[method],
                _STATES[state],
                ms / 1000,
            )
            for _, rows in _connections.segments(body)
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


def decode_stats(body: bytes) -> tuple[Stats, Drops, Evictions]:
    """Decode the answer to STATS_GET.

    :raises TransportError: the body is malformed
    """
    rows = {nest: rows[-1] for nest, rows in _totals.segments(body)}
    if "drops" not in rows:
        raise malformed("it has no drops")
    return (
        Stats(*rows.get("stats", ())),
        Drops(*rows["drops"]),
        Evictions(*rows.get("evictions", ())),
    )


def decode_config(body: bytes) -> ConfigInfo:
    """Decode the answer to CONFIG_GET.

    :raises TransportError: the body is malformed
    """
    with _unknown_values_are_malformed():
        for _, rows in _config.segments(body):
            return _config_info(rows[-1])
    raise malformed("it has no settings")


def decode_event(command: Command, body: bytes) -> Event:
    """Decode a message of the multicast group.

    :raises TransportError: the body is malformed
    """
    event = Event(command.name.lower())
    with _unknown_values_are_malformed():
        for nest, rows in _event.segments(body):
            row = rows[-1]
            if nest == "service":
                event = replace(event, service=Service(*_key(*row[:3]), _text(row[3])))
            elif nest == "real":
                address, port, weight, method = row
                real = Real(_endpoint(address, port), weight, _METHODS[method])
                event = replace(event, real=real)
            else:
                event = replace(event, config=_config_info(row).rule())
    return event


def join_dumps(
    services: list[ServiceInfo], reals: list[RealsOfService]
) -> list[ServiceInfo] | None:
    """Give each service of one dump its real servers of another dump.

    The second dump repeats the key and the scheduler of each service. If they agree with
    the first one, and the numbers of real servers do, the two are of one rule set.

    :return: the services, or None if the rules changed between the dumps
    """
    members: dict[ServiceKey, list[RealInfo]] = {service.key: [] for service in services}
    schedulers = {service.key: service.scheduler for service in services}
    for key, scheduler, some in reals:
        if schedulers.get(key) != scheduler:
            return None
        members[key].extend(some)
    joined = [replace(service, reals=tuple(members[service.key])) for service in services]
    complete = all(len(service.reals) == service.real_count for service in joined)
    return joined if complete else None


def _rule(row: Row, reals: Iterable[Real]) -> Service:
    return Service(*_key(*row[:3]), _text(row[3]), tuple(reals))


def _real_infos(rows: Iterable[Row]) -> list[RealInfo]:
    return [
        RealInfo(
            _endpoint(address, port),
            weight,
            _METHODS[method],
            active,
            inactive,
            Stats(*counters) if any(counters) else _ZEROES,
        )
        for address, port, weight, method, active, inactive, *counters in rows
    ]


def _config_info(row: Row) -> ConfigInfo:
    method, tcp, fin, udp, conn_max, version, connections, buckets, services, schedulers = row
    return ConfigInfo(
        _METHODS[method or 0],
        tcp,
        fin,
        udp,
        conn_max,
        version=_text(version),
        connections=connections,
        buckets=buckets,
        services=services,
        schedulers=tuple(_text(schedulers).split()),
    )


def _key(protocol: int, address: bytes, port: int) -> ServiceKey:
    return _PROTOCOLS[protocol], _endpoint(address, port)


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode()


def _endpoint(address: bytes, port: int) -> Endpoint:
    # Equal to Endpoint(...), whose __new__() takes three times as long.
    return _new_tuple(Endpoint, (inet_ntop(_FAMILIES[len(address)], address), ntohs(port)))


# Many connections have the same virtual service and real server.
_shared_endpoint = lru_cache(4096)(_endpoint)
