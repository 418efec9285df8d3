# SPDX-License-Identifier: GPL-2.0
"""Model to message and back; pure.

Bodies are the attributes of a message, without its headers. What comes by
the hundred thousand is in :mod:`pylvs.bulk` and :mod:`pylvs.packed`.
"""

from __future__ import annotations

from typing import Any

from . import wire
from .endpoint import Endpoint
from .messages import DropsNest, Message
from .model import (
    Config,
    ConfigInfo,
    Drops,
    Event,
    Method,
    Protocol,
    Real,
    Service,
    Stats,
)
from .uapi import Command
from .wire import Body, Tree, unreadable

_CONFIG = {
    "IPPFVS_CONFIG_DEFAULT_METHOD": "default_method",
    "IPPFVS_CONFIG_TCP_TIMEOUT_S": "tcp_timeout_s",
    "IPPFVS_CONFIG_FIN_TIMEOUT_S": "fin_timeout_s",
    "IPPFVS_CONFIG_UDP_TIMEOUT_S": "udp_timeout_s",
    "IPPFVS_CONFIG_CONN_MAX": "conn_max",
}
_DROPS = {
    name: name.removeprefix("IPPFVS_DROP_").lower()
    for name, kind in DropsNest.nla_map
    if kind != "none"
}


# Model to tree


def service_key(service: Service) -> Tree:
    """Return the attributes by which a request names a service."""
    return [
        ("IPPFVS_SERVICE_ADDRESS", service.endpoint.packed),
        ("IPPFVS_SERVICE_PROTOCOL", int(service.protocol)),
        ("IPPFVS_SERVICE_PORT", service.endpoint.port),
    ]


def service_nest(service: Service) -> tuple[str, Tree]:
    """Return a service with its settings."""
    tree = service_key(service)
    tree.append(("IPPFVS_SERVICE_SCHEDULER", service.scheduler))
    return "IPPFVS_A_SERVICE", tree


def key_nest(service: Service) -> tuple[str, Tree]:
    """Return a service's key alone."""
    return "IPPFVS_A_SERVICE", service_key(service)


def real_key(endpoint: Endpoint) -> Tree:
    """Return the attributes by which a request names a real server."""
    return [("IPPFVS_REAL_ADDRESS", endpoint.packed), ("IPPFVS_REAL_PORT", endpoint.port)]


def real_nest(
    endpoint: Endpoint, weight: int | None = None, method: Method | None = None
) -> tuple[str, Tree]:
    """Return a real server; what is None is left to the kernel."""
    tree = real_key(endpoint)
    if weight is not None:
        tree.append(("IPPFVS_REAL_WEIGHT", weight))
    if method is not None:
        tree.append(("IPPFVS_REAL_METHOD", int(method)))
    return "IPPFVS_A_REAL", tree


def config_nest(config: Config) -> tuple[str, Tree]:
    """Return the settings that are not None."""
    values = [(name, getattr(config, field)) for name, field in _CONFIG.items()]
    return "IPPFVS_A_CONFIG", [(name, int(value)) for name, value in values if value is not None]


# Offset to what lies there


def nest_index(body: Body, offset: int) -> int:
    """Return which of the top-level nests of a body holds the byte at offset, -1 for none."""
    for index, (_, start, end) in enumerate(wire.walk(body, 0, len(body))):
        if start - 4 <= offset < (end + 3) & ~3:
            return index
    return -1


def attribute_name(body: Body, offset: int) -> str:
    """Return the name of the attribute that begins at offset, empty for none."""
    return _name_at(Message, body, 0, len(body), offset)


def _name_at(message: Any, body: Body, start: int, end: int, offset: int) -> str:
    for number, first, last in wire.walk(body, start, end):
        if not first - 4 <= offset < last or number >= len(message.nla_map):
            continue
        name, kind = message.nla_map[number]
        nest = getattr(message, kind)
        inner = _name_at(nest, body, first, last, offset) if nest.nla_map else ""
        return inner or str(name)
    return ""


# Bytes to model


def decode_config(body: bytes) -> ConfigInfo:
    """Read an answer to CONFIG_GET."""
    return _config(_nest(wire.decode(Message, body), "IPPFVS_A_CONFIG"))


def decode_stats(body: bytes) -> tuple[Stats, Drops]:
    """Read an answer to STATS_GET."""
    tree = wire.decode(Message, body)
    drops = _nest(tree, "IPPFVS_A_DROPS")
    return (
        _stats(tree.get("IPPFVS_A_STATS", {})),
        Drops(**{field: drops.get(name, 0) for name, field in _DROPS.items()}),
    )


def decode_event(command: Command, body: bytes) -> Event:
    """Read an event."""
    tree = wire.decode(Message, body)
    service = tree.get("IPPFVS_A_SERVICE")
    real = tree.get("IPPFVS_A_REAL")
    config = tree.get("IPPFVS_A_CONFIG")
    return Event(
        command.name.lower(),
        _service(service) if service is not None else None,
        _real(real) if real is not None else None,
        _config(config).rule() if config is not None else Config(),
    )


def _service(nest: dict[str, Any]) -> Service:
    try:
        protocol = Protocol(nest["IPPFVS_SERVICE_PROTOCOL"])
        address = nest["IPPFVS_SERVICE_ADDRESS"]
    except (KeyError, ValueError) as error:
        raise unreadable(error) from None
    endpoint = Endpoint.unpack(address, nest.get("IPPFVS_SERVICE_PORT", 0))
    return Service(protocol, endpoint, nest.get("IPPFVS_SERVICE_SCHEDULER", ""))


def _real(nest: dict[str, Any]) -> Real:
    method = nest.get("IPPFVS_REAL_METHOD")
    try:
        return Real(
            Endpoint.unpack(nest["IPPFVS_REAL_ADDRESS"], nest.get("IPPFVS_REAL_PORT", 0)),
            nest.get("IPPFVS_REAL_WEIGHT", 1),
            Method(method) if method is not None else None,
        )
    except (KeyError, ValueError) as error:
        raise unreadable(error) from None


def _stats(nest: dict[str, Any]) -> Stats:
    return Stats(
        nest.get("IPPFVS_STATS_CONNS", 0),
        nest.get("IPPFVS_STATS_PACKETS_IN", 0),
        nest.get("IPPFVS_STATS_PACKETS_OUT", 0),
        nest.get("IPPFVS_STATS_BYTES_IN", 0),
        nest.get("IPPFVS_STATS_BYTES_OUT", 0),
    )


def _config(nest: dict[str, Any]) -> ConfigInfo:
    settings = {field: nest.get(name) for name, field in _CONFIG.items()}
    method = settings.pop("default_method")
    return ConfigInfo(
        default_method=Method(method) if method else None,
        **settings,
        version=nest.get("IPPFVS_CONFIG_VERSION", ""),
        connections=nest.get("IPPFVS_CONFIG_CONNS", 0),
        buckets=nest.get("IPPFVS_CONFIG_BUCKETS", 0),
        services=nest.get("IPPFVS_CONFIG_SERVICES", 0),
        schedulers=tuple(nest.get("IPPFVS_CONFIG_SCHEDULERS", "").split()),
    )


def _nest(tree: dict[str, Any], name: str) -> dict[str, Any]:
    nest: dict[str, Any] | None = tree.get(name)
    if nest is None:
        raise unreadable(name)
    return nest
