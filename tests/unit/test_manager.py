# SPDX-License-Identifier: GPL-2.0
from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given

import pylvs
from pylvs import Endpoint, Manager, Method, Protocol, Real, Ruleset
from pylvs._netlink.messages import join_dumps
from pylvs.model import Config
from pylvs.uapi import Command
from tests.unit.fakekernel import FakeKernel
from tests.unit.samples import connection, connection_tree
from tests.unit.strategies import RULESETS

REAL = Endpoint("1.1.1.1", 80)
WEB = pylvs.Service(Protocol.TCP, Endpoint("10.0.0.1", 80))
WRONG_PORT = pylvs.Service(Protocol.TCP, Endpoint("10.0.0.1", 70_000))


def with_real(real: Real | str) -> Ruleset:
    return Ruleset((replace(WEB, reals=(cast(Real, real),)),))


def test_the_example_of_the_documentation(lvs: Manager) -> None:
    with lvs:
        web = lvs.add_service("tcp", "202.103.106.5:80", scheduler="wrr")
        lvs.add_real(web, "172.16.0.2:80")
        lvs.add_real(web, "172.16.0.3:8000", weight=2)
        (service,) = lvs.services()
        assert str(service) == "-t 202.103.106.5:80 -s wrr"
        assert [(str(real.endpoint), real.weight, real.active) for real in service.reals] == [
            ("172.16.0.2:80", 1, 0),
            ("172.16.0.3:8000", 2, 0),
        ]
        lvs.replace(pylvs.loads("-A -u 10.0.0.1:53 -R 1.1.1.1"))
        assert str(lvs.rules()).splitlines()[-1] == "-a -u 10.0.0.1:53 -r 1.1.1.1:53 -m -w 1"


def test_the_manager_closes_what_it_opened(kernel: FakeKernel) -> None:
    with Manager(transport=kernel) as lvs:
        assert lvs.services() == []
    assert kernel.open == 0


def test_one_service_is_returned_with_its_real_servers(lvs: Manager) -> None:
    web = lvs.add_service("tcp", "10.0.0.1:80")
    lvs.add_service(Protocol.UDP, Endpoint("10.0.0.1", 80), "rr")
    lvs.add_real(web, Endpoint("1.1.1.1", 80), 5, "tun")
    found = lvs.service("tcp", "10.0.0.1:80")
    assert found.rule().reals == (Real(Endpoint("1.1.1.1", 80), 5, Method.TUN),)
    assert found.key == web.key
    lvs.remove_service(web)
    with pytest.raises(pylvs.NoSuchService) as missing:
        lvs.service("tcp", "10.0.0.1:80")
    assert missing.value.kernel == "no such service"


def test_edits_change_scheduler_weight_and_method(lvs: Manager) -> None:
    web = lvs.add_service("tcp", "10.0.0.1:80")
    assert lvs.edit_service(web, "lc").scheduler == "lc"
    lvs.add_real(web, "1.1.1.1:80", 3)
    lvs.edit_real(web, "1.1.1.1:80", weight=0)
    lvs.edit_real(web, "1.1.1.1:80", method=Method.DR)
    (real,) = lvs.service("tcp", "10.0.0.1:80").reals
    assert real.rule() == Real(Endpoint("1.1.1.1", 80), 0, Method.DR)
    lvs.remove_real(web, "1.1.1.1:80")
    assert lvs.rules().services[0].reals == ()


def test_create_makes_the_service_in_the_same_step(lvs: Manager, kernel: FakeKernel) -> None:
    web = pylvs.Service(Protocol.TCP, Endpoint("10.0.0.1", 80), "wrr")
    lvs.add_real(web, "1.1.1.1", create=True)
    assert len(kernel.requests) == 1
    assert lvs.rules().services[0].scheduler == "wrr"
    with pytest.raises(pylvs.NoSuchService):
        lvs.add_real(pylvs.Service(Protocol.UDP, Endpoint("10.0.0.1", 80)), "1.1.1.1")


def test_an_interrupted_dump_is_repeated(lvs: Manager, kernel: FakeKernel) -> None:
    lvs.replace(pylvs.loads("-A -t 10.0.0.1:80 -R 1.1.1.1"))
    kernel.interruptions = 3
    assert len(lvs.services()) == 1
    kernel.interruptions = 1000
    with pytest.raises(pylvs.Error, match="the rules change faster than they can be read"):
        lvs.services()


def test_an_interrupted_dump_of_rules_is_repeated(lvs: Manager, kernel: FakeKernel) -> None:
    rules = pylvs.loads("-A -t 10.0.0.1:80 -R 1.1.1.1\n-A -t 10.0.0.2:80 -R 1.1.1.1")
    lvs.replace(rules)
    seen = []

    def note(service: pylvs.Service) -> str:
        seen.append(service.name)
        return service.name

    kernel.interruptions = 2
    assert lvs.map_rules(note) == ["tcp 10.0.0.1:80", "tcp 10.0.0.2:80"]
    assert seen.count("tcp 10.0.0.1:80") == 3
    kernel.interruptions = 1000
    with pytest.raises(pylvs.Error, match="the rules change faster than they can be read"):
        lvs.rules()


