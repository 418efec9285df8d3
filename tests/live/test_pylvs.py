# SPDX-License-Identifier: GPL-2.0
"""pylvs and the kernel: every method, every error, and whole rule sets."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import islice

import pytest
from ippfvslab.farm import Farm

import pylvs
from pylvs import Config, Endpoint, Event, Manager, Method, Protocol, Real, Service
from pylvs.uapi import Command
from tests.live.helpers.rulesets import grid, random_ruleset

pytestmark = pytest.mark.farm(methods=["nat"], families=[4])

BOTH_SEEN_S = 60
SEED = int(os.environ.get("IPPFVS_SEED", "1999"))
WEB = Service(Protocol.TCP, Endpoint("202.103.106.5", 80), "wrr")
REAL = Endpoint("172.16.0.2", 80)
USUAL = Config(Method.NAT, 900, 120, 300, 0)


def web(lvs: Manager) -> Service:
    return lvs.add_service("tcp", "202.103.106.5:80", scheduler="wrr")


def test_services_are_added_edited_listed_and_removed(lvs: Manager) -> None:
    assert web(lvs) == WEB
    dns = lvs.add_service(Protocol.UDP, Endpoint("2001:db8::53", 53))
    assert [each.rule() for each in lvs.services()] == [WEB, dns]
    assert lvs.edit_service(WEB, "lc").scheduler == "lc"
    assert lvs.service("tcp", "202.103.106.5:80").scheduler == "lc"
    lvs.remove_service(WEB)
    assert [each.key for each in lvs.services()] == [dns.key]
    lvs.clear()
    assert lvs.services() == []


def test_real_servers_are_added_edited_listed_and_removed(lvs: Manager) -> None:
    service = web(lvs)
    assert lvs.add_real(service, "172.16.0.2:80").weight == 1
    lvs.add_real(service, Endpoint("172.16.0.3"), 0, Method.DR)
    lvs.add_real(service, "127.0.0.1:8080")
    lvs.edit_real(service, "172.16.0.2:80", weight=65535)
    lvs.edit_real(service, "172.16.0.3", method="tun")
    reals = [each.rule() for each in lvs.service("tcp", WEB.endpoint).reals]
    assert reals == [
        Real(REAL, 65535, Method.NAT),
        Real(Endpoint("172.16.0.3", 80), 0, Method.TUN),
        Real(Endpoint("127.0.0.1", 8080), 1, Method.LOCAL),
    ]
    lvs.remove_real(service, REAL)
    assert len(lvs.services()[0].reals) == 2
    other = Service(Protocol.UDP, Endpoint("1.2.3.4", 53), "rr")
    lvs.add_real(other, "172.16.0.2", create=True)
    assert lvs.services()[1].scheduler == "rr"


def test_a_real_server_without_a_port_gets_the_services_port(lvs: Manager) -> None:
    service = web(lvs)
    lvs.configure(default_method="dr")
    lvs.add_real(service, "172.16.0.2")
    with pytest.raises(pylvs.AlreadyExists):
        lvs.add_real(service, "172.16.0.2:80")
    lvs.edit_real(service, "172.16.0.2:80", weight=3)
    there = Real(REAL, 3, Method.DR)
    assert [each.rule() for each in lvs.service(service.protocol, WEB.endpoint).reals] == [there]
    assert list(lvs.connections(service, "172.16.0.2")) == []
    twice = replace(service, reals=(Real(Endpoint("172.16.0.2")), Real(REAL)))
    with pytest.raises(pylvs.AlreadyExists):
        lvs.replace(pylvs.Ruleset((twice,)))
    assert str(lvs.rules()).splitlines()[-1] == f"-a {WEB.option} -r {REAL} -g -w 3"
    lvs.remove_real(service, "172.16.0.2")
    assert lvs.services()[0].reals == ()


def test_a_real_server_of_a_service_of_every_port_has_its_own_port_or_none(lvs: Manager) -> None:
    every = lvs.add_service("tcp", "202.103.106.5")
    lvs.add_real(every, "172.16.0.2:0", method="dr")
    lvs.add_real(every, "172.16.0.2:80", method="nat")
    ports = [each.endpoint.port for each in lvs.service("tcp", every.endpoint).reals]
    assert ports == [0, 80]


def test_settings_are_changed_and_restored(lvs: Manager) -> None:
    before = lvs.config()
    assert before.version == pylvs.__version__
    assert before.schedulers[:4] == ("rr", "wrr", "lc", "wlc")
    lvs.configure(default_method="dr", tcp_timeout_s=1000, fin_timeout_s=2, udp_timeout_s=3)
    lvs.configure(conn_max=123456)
    assert lvs.config().rule() == Config(Method.DR, 1000, 2, 3, 123456)
    lvs.replace(pylvs.Ruleset((), before.rule()))
    assert lvs.config() == before


def test_reading_a_service_without_traffic_returns_zeros(lvs: Manager) -> None:
    service = web(lvs)
    lvs.add_real(service, REAL)
    lvs.zero()
    lvs.zero(service)
    assert lvs.stats() == pylvs.Stats()
    assert list(lvs.connections()) == []
    assert list(lvs.connections(service)) == []
    assert list(lvs.connections(service, REAL)) == []
    assert isinstance(lvs.drops(), pylvs.Drops)


def _set(lvs: Manager, config: Config) -> None:
    """Send settings to the kernel, without pylvs's own validation."""
    lvs.send(Command.CONFIG_SET, config=config)


