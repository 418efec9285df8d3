# SPDX-License-Identifier: GPL-2.0
"""Requests and answers, compared with pyroute2 as an independent encoder and decoder."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from socket import htons
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylvs._netlink import messages, nlattr
from pylvs._netlink.messages import encode_ruleset
from pylvs._netlink.nlattr import Decoder, Values, locate, walk
from pylvs.endpoint import Endpoint
from pylvs.errors import TransportError
from pylvs.model import (
    Config,
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
    Stats,
)
from pylvs.ruleset import Ruleset
from pylvs.uapi import Command
from tests.unit.reference import DropsNest, as_dict, encode, nests_of
from tests.unit.samples import (
    config_nest,
    connection,
    connection_tree,
    ruleset_tree,
    service_nest,
    stats_tree,
)
from tests.unit.samples import real_nest as rule_nest
from tests.unit.strategies import (
    CONFIGS,
    CONNECTIONS,
    COUNTS,
    ENDPOINTS,
    METHODS,
    RULESETS,
    STATS,
    WEIGHTS,
    services,
)

U32 = st.integers(0, 2**32 - 1)
INFOS = st.tuples(services(), STATS, U32)
REALS = st.builds(RealInfo, ENDPOINTS, WEIGHTS, METHODS, U32, U32, STATS)
GROUPS = st.lists(st.tuples(services(), st.lists(REALS, min_size=1, max_size=4)), max_size=4)


@given(RULESETS)
def test_both_encoders_give_the_same_bytes(ruleset: Ruleset) -> None:
    body = encode_ruleset(ruleset)
    assert body == encode(ruleset_tree(ruleset))


@given(services(), ENDPOINTS, CONFIGS)
def test_keys_and_settings_have_the_bytes_of_pyroute2(
    service: Service, end: Endpoint, config: Config
) -> None:
    key = messages.service_attrs(service, key_only=True)
    values = [*key, *messages.real_attrs(end), *messages.config_attrs(config)]
    nests = [service_nest(service, key_only=True), rule_nest(end), config_nest(config)]
    assert nlattr.encode(messages.MESSAGE, values) == encode(nests)


@given(st.lists(INFOS, max_size=6))
def test_services_of_a_dump_are_decoded(listed: list[tuple[Service, Stats, int]]) -> None:
    nests = []
    for service, stats, count in listed:
        name, tree = service_nest(service)
        tree += [("IPPFVS_SERVICE_STATS", stats_tree(stats)), ("IPPFVS_SERVICE_REALS", count)]
        nests.append((name, tree))
    expected = [
        ServiceInfo(*service.key, service.scheduler, (), stats, count)
        for service, stats, count in listed
    ]
    body = encode(nests)
    assert messages.decode_services(body) == expected
    if expected:
        assert messages.decode_service(body) == expected[0]


@given(GROUPS)
def test_real_servers_are_decoded(
    groups: list[tuple[Service, list[RealInfo]]],
) -> None:
    nests = []
    for service, reals in groups:
        nests += [service_nest(service), *(real_nest(real) for real in reals)]
    members = messages.decode_reals(encode(nests))
    read = [(key, name, real) for key, name, some in members for real in some]
    expected = ((one.key, one.scheduler, real) for one, reals in groups for real in reals)
    assert read == list(expected)


def rule_nests(service: Service) -> list[tuple[str, Values]]:
    name, tree = service_nest(service)
    head = name, [*tree, ("IPPFVS_SERVICE_REALS", len(service.reals))]
    return [head, *(rule_nest(*each) for each in map(astuple, service.reals))]


def astuple(real: Real) -> tuple[Endpoint, int, Method | None]:
    return real.endpoint, real.weight, real.method


@given(RULESETS, st.data())
def test_divided_rules_are_decoded(ruleset: Ruleset, data: st.DataObject) -> None:
    bodies: list[Values] = [[]]
    for service in ruleset.services:
        head, *reals = rule_nests(service)
        bodies[-1].append(head)
        for real in reals:
            if data.draw(st.booleans()):
                bodies.append([head])
            bodies[-1].append(real)
        if data.draw(st.booleans()):
            bodies.append([])
    assert tuple(messages.decode_rules(map(encode, bodies))) == ruleset.services


def test_a_service_is_yielded_before_all_bodies_are_read() -> None:
    ends = [Endpoint("10.0.0.1", port) for port in (1, 2, 3)]
    services = [Service(Protocol.TCP, end, "rr", (Real(end, 1, Method.NAT),)) for end in ends]
    bodies = iter([encode(rule_nests(service)) for service in services])
    assert next(messages.decode_rules(bodies)) == services[0]
    assert len(list(bodies)) == 1


def real_nest(real: RealInfo) -> tuple[str, Values]:
    name, tree = rule_nest(real.endpoint, real.weight, real.method)
    return name, [
        *tree,
        ("IPPFVS_REAL_STATS", stats_tree(real.stats)),
        ("IPPFVS_REAL_ACTIVE", real.active),
        ("IPPFVS_REAL_INACTIVE", real.inactive),
    ]


@given(st.lists(CONNECTIONS, max_size=8))
def test_connections_of_a_dump_are_decoded(entries: list[Connection]) -> None:
    body = encode([("IPPFVS_A_CONN", connection_tree(entry)) for entry in entries])
    assert messages.decode_connections(body) == entries


@given(st.lists(CONNECTIONS, max_size=4), st.data())
def test_a_damaged_dump_is_decoded_or_raises_one_error(
    entries: list[Connection], data: st.DataObject
) -> None:
    nests = [("IPPFVS_A_CONN", connection_tree(entry)) for entry in entries]
    body = bytearray(encode(nests))
    for place in data.draw(st.lists(st.integers(0, max(0, len(body) - 1)), max_size=3)):
        body[place : place + 1] = data.draw(st.binary(max_size=1))
    try:
        read = messages.decode_connections(bytes(body))
    except TransportError:
        return
    assert len(read) <= len(entries)


@given(st.binary(max_size=64))
def test_garbage_in_a_dump_raises_one_error(garbage: bytes) -> None:
    for read in (messages.decode_services, messages.decode_reals, messages.decode_connections):
        with suppress(TransportError):
            assert read(garbage) == []
    with suppress(TransportError):
        assert list(messages.decode_rules([garbage])) == []
    with pytest.raises(TransportError):
        messages.decode_service(garbage)


def test_a_real_server_without_a_service_raises_one_error() -> None:
    body = encode([real_nest(RealInfo(Endpoint("10.0.0.1", 80)))])
    with pytest.raises(TransportError, match="a real server before its service"):
        messages.decode_reals(body)
    with pytest.raises(TransportError, match="a real server before its service"):
        list(messages.decode_rules([body]))


def test_attributes_of_a_newer_module_are_skipped() -> None:
    """Unknown attributes are within each nest and between nests. Their content differs."""
    entries = [connection(f"10.0.0.{number}:1") for number in range(3)]
    body = b""
    for number, entry in enumerate(entries):
        nest = encode([("IPPFVS_A_CONN", connection_tree(entry))])
        more = b"\x08\x00\xf0\x00" + bytes([number]) * 4
        body += (len(nest) + 8).to_bytes(2, "little") + nest[2:] + more
        body += b"\x06\x00\xf1\x00" + bytes([number]) * 2 + bytes(2)
    assert messages.decode_connections(body) == entries


def test_a_number_of_another_length_raises_one_error() -> None:
    body = encode([("IPPFVS_A_CONN", connection_tree(connection("10.0.0.1:1")))])
    protocol = body.index(b"\x05\x00\x01\x00\x06")
    longer = body[:protocol] + b"\x06" + body[protocol + 1 :]
    with pytest.raises(TransportError, match="malformed"):
        messages.decode_connections(longer)


def test_a_hundred_thousand_nests_take_less_than_five_seconds() -> None:
    ends = [Endpoint(f"172.16.{n >> 8}.{n & 255}", 80) for n in range(1000)]
    reals = tuple(Real(end, 1, Method.NAT) for end in ends)
    services = [
        Service(Protocol.TCP, Endpoint(f"10.0.{number >> 8}.{number & 255}", 80), "wlc", reals)
        for number in range(100)
    ]
    conns = encode([("IPPFVS_A_CONN", connection_tree(connection("10.0.0.1:1")))] * 100)
    start = time.monotonic()
    body = encode_ruleset(Ruleset(tuple(services)))
    assert sum(len(messages.decode_connections(conns)) for _ in range(1000)) == 100_000
    assert time.monotonic() - start < 5
    assert sum(1 for _ in walk(body, 0, len(body))) == 100 * 1001


@given(RULESETS)
def test_both_decoders_give_the_same_values(ruleset: Ruleset) -> None:
    body = bytes(encode_ruleset(ruleset))
    decoder = Decoder(
        messages.MESSAGE,
        **{
            name: dict.fromkeys(attr.nest.attrs)
            for name, attr in messages.MESSAGE.attrs.items()
            if attr.nest is not None
        },
    )
    ours = [(name, row) for name, rows in decoder.segments(body) for row in rows]
    theirs = [
        (name.removeprefix("IPPFVS_A_").lower(), decoded_row(name, as_dict(nest)))
        for name, nest, _ in nests_of(body)
    ]
    assert ours == theirs


def decoded_row(name: str, attrs: dict[str, Any]) -> tuple[Any, ...]:
    """Return what pyroute2 decoded as a row of pylvs's decoder."""
    nest = messages.MESSAGE.attrs[name.removeprefix("IPPFVS_A_").lower()].nest
    assert nest is not None
    return tuple(raw(attr.kind, attrs.get(attr.symbol)) for attr in nest.attrs.values())


