# SPDX-License-Identifier: GPL-2.0
"""Dumps and rule sets in bulk, with pyroute2's codec as the twin of our own."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylvs import bulk, codec, wire
from pylvs.endpoint import Endpoint
from pylvs.errors import TransportError
from pylvs.model import (
    Connection,
    Method,
    Protocol,
    Real,
    RealInfo,
    Service,
    ServiceInfo,
    Stats,
)
from pylvs.packed import pack
from pylvs.ruleset import Ruleset
from tests.unit import fakekernel
from tests.unit.samples import connection, connection_tree, ruleset_tree, stats_tree
from tests.unit.strategies import (
    CONNECTIONS,
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
    body = pack(ruleset)
    assert body == fakekernel.encode(ruleset_tree(ruleset))


@given(st.lists(INFOS, max_size=6))
def test_services(listed: list[tuple[Service, Stats, int]]) -> None:
    nests = []
    for service, stats, count in listed:
        name, tree = codec.service_nest(service)
        tree += [("IPPFVS_SERVICE_STATS", stats_tree(stats)), ("IPPFVS_SERVICE_REALS", count)]
        nests.append((name, tree))
    expected = [
        ServiceInfo(*service.key, service.scheduler, (), stats, count)
        for service, stats, count in listed
    ]
    body = fakekernel.encode(nests)
    assert bulk.read_services(body) == expected
    if expected:
        assert bulk.read_service(body) == expected[0]


@given(GROUPS)
def test_real_servers_follow_their_service(groups: list[tuple[Service, list[RealInfo]]]) -> None:
    nests = []
    for service, reals in groups:
        nests += [codec.service_nest(service), *(real_nest(real) for real in reals)]
    members = bulk.read_reals(fakekernel.encode(nests))
    read = [(key, name, real) for key, name, some in members for real in some]
    expected = ((one.key, one.scheduler, real) for one, reals in groups for real in reals)
    assert read == list(expected)


def rule_nests(service: Service) -> list[tuple[str, wire.Tree]]:
    name, tree = codec.service_nest(service)
    head = name, [*tree, ("IPPFVS_SERVICE_REALS", len(service.reals))]
    return [head, *(codec.real_nest(*each) for each in map(astuple, service.reals))]


def astuple(real: Real) -> tuple[Endpoint, int, Method | None]:
    return real.endpoint, real.weight, real.method


@given(RULESETS, st.data())
def test_rules_however_messages_divide_them(ruleset: Ruleset, data: st.DataObject) -> None:
    bodies: list[wire.Tree] = [[]]
    for service in ruleset.services:
        head, *reals = rule_nests(service)
        bodies[-1].append(head)
        for real in reals:
            if data.draw(st.booleans()):
                bodies.append([head])
            bodies[-1].append(real)
        if data.draw(st.booleans()):
            bodies.append([])
    assert tuple(bulk.read_rules(map(fakekernel.encode, bodies))) == ruleset.services


def test_a_service_is_there_before_all_are_read() -> None:
    ends = [Endpoint("10.0.0.1", port) for port in (1, 2, 3)]
    services = [Service(Protocol.TCP, end, "rr", (Real(end, 1, Method.NAT),)) for end in ends]
    bodies = iter([fakekernel.encode(rule_nests(service)) for service in services])
    assert next(bulk.read_rules(bodies)) == services[0]
    assert len(list(bodies)) == 1


def real_nest(real: RealInfo) -> tuple[str, wire.Tree]:
    name, tree = codec.real_nest(real.endpoint, real.weight, real.method)
    return name, [
        *tree,
        ("IPPFVS_REAL_STATS", stats_tree(real.stats)),
        ("IPPFVS_REAL_ACTIVE", real.active),
        ("IPPFVS_REAL_INACTIVE", real.inactive),
    ]


@given(st.lists(CONNECTIONS, max_size=8))
def test_connections(entries: list[Connection]) -> None:
    body = fakekernel.encode([("IPPFVS_A_CONN", connection_tree(entry)) for entry in entries])
    assert bulk.read_connections(body) == entries


@given(st.lists(CONNECTIONS, max_size=4), st.data())
def test_what_is_cut_or_spoilt_is_one_error_or_whole(
    entries: list[Connection], data: st.DataObject
) -> None:
    nests = [("IPPFVS_A_CONN", connection_tree(entry)) for entry in entries]
    body = bytearray(fakekernel.encode(nests))
    for place in data.draw(st.lists(st.integers(0, max(0, len(body) - 1)), max_size=3)):
        body[place : place + 1] = data.draw(st.binary(max_size=1))
    try:
        read = bulk.read_connections(bytes(body))
    except TransportError:
        return
    assert len(read) <= len(entries)


@given(st.binary(max_size=64))
def test_garbage_is_one_error(garbage: bytes) -> None:
    for read in (bulk.read_services, bulk.read_reals, bulk.read_connections):
        with suppress(TransportError):
            assert read(garbage) == []
    with suppress(TransportError):
        assert list(bulk.read_rules([garbage])) == []
    with pytest.raises(TransportError):
        bulk.read_service(garbage)


def test_a_real_server_without_a_service_is_one_error() -> None:
    body = fakekernel.encode([real_nest(RealInfo(Endpoint("10.0.0.1", 80)))])
    with pytest.raises(TransportError, match="a real server before its service"):
        bulk.read_reals(body)
    with pytest.raises(TransportError, match="a real server before its service"):
        list(bulk.read_rules([body]))


def test_attributes_of_a_newer_module_are_passed_over() -> None:
    """One within each nest, one between them; their content differs."""
    entries = [connection(f"10.0.0.{number}:1") for number in range(3)]
    body = b""
    for number, entry in enumerate(entries):
        nest = fakekernel.encode([("IPPFVS_A_CONN", connection_tree(entry))])
        more = b"\x08\x00\xf0\x00" + bytes([number]) * 4
        body += (len(nest) + 8).to_bytes(2, "little") + nest[2:] + more
        body += b"\x06\x00\xf1\x00" + bytes([number]) * 2 + bytes(2)
    assert bulk.read_connections(body) == entries


def test_a_number_of_another_length_is_one_error() -> None:
    body = fakekernel.encode([("IPPFVS_A_CONN", connection_tree(connection("10.0.0.1:1")))])
    protocol = body.index(b"\x05\x00\x01\x00\x06")
    longer = body[:protocol] + b"\x06" + body[protocol + 1 :]
    with pytest.raises(TransportError, match="malformed"):
        bulk.read_connections(longer)


def test_a_hundred_thousand_of_each_take_seconds() -> None:
    ends = [Endpoint(f"172.16.{n >> 8}.{n & 255}", 80) for n in range(1000)]
    reals = tuple(Real(end, 1, Method.NAT) for end in ends)
    services = [
        Service(Protocol.TCP, Endpoint(f"10.0.{number >> 8}.{number & 255}", 80), "wlc", reals)
        for number in range(100)
    ]
    conns = fakekernel.encode([("IPPFVS_A_CONN", connection_tree(connection("10.0.0.1:1")))] * 100)
    start = time.monotonic()
    body = pack(Ruleset(tuple(services)))
    assert sum(len(bulk.read_connections(conns)) for _ in range(1000)) == 100_000
    assert time.monotonic() - start < 5
    assert sum(1 for _ in wire.walk(body, 0, len(body))) == 100 * 1001
