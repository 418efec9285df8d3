# SPDX-License-Identifier: GPL-2.0
"""Messages both ways, and pyroute2's codec as the twin of our own."""

from __future__ import annotations

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
    Drops,
    Event,
    Method,
    Protocol,
    Real,
    Service,
    Stats,
)
from pylvs.packed import pack
from pylvs.ruleset import Ruleset
from pylvs.uapi import Command
from tests.unit import fakekernel
from tests.unit.samples import stats_tree
from tests.unit.strategies import CONFIGS, COUNTS, METHODS, RULESETS, STATS, services


@given(RULESETS)
def test_both_decoders_give_the_same_values(ruleset: Ruleset) -> None:
    body = bytes(pack(ruleset))
    ours = []
    for kind, start, end in wire.walk(body, 0, len(body)):
        name, nest = Message.nla_map[kind]
        ours.append((name, wire.decode(getattr(Message, nest), body, start, end)))
    theirs = [(name, fakekernel.as_dict(nest)) for name, nest, _ in fakekernel.nests_of(body)]
    assert ours == theirs


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
    body = fakekernel.encode(tree)
    first = len(fakekernel.encode(tree[:1]))
    assert codec.nest_index(body, 0) == 0
    assert codec.nest_index(body, first) == codec.nest_index(body, first + 20) == 1
    assert codec.nest_index(body, len(body)) == codec.nest_index(body, -1) == -1
    assert codec.attribute_name(body, first + 4 + 8 + 8) == "IPPFVS_REAL_WEIGHT"
    assert codec.attribute_name(body, 4) == "IPPFVS_SERVICE_ADDRESS"
    assert codec.attribute_name(body, -1) == ""
