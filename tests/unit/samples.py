# SPDX-License-Identifier: GPL-2.0
"""Values that several tests use."""

from __future__ import annotations

from dataclasses import dataclass

from pylvs._netlink.messages import config_attrs, real_attrs, service_attrs
from pylvs._netlink.nlattr import Values
from pylvs.endpoint import Endpoint
from pylvs.model import Config, Connection, Method, Protocol, Service, State, Stats
from pylvs.ruleset import Ruleset
from tests.unit.reference import named

Nest = tuple[str, Values]


@dataclass
class Outcome:
    """The result of a run of ippfvsadm."""

    code: int
    out: str
    err: str


def connection(client: str, state: State = State.ESTABLISHED) -> Connection:
    ends = (Endpoint.parse(client), Endpoint("202.103.106.5", 80), Endpoint("172.16.0.3", 8000))
    return Connection(Protocol.TCP, *ends, Method.NAT, state, 7199.25)


def connection_tree(entry: Connection) -> Values:
    return [
        ("IPPFVS_CONN_PROTOCOL", int(entry.protocol)),
        ("IPPFVS_CONN_CLIENT", entry.client.packed),
        ("IPPFVS_CONN_CLIENT_PORT", entry.client.port),
        ("IPPFVS_CONN_VIRTUAL", entry.virtual.packed),
        ("IPPFVS_CONN_VIRTUAL_PORT", entry.virtual.port),
        ("IPPFVS_CONN_REAL", entry.real.packed),
        ("IPPFVS_CONN_REAL_PORT", entry.real.port),
        ("IPPFVS_CONN_METHOD", int(entry.method)),
        ("IPPFVS_CONN_STATE", int(entry.state)),
        ("IPPFVS_CONN_EXPIRES_MS", round(entry.expires_s * 1000)),
    ]


def stats_tree(stats: Stats) -> Values:
    names = ("CONNS", "PACKETS_IN", "PACKETS_OUT", "BYTES_IN", "BYTES_OUT")
    values = (
        stats.connections,
        stats.packets_in,
        stats.packets_out,
        stats.bytes_in,
        stats.bytes_out,
    )
    return [(f"IPPFVS_STATS_{name}", value) for name, value in zip(names, values, strict=True)]


def ruleset_tree(ruleset: Ruleset) -> Values:
    """Return the nests of a REPLACE request."""
    tree = [config_nest(ruleset.config)] if ruleset.config != Config() else []
    for service, real in ruleset.rules():
        tree.append(
            service_nest(service)
            if real is None
            else real_nest(real.endpoint, real.weight, real.method)
        )
    return tree


def service_nest(service: Service, *, key_only: bool = False) -> Nest:
    """Return the nest of a service under the names of the header."""
    return _only(service_attrs(service, key_only=key_only))


def real_nest(endpoint: Endpoint, weight: int | None = None, method: Method | None = None) -> Nest:
    """Return the nest of a real server under the names of the header."""
    return _only(real_attrs(endpoint, weight, method))


def config_nest(config: Config) -> Nest:
    """Return the nest of the settings under the names of the header."""
    return _only(config_attrs(config))


def _only(values: Values) -> Nest:
    nest: Nest
    (nest,) = named(values)
    return nest
