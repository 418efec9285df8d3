# SPDX-License-Identifier: GPL-2.0
"""Values that several tests need."""

from __future__ import annotations

from dataclasses import dataclass

from pylvs import codec
from pylvs.endpoint import Endpoint
from pylvs.model import Connection, Method, Protocol, State, Stats
from pylvs.ruleset import Ruleset
from pylvs.wire import Tree


@dataclass
class Outcome:
    """What a run of ippfvsadm left."""

    code: int
    out: str
    err: str


def connection(client: str, state: State = State.ESTABLISHED) -> Connection:
    ends = (Endpoint.parse(client), Endpoint("202.103.106.5", 80), Endpoint("172.16.0.3", 8000))
    return Connection(Protocol.TCP, *ends, Method.NAT, state, 7199.25)


def connection_tree(entry: Connection) -> Tree:
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


def stats_tree(stats: Stats) -> Tree:
    names = ("CONNS", "PACKETS_IN", "PACKETS_OUT", "BYTES_IN", "BYTES_OUT")
    values = (
        stats.connections,
        stats.packets_in,
        stats.packets_out,
        stats.bytes_in,
        stats.bytes_out,
    )
    return [(f"IPPFVS_STATS_{name}", value) for name, value in zip(names, values, strict=True)]


def ruleset_tree(ruleset: Ruleset) -> Tree:
    """Return the flat sequence of a REPLACE request."""
    nest = codec.config_nest(ruleset.config)
    tree: Tree = [nest] if nest[1] else []
    for service, real in ruleset.rules():
        tree.append(
            codec.service_nest(service)
            if real is None
            else codec.real_nest(real.endpoint, real.weight, real.method)
        )
    return tree