def raw(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "string":
        return value.encode() + b"\0"
    return htons(value) if kind == "be16" else value


@given(CONFIGS)
def test_settings_are_decoded(config: Config) -> None:
    name, tree = config_nest(config)
    tree += [
        ("IPPFVS_CONFIG_VERSION", "1.2.3"),
        ("IPPFVS_CONFIG_CONNS", 1),
        ("IPPFVS_CONFIG_BUCKETS", 4096),
        ("IPPFVS_CONFIG_SERVICES", 3),
        ("IPPFVS_CONFIG_SCHEDULERS", "rr wrr"),
    ]
    info = messages.decode_config(encode([(name, tree)]))
    assert info.rule() == config
    assert (info.version, info.connections, info.buckets) == ("1.2.3", 1, 4096)
    assert (info.services, info.schedulers) == (3, ("rr", "wrr"))


@given(STATS, st.lists(COUNTS, min_size=13, max_size=13), COUNTS, COUNTS)
def test_stats_drops_and_evictions_are_decoded(
    stats: Stats, counts: list[int], conflict: int, pressure: int
) -> None:
    names = [name for name, kind in DropsNest.nla_map if kind != "none"]
    drops = list(zip(names, counts, strict=True))
    tree = [("IPPFVS_A_STATS", stats_tree(stats)), ("IPPFVS_A_DROPS", drops)]
    assert messages.decode_stats(encode(tree)) == (stats, Drops(*counts), Evictions())
    evicted = [("IPPFVS_EVICTION_CONFLICT", conflict), ("IPPFVS_EVICTION_PRESSURE", pressure)]
    body = encode([*tree, ("IPPFVS_A_EVICTIONS", evicted)])
    assert messages.decode_stats(body) == (stats, Drops(*counts), Evictions(conflict, pressure))


@given(services(), METHODS)
def test_an_event_is_decoded(service: Service, method: Method | None) -> None:
    end = Endpoint("10.0.0.1", 80)
    body = encode([service_nest(service), rule_nest(end, 5, method)])
    expected = Event("real_new", replace(service, reals=()), Real(end, 5, method))
    assert messages.decode_event(Command.REAL_NEW, body) == expected
    assert messages.decode_event(Command.REPLACE, b"") == Event("replace")


@given(st.binary(max_size=64))
def test_garbage_in_an_answer_raises_one_error(garbage: bytes) -> None:
    for decode in (
        messages.decode_config,
        messages.decode_stats,
    ):
        with pytest.raises(TransportError):
            decode(garbage)


def test_padding_and_unknown_attributes_are_skipped() -> None:
    body = bytes.fromhex("1800 0580 0400 0100 0c00 0200 0900000000000000 0400 ff00")
    decoder = Decoder(messages.MESSAGE, stats={"conns": None, "packets_in": None})
    assert list(decoder.segments(body)) == [("stats", [(9, None)])]
    body += encode([("IPPFVS_A_DROPS", [])])
    assert messages.decode_stats(body) == (Stats(9), Drops(), Evictions())


def test_an_offset_names_its_attribute_and_its_nest() -> None:
    service = Service(Protocol.TCP, Endpoint("10.0.0.1", 80))
    tree = [service_nest(service), rule_nest(Endpoint("10.0.0.2", 80), 70000)]
    body = encode(tree)
    first = len(encode(tree[:1]))
    assert locate(messages.MESSAGE, body, 0) == (0, "IPPFVS_A_SERVICE")
    assert locate(messages.MESSAGE, body, first) == (1, "IPPFVS_A_REAL")
    assert locate(messages.MESSAGE, body, first + 20) == (1, "IPPFVS_REAL_WEIGHT")
    assert locate(messages.MESSAGE, body, 4) == (0, "IPPFVS_SERVICE_ADDRESS")
    assert locate(messages.MESSAGE, body, len(body)) == (-1, "")
    assert locate(messages.MESSAGE, body, -1) == (-1, "")
