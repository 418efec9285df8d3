# SPDX-License-Identifier: GPL-2.0
"""Messages both ways, and pyroute2's codec as the twin of our own."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylvs import codec, wire
from pylvs.endpoint import Endpoint
from pylvs.errors import TransportError
from pylvs.messages import DropsNest, Message
from pylvs.model import (
    Config,
    Connection,
    Drops,
    Event,
    Method,
    Protocol,
    Real,
    RealInfo,
    Service,
    ServiceInfo,
    State,
    Stats,
)
from pylvs.ruleset import Ruleset
from pylvs.uapi import Command
from tests.unit import fakekernel
from tests.unit.samples import connection_tree
from tests.unit.strategies import CONFIGS, ENDPOINTS, METHODS, RULESETS, WEIGHTS, services

COUNTS = st.integers(0, 2**64 - 1)
STATS = st.builds(Stats, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)


def stats_tree(stats: Stats) -> wire.Tree:
    names = ("CONNS", "PACKETS_IN", "PACKETS_OUT", "BYTES_IN", "BYTES_OUT")
    values = (
        stats.connections,
        stats.packets_in,
        stats.packets_out,
        stats.bytes_in,
        stats.bytes_out,
    )
    return [(f"IPPFVS_STATS_{name}", value) for name, value in zip(names, values, strict=True)]


@given(RULESETS)
def test_both_encoders_give_the_same_bytes(ruleset: Ruleset) -> None:
    tree = codec.ruleset_tree(ruleset.config, ruleset.services)
    assert codec.encode_bulk(tree) == codec.encode(tree)


@given(RULESETS)
def test_both_decoders_give_the_same_values(ruleset: Ruleset) -> None:
    body = codec.encode_bulk(codec.ruleset_tree(ruleset.config, ruleset.services))
    ours = []
    for kind, start, end in wire.walk(body, 0, len(body)):
        name, nest = Message.nla_map[kind]
        ours.append((name, wire.decode(getattr(Message, nest), body, start, end)))
    theirs = [(name, fakekernel.as_dict(nest)) for name, nest, _ in fakekernel.nests_of(body)]
    assert ours == theirs


@given(services(), STATS, st.integers(0, 2**32 - 1))
def test_service(service: Service, stats: Stats, count: int) -> None:
    name, tree = codec.service_nest(service)
    tree += [("IPPFVS_SERVICE_STATS", stats_tree(stats)), ("IPPFVS_SERVICE_REALS", count)]
    expected = ServiceInfo(*service.key, service.scheduler, (), stats, count)
    assert codec.decode_service(fakekernel.encode([(name, tree)])) == expected


@given(services(), ENDPOINTS, WEIGHTS, METHODS, STATS)
def test_real(
    service: Service, end: Endpoint, weight: int, method: Method | None, stats: Stats
) -> None:
    name, tree = codec.real_nest(end, weight, method)
    tree += [
        ("IPPFVS_REAL_STATS", stats_tree(stats)),
        ("IPPFVS_REAL_ACTIVE", 7),
        ("IPPFVS_REAL_INACTIVE", 2**32 - 1),
    ]
    body = fakekernel.encode([codec.key_nest(service), (name, tree)])
    expected = RealInfo(end, weight, method, 7, 2**32 - 1, stats)
    assert codec.decode_real(body) == (service.key, expected)


@given(CONFIGS)
def test_config(config: Config) -> None:
    name, tree = codec.config_nest(config)
    tree += [
        ("IPPFVS_CONFIG_VERSION", "1.2.3"),
        ("IPPFVS_CONFIG_CONNS", 1),
        ("IPPFVS_CONFIG_BUCKETS", 4096),
        ("IPPFVS_CONFIG_SERVICES", 3),
        ("IPPFVS_CONFIG_SCHEDULERS", "rr wrr"),
    ]
    info = codec.decode_config(fakekernel.encode([(name, tree)]))
    assert info.rule() == config
    assert (info.version, info.connections, info.buckets) == ("1.2.3", 1, 4096)
    assert (info.services, info.schedulers) == (3, ("rr", "wrr"))


@given(
    st.builds(
        Connection,
        st.sampled_from(Protocol),
        ENDPOINTS,
        ENDPOINTS,
        ENDPOINTS,
        st.sampled_from(Method),
        st.sampled_from(State),
        st.integers(0, 2**32 - 1).map(lambda ms: ms / 1000),
    )
)
def test_connection(entry: Connection) -> None:
    body = fakekernel.encode([("IPPFVS_A_CONN", connection_tree(entry))])
    assert codec.decode_connection(body) == entry


@given(STATS, st.lists(COUNTS, min_size=13, max_size=13))
def test_stats_and_drops(stats: Stats, counts: list[int]) -> None:
    names = [name for name, kind in DropsNest.nla_map if kind != "none"]
    drops = list(zip(names, counts, strict=True))
    body = fakekernel.encode([("IPPFVS_A_STATS", stats_tree(stats)), ("IPPFVS_A_DROPS", drops)])
    assert codec.decode_stats(body) == (stats, Drops(*counts))


@given(services(), METHODS)
def test_event(service: Service, method: Method | None) -> None:
    end = Endpoint("10.0.0.1", 80)
    body = fakekernel.encode([codec.service_nest(service), codec.real_nest(end, 5, method)])
    expected = Event("real_new", replace(service, reals=()), Real(end, 5, method))
    assert codec.decode_event(Command.REAL_NEW, body) == expected
    assert codec.decode_event(Command.REPLACE, b"") == Event("replace")


@given(st.binary(max_size=64))
def test_garbage_is_one_error(garbage: bytes) -> None:
    for decode in (
        codec.decode_service,
        codec.decode_real,
        codec.decode_connection,
        codec.decode_config,
        codec.decode_stats,
    ):
        with pytest.raises(TransportError):
            decode(garbage)


def test_padding_and_unknown_attributes_are_passed_over() -> None:
    body = bytes.fromhex("1800 0580 0400 0100 0c00 0200 0900000000000000 0400ff00".replace(" ", ""))
    assert wire.decode(Message, body) == {"IPPFVS_A_STATS": {"IPPFVS_STATS_CONNS": 9}}


def test_an_offset_names_its_attribute_and_its_nest() -> None:
    service = Service(Protocol.TCP, Endpoint("10.0.0.1", 80))
    tree = [codec.service_nest(service), codec.real_nest(Endpoint("10.0.0.2", 80), 70000)]
    body = codec.encode(tree)
    first = len(codec.encode(tree[:1]))
    assert codec.nest_index(body, 0) == 0
    assert codec.nest_index(body, first) == codec.nest_index(body, first + 20) == 1
    assert codec.nest_index(body, len(body)) == codec.nest_index(body, -1) == -1
    assert codec.attribute_name(body, first + 4 + 8 + 8) == "IPPFVS_REAL_WEIGHT"
    assert codec.attribute_name(body, 4) == "IPPFVS_SERVICE_ADDRESS"
    assert codec.attribute_name(body, -1) == ""


def test_a_hundred_thousand_real_servers_are_encoded_within_seconds() -> None:
    services = [
        Service(
            Protocol.TCP,
            Endpoint(f"10.0.{number >> 8}.{number & 255}", 80),
            "wlc",
            tuple(
                Real(Endpoint(f"172.{16 + (n >> 8)}.{n & 255}.1", 80), 1, Method.NAT)
                for n in range(1000)
            ),
        )
        for number in range(100)
    ]
    start = time.monotonic()
    body = codec.encode_bulk(codec.ruleset_tree(Config(), services))
    assert time.monotonic() - start < 5
    assert sum(1 for _ in wire.walk(body, 0, len(body))) == 100 * 1001