Call = Callable[[Manager], object]
GONE = Service(Protocol.TCP, Endpoint("1.1.1.1", 80))
SIX = Endpoint("2001:db8::1", 80)
REFUSED: dict[str, tuple[type[pylvs.Error], Call]] = {
    "the service is there": (pylvs.AlreadyExists, lambda lvs: web(lvs)),
    "the server is there": (pylvs.AlreadyExists, lambda lvs: lvs.add_real(WEB, REAL)),
    "no service to edit": (pylvs.NoSuchService, lambda lvs: lvs.edit_service(GONE, "rr")),
    "no service to remove": (pylvs.NoSuchService, lambda lvs: lvs.remove_service(GONE)),
    "no service to show": (pylvs.NoSuchService, lambda lvs: lvs.service("tcp", "1.1.1.1:80")),
    "no service to add to": (pylvs.NoSuchService, lambda lvs: lvs.add_real(GONE, REAL)),
    "no service to zero": (pylvs.NoSuchService, lambda lvs: lvs.zero(GONE)),
    "no service's connections": (pylvs.NoSuchService, lambda lvs: list(lvs.connections(GONE))),
    "no server to edit": (pylvs.NoSuchReal, lambda lvs: lvs.edit_real(WEB, "1.1.1.1", 2)),
    "no server to remove": (pylvs.NoSuchReal, lambda lvs: lvs.remove_real(WEB, "1.1.1.1")),
    "no server's connections": (
        pylvs.NoSuchReal,
        lambda lvs: list(lvs.connections(WEB, "1.1.1.1")),
    ),
    "no such scheduler": (
        pylvs.UnknownScheduler,
        lambda lvs: lvs.add_service("tcp", "1.1.1.1:80", "best"),
    ),
    "two families": (pylvs.FamilyMismatch, lambda lvs: lvs.add_real(WEB, SIX)),
    "another port": (
        pylvs.PortCannotChange,
        lambda lvs: lvs.add_real(WEB, "1.1.1.1:81", method="dr"),
    ),
    "multicast": (pylvs.AddressNotUsable, lambda lvs: lvs.add_service("udp", "224.0.0.1:80")),
    "unspecified": (pylvs.AddressNotUsable, lambda lvs: lvs.add_real(WEB, "0.0.0.0:80")),
    "not local": (
        pylvs.AddressNotUsable,
        lambda lvs: lvs.add_real(WEB, "1.1.1.1:80", method="local"),
    ),
    "no such timeout": (pylvs.InvalidValue, lambda lvs: lvs.configure(udp_timeout_s=0)),
    "no default": (pylvs.InvalidValue, lambda lvs: lvs.configure(default_method="local")),
    "the kernel: timeout": (pylvs.Refused, lambda lvs: _set(lvs, Config(udp_timeout_s=0))),
    "the kernel: years": (pylvs.Refused, lambda lvs: _set(lvs, Config(tcp_timeout_s=2**32 - 1))),
    "the kernel: default": (pylvs.Refused, lambda lvs: _set(lvs, Config(Method.LOCAL))),
    "no such weight": (pylvs.InvalidValue, lambda lvs: lvs.add_real(WEB, "1.1.1.1", 65536)),
    "no such namespace": (pylvs.NoSuchNamespace, lambda lvs: Manager(netns="nowhere")),
}