def test_an_abandoned_dump_of_rules_frees_its_socket(lvs: Manager, kernel: FakeKernel) -> None:
    lvs.replace(pylvs.loads("-A -t 10.0.0.1:80 -R 1.1.1.1\n-A -t 10.0.0.2:80 -R 1.1.1.1"))

    def refuse(service: pylvs.Service) -> None:
        assert lvs.config().services == 2
        raise LookupError

    with pytest.raises(LookupError):
        lvs.map_rules(refuse)
    assert kernel.open == 1
    assert len(lvs.services()) == 2


def test_two_dumps_of_different_rule_sets_do_not_join(lvs: Manager) -> None:
    lvs.replace(pylvs.loads("-A -t 10.0.0.1:80 -R 1.1.1.1\n-A -t 10.0.0.2:80 -R 1.1.1.1"))
    services = lvs.services()
    reals = [(service.key, service.scheduler, list(service.reals)) for service in services]
    assert join_dumps(services, reals) == services
    assert join_dumps(services[:1], reals) is None
    assert join_dumps(services, reals[:1]) is None
    (key, _, some), other = reals
    assert join_dumps(services, [(key, "rr", some), other]) is None


def acceptable(ruleset: Ruleset) -> bool:
    """Return whether the kernel accepts each rule of a rule set in a separate request."""
    lvs = Manager(transport=FakeKernel())
    if ruleset.config != Config():
        lvs.replace(Ruleset((), ruleset.config))
    try:
        for service, real in ruleset.rules():
            if real is None:
                lvs.add_service(*service.key, service.scheduler)
            else:
                lvs.add_real(service, real.endpoint, real.weight, real.method)
    except pylvs.Refused:
        return False
    return True


@given(RULESETS)
def test_what_the_kernel_holds_can_be_put_back(ruleset: Ruleset) -> None:
    kernel = FakeKernel()
    lvs = Manager(transport=kernel)
    if not acceptable(ruleset):
        with pytest.raises(pylvs.Refused) as refused:
            lvs.replace(ruleset)
        assert refused.value.sentence().endswith("nothing was changed")
        assert kernel.rules.services == {}
        return
    lvs.replace(ruleset)
    rules = lvs.rules()
    assert [service.key for service in rules.services] == [s.key for s in ruleset.services]
    lvs.clear()
    lvs.replace(pylvs.loads(str(rules)))
    assert lvs.rules() == rules


def test_replace_keeps_the_counters_of_those_that_stay(lvs: Manager, kernel: FakeKernel) -> None:
    rules = pylvs.loads("-A -t 10.0.0.1:80 -R 1.1.1.1:80\n-A -t 10.0.0.1:80 -R 1.1.1.2:80\n")
    lvs.replace(rules)
    for real in next(iter(kernel.rules.services.values())).reals.values():
        real.stats[0] = 7
    lvs.replace(pylvs.loads("-A -t 10.0.0.1:80 -R 1.1.1.2:80 -w 9\n"))
    assert lvs.services()[0].reals[0].stats.connections == 7


def test_settings_are_changed_and_refused(lvs: Manager) -> None:
    lvs.configure(default_method="dr", udp_timeout_s=5)
    config = lvs.config()
    assert config.rule() == Config(Method.DR, 7200, 120, 5, 0)
    assert (config.version, config.schedulers) == ("1.0.0", ("rr", "wrr", "lc", "wlc"))
    with pytest.raises(
        pylvs.Refused, match="the kernel refuses config: integer out of range"
    ) as refused:
        lvs.send(Command.CONFIG_SET, config=Config(tcp_timeout_s=0))
    assert type(refused.value) is pylvs.Refused


