# SPDX-License-Identifier: GPL-2.0
"""RULES_GET, message by message: its contents, its continuation, and its interruption."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from ippfvslab.farm import Farm
from ippfvslab.traffic import Background

import pylvs
from pylvs import Endpoint, Manager, Method, Protocol, Real, Service
from pylvs._netlink.error_map import Refusal
from pylvs._netlink.messages import MESSAGE, real_attrs, service_attrs
from pylvs._netlink.nlattr import Decoder, encode, walk
from pylvs._netlink.transport import DumpInterrupted, NetlinkTransport
from pylvs.uapi import Command
from tests.live.helpers.rulesets import grid

pytestmark = pytest.mark.farm(methods=["nat"], families=[4])

SERVICE, REAL = 1, 2  # enum ippfvs_attr
SERVICE_RULE = {"ADDRESS", "PROTOCOL", "PORT", "SCHEDULER", "REALS"}
REAL_RULE = {"ADDRESS", "PORT", "WEIGHT", "METHOD"}
Nests = list[tuple[int, dict[str, object]]]


@pytest.fixture
def transport(farm: Farm) -> Iterator[NetlinkTransport]:
    with closing(NetlinkTransport(str(farm.director.path))) as opened:
        yield opened


def nests(body: bytes) -> Nests:
    """Return the type and the attributes of each nest of a message."""
    found = []
    for kind, start, end in walk(body, 0, len(body)):
        name = MESSAGE.names[kind]
        nest = MESSAGE.attrs[name].nest
        assert nest is not None
        decoder = Decoder(MESSAGE, **{name: dict.fromkeys(nest.attrs)})
        ((_, (row,)),) = decoder.segments(body[start - 4 : (end + 3) & ~3])
        values = zip(nest.attrs, row, strict=True)
        found.append((kind, {attr.upper(): value for attr, value in values if value is not None}))
    return found


def dump(transport: NetlinkTransport) -> list[Nests]:
    return [nests(body) for body in transport.dump(Command.RULES_GET)]


def test_a_dump_without_services_has_no_message(transport: NetlinkTransport) -> None:
    assert dump(transport) == []


def test_a_dump_has_only_rules_in_the_order_of_their_creation(
    lvs: Manager, transport: NetlinkTransport
) -> None:
    reals = (
        Real(Endpoint("10.1.0.1", 8000), 0, Method.NAT),
        Real(Endpoint("10.1.0.2", 81), 65535, Method.DR),
        Real(Endpoint("127.0.0.1", 81), 1, Method.LOCAL),
    )
    ends = (Endpoint("10.0.0.9", 80), Endpoint("10.0.0.1"), Endpoint("2001:db8::1", 53))
    services = (
        Service(Protocol.TCP, ends[0], "wlc"),
        Service(Protocol.UDP, ends[1], "rr"),
        Service(Protocol.TCP, ends[0]._replace(port=81), "lc", reals),
        Service(Protocol.UDP, ends[2], "wrr"),
    )
    lvs.replace(pylvs.Ruleset(services))
    (message,) = dump(transport)
    assert [kind for kind, _ in message] == [SERVICE] * 3 + [REAL] * 3 + [SERVICE]
    for kind, nest in message:
        assert nest.keys() == (SERVICE_RULE if kind == SERVICE else REAL_RULE)
    assert [nest["REALS"] for kind, nest in message if kind == SERVICE] == [0, 0, 3, 0]
    assert lvs.rules().services == services


def test_a_large_service_continues_in_the_next_message(
    lvs: Manager, transport: NetlinkTransport
) -> None:
    wanted = (*grid(2, 5000, "rr").services, *grid(4, 0).services[2:])
    lvs.replace(pylvs.Ruleset(wanted))
    messages = dump(transport)
    assert len(messages) > 5
    for message in messages:
        kinds = [kind for kind, _ in message]
        assert kinds[0] == SERVICE
        assert message[-1][1].get("REALS", 0) == 0, "a service without any of its real servers"
    assert sum(kind == REAL for message in messages for kind, _ in message) == 10_000
    assert sum(kind == SERVICE for message in messages for kind, _ in message) <= 4 + len(messages)
    assert lvs.rules().services == wanted


CHANGES: dict[str, Callable[[Manager, Service], object]] = {
    "a service is added": lambda lvs, _: lvs.add_service("udp", "10.9.9.9:53"),
    "a service is removed": lambda lvs, service: lvs.remove_service(service),
    "a server is added": lambda lvs, service: lvs.add_real(service, "10.9.9.9:53"),
    "a weight is changed": lambda lvs, service: lvs.edit_real(service, "10.4.0.1:8000", weight=9),
    "all are replaced": lambda lvs, service: lvs.replace(grid(1, 1)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_during_a_dump_interrupts_it(
    lvs: Manager, transport: NetlinkTransport, change: str
) -> None:
    rules = grid(2000, 10)
    lvs.replace(rules)
    bodies = transport.dump(Command.RULES_GET)
    next(bodies)
    CHANGES[change](lvs, rules.services[1999])
    with pytest.raises(DumpInterrupted):
        list(bodies)
    assert dump(transport)


def test_an_interrupted_reading_starts_again(lvs: Manager) -> None:
    """The result must not mix the first services of one set with the rest of another."""
    lvs.replace(grid(2000, 10, "rr", 1))
    read: list[Service] = []

    def note(service: Service) -> Service:
        if not read:
            lvs.replace(grid(2000, 10, "lc", 2))
        read.append(service)
        return service

    assert tuple(lvs.map_rules(note)) == grid(2000, 10, "lc", 2).services
    assert len(read) > 2000


def test_an_abandoned_reading_does_not_disturb_the_next(lvs: Manager) -> None:
    lvs.replace(grid(2000, 10))
    with pytest.raises(ZeroDivisionError):
        lvs.map_rules(lambda service: 1 // 0)
    assert lvs.rules().services == grid(2000, 10).services


def test_a_dump_with_arguments_or_without_the_dump_flag_is_refused(
    lvs: Manager, transport: NetlinkTransport
) -> None:
    service = grid(1, 1).services[0]
    lvs.replace(grid(1, 1))
    for tree in (service_attrs(service, key_only=True), real_attrs(Endpoint("10.4.0.1"))):
        with pytest.raises(Refusal) as refused:
            list(transport.dump(Command.RULES_GET, encode(MESSAGE, tree)))
        assert refused.value.errno == errno.EINVAL
    with pytest.raises(Refusal) as undumped:
        transport.do(Command.RULES_GET)
    assert undumped.value.errno == errno.EOPNOTSUPP


def test_services_are_listed_while_the_last_service_is_removed(farm: Farm, lvs: Manager) -> None:
    """The removal destroys the hooks and the table, which takes longer than a listing."""
    one, listed = grid(1, 1), {0: 0, 1: 0}
    with Manager(netns=str(farm.director.path)) as writer:

        def add_and_remove() -> None:
            writer.replace(one)
            writer.clear()

        with Background(add_and_remove) as changes:
            limit = time.monotonic() + 60
            while changes.rounds < 8 or min(listed.values()) < 8:
                assert time.monotonic() < limit, (changes.rounds, changes.faults[-1:], listed)
                listed[len(lvs.services())] += 1
                assert lvs.stats() == pylvs.Stats()
    assert not changes.faults