def test_each_refusal_raises_its_error_and_changes_nothing(lvs: Manager) -> None:
    lvs.add_real(web(lvs), REAL)
    before = lvs.rules()
    for name, (kind, call) in REFUSED.items():
        with pytest.raises(kind) as refusal:
            call(lvs)
        assert type(refusal.value) is kind, name
        assert lvs.rules() == before, name


def test_events_report_every_change(lvs: Manager) -> None:
    with closing(lvs.events()) as events:
        service = web(lvs)
        lvs.add_real(service, REAL)
        lvs.edit_real(service, REAL, weight=7)
        lvs.remove_real(service, REAL)
        lvs.edit_service(service, "rr")
        lvs.remove_service(service)
        lvs.configure(udp_timeout_s=301)
        lvs.configure(udp_timeout_s=300)
        lvs.clear()
        seen = list(islice(events, 9))
    kinds = ["service_new", "real_new", "real_set", "real_del", "service_set", "service_del"]
    assert [each.kind for each in seen] == [*kinds, "config_set", "config_set", "replace"]
    assert seen[0] == Event("service_new", WEB)
    assert seen[2].real == Real(REAL, 7, Method.NAT)
    assert seen[6].config.udp_timeout_s == 301


def test_saved_rules_are_restored_identically(lvs: Manager) -> None:
    print(f"IPPFVS_SEED={SEED}")
    rng, usual = random.Random(SEED), lvs.config().rule()
    for _ in range(200):
        ruleset = random_ruleset(rng)
        lvs.clear()  # otherwise services that stay would keep their position in the listing
        lvs.replace(ruleset)
        saved = str(lvs.rules())
        assert pylvs.loads(saved) == ruleset
        lvs.replace(pylvs.loads(saved))
        assert str(lvs.rules()) == saved
    lvs.replace(pylvs.Ruleset((), usual))


def test_readers_see_one_set_or_the_other(farm: Farm, lvs: Manager) -> None:
    """Every rule of the two sets differs, so a mixture would be visible."""
    sets = [grid(300, 3, "rr", 1).services, grid(300, 3, "lc", 2).services]
    lvs.replace(pylvs.Ruleset(sets[0]))
    began = time.monotonic()
    assert lvs.rules().services == sets[0]
    reading_s = time.monotonic() - began
    enough = threading.Event()
    thread = threading.Thread(target=swap, args=(farm, sets, enough, reading_s))
    thread.start()
    seen: list[int] = []
    limit = time.monotonic() + BOTH_SEEN_S
    try:
        while len(seen) < 10 or (len(set(seen)) < 2 and time.monotonic() < limit):
            seen.append(sets.index(lvs.rules().services))
    finally:
        enough.set()
        thread.join()
    assert set(seen) == {0, 1}


def swap(
    farm: Farm, sets: list[tuple[Service, ...]], enough: threading.Event, reading_s: float
) -> None:
    """Replace one set by the other at random times: during a reading, or between two readings."""
    rng, number = random.Random(SEED), 0
    with Manager(netns=str(farm.director.path)) as writer:
        while not enough.wait(rng.uniform(0, 4 * reading_s)):
            number += 1
            writer.replace(pylvs.Ruleset(sets[number % 2]))


def test_services_larger_than_a_message_and_empty_ones_are_listed(lvs: Manager) -> None:
    """Services with many servers continue in the next message. IPv6 attributes are longer."""
    six = tuple(
        Real(Endpoint(f"2001:db8::{number:x}", 80), 5, Method.NAT) for number in range(1, 900)
    )
    large = [replace(each, protocol=Protocol.UDP) for each in grid(3, 3000).services]
    empty = grid(200, 0, "lc").services
    wanted = (*empty, *large, Service(Protocol.UDP, SIX, "wrr", six))
    lvs.replace(pylvs.Ruleset(wanted))
    assert lvs.rules().services == wanted
    assert lvs.service("udp", SIX).rule() == wanted[-1]
    assert lvs.service("udp", large[0].endpoint).rule() == large[0]


def test_ten_thousand_services_are_replaced_and_listed(lvs: Manager) -> None:
    wanted = grid(10_000, 10)
    began = time.monotonic()
    lvs.replace(wanted)
    replaced = time.monotonic()
    found = lvs.rules()
    listed = time.monotonic()
    print(f"replaced in {replaced - began:.1f} s, listed in {listed - replaced:.1f} s")
    assert found.services == wanted.services
    assert lvs.config().services == 10_000