def test_other_calls_may_be_made_while_connections_are_read(
    lvs: Manager, kernel: FakeKernel
) -> None:
    lvs.add_service("tcp", "202.103.106.5:80")
    kernel.connections = [connection_tree(connection("1.1.1.1:1"))] * 3
    listed = 0
    for entry in lvs.connections(lvs.service("tcp", "202.103.106.5:80"), "172.16.0.3:8000"):
        lvs.stats()
        listed += entry == connection("1.1.1.1:1")
    assert (listed, kernel.open) == (3, 1)
    with pytest.raises(pylvs.NoSuchService):
        list(lvs.connections(pylvs.Service(Protocol.TCP, Endpoint("9.9.9.9"))))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda lvs: lvs.add_service("sctp", "10.0.0.1:80"), "'sctp' is not a protocol"),
        (lambda lvs: lvs.add_service("tcp", "10.0.0.1:80", ""), "'' is not a scheduler"),
        (lambda lvs: lvs.add_service("tcp", "10.0.0.1:80", "a b"), "'a b' is not a scheduler"),
        (lambda lvs: lvs.add_service("tcp", "::1:80:x"), "is not an IPv6 address"),
        (lambda lvs: lvs.add_service(6, "10.0.0.1:80"), "'6' is not a protocol"),
        (lambda lvs: lvs.add_service("tcp", Endpoint("web", 80)), "'web' is not an IP address"),
        (lambda lvs: lvs.add_service("tcp", Endpoint("1.1.1.1", 70000)), "'70000': a port is"),
        (lambda lvs: lvs.add_service("tcp", Endpoint("1.1.1.1:80")), "'1.1.1.1:80' is not an IP"),
        (lambda lvs: lvs.add_real(WEB, "1.1.1.1", weight="2"), "'2': a weight is a whole number"),
        (lambda lvs: lvs.add_real(WEB, "1.1.1.1", weight=2.5), "'2.5': a weight is a whole"),
        (lambda lvs: lvs.configure(tcp_timeout_s=-1), "'-1': a timeout in seconds is a whole"),
        (lambda lvs: lvs.configure(udp_timeout_s=0), "'0': .* from 1 to 2073600"),
        (lambda lvs: lvs.configure(conn_max="x"), "'x': the maximum number of connections is a"),
        (lambda lvs: lvs.configure(conn_max=True), "'True': the maximum number of connections"),
        (lambda lvs: lvs.configure(default_method="local"), "the default method cannot be local"),
        (lambda lvs: list(lvs.connections(None, "1.1.1.1:80")), "a real server needs its ser"),
        (
            lambda lvs: lvs.add_real(WEB, Real(REAL)),
            "-R 1.1.1.1:80 -w 1 is a real server, not an add",
        ),
        (lambda lvs: lvs.replace("-A -t 10.0.0.1:80"), "'-A -t 10.0.0.1:80' is not a Ruleset"),
        (lambda lvs: lvs.replace([WEB]), "is not a Ruleset"),
        (lambda lvs: lvs.configure(default_method="none"), "'none' is not a method"),
        (lambda lvs: pylvs.Service(cast(Protocol, "tcp"), REAL), "'tcp' is not a Protocol"),
        (lambda lvs: lvs.add_service("tcp", 7), "7 is not an address"),
        (lambda lvs: lvs.add_service("tcp", "10.0.0.1:80", 7), "'7' is not a scheduler"),
        (lambda lvs: lvs.add_real(WEB, "1.1.1.1", 1, 7), "'7' is not a method"),
        (lambda lvs: lvs.add_real("web", "1.1.1.1"), "'web' is not a Service"),
        (lambda lvs: lvs.remove_service(WRONG_PORT), "'70000': a port is"),
        (lambda lvs: lvs.edit_service(WRONG_PORT, "rr"), "'70000': a port is"),
        (lambda lvs: lvs.zero(WRONG_PORT), "'70000': a port is"),
        (lambda lvs: list(lvs.connections(WRONG_PORT)), "'70000': a port is"),
        (lambda lvs: lvs.replace(Ruleset((WRONG_PORT,))), "'70000': a port is"),
        (lambda lvs: lvs.replace(with_real(Real(REAL, -1, Method.NAT))), "'-1': a weight is"),
        (lambda lvs: lvs.replace(with_real(Real(REAL, -1))), "'-1': a weight is"),
        (lambda lvs: lvs.replace(with_real(Real(Endpoint("web")))), "'web' is not an IP"),
        (lambda lvs: lvs.replace(with_real("1.1.1.1")), "'1.1.1.1' is not a Real"),
        (
            lambda lvs: lvs.replace(Ruleset(config=Config(conn_max=-1))),
            "'-1': the maximum number",
        ),
        (lambda lvs: lvs.replace(Ruleset(config=Config(cast(Method, 9)))), "'9' is not a method"),
    ],
)
def test_invalid_values_are_never_sent(
    lvs: Manager, kernel: FakeKernel, call: object, sentence: str
) -> None:
    assert callable(call)
    with pytest.raises(pylvs.InvalidValue, match=sentence):
        call(lvs)
    assert kernel.requests == []


def test_rules_print_as_one_would_type_them() -> None:
    service = pylvs.Service(Protocol.UDP, Endpoint("::1", 53), "rr")
    assert str(service) == "-u [::1]:53 -s rr"
    assert service.name == "udp [::1]:53"
    assert str(Real(Endpoint("::2"), 3, Method.LOCAL)) == "-r ::2 --method local -w 3"
    assert str(Method.NAT) == "nat"
    assert str(pylvs.State.SYN_SENT) == "syn_sent"
