# SPDX-License-Identifier: GPL-2.0
"""Smoke tests for every kernel: one farm, all methods, both families. They take a few minutes.

    client ── outside ── director ── lan ── server1, server2      see helpers/smoke_farm.py
       └──────────────── lan

The tests of growth, of unloading and of the end of a namespace use a director that pktgen feeds on
both CPUs; see helpers/streams.py.
"""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients, klog, nginx
from ippfvslab.farm import Farm

import pylvs
from tests.live.helpers import smoke_farm, streams
from tests.live.helpers.module import SMALL_BITS, reload, small_table
from tests.live.helpers.streams import (
    CLIENT,
    REALS,
    VIP,
    Stream,
    Streams,
    fed_director,
    feeder,
    send,
    sent_by_device,
    wired_director,
)

if TYPE_CHECKING:
    from tests.live.conftest import Balance, Echoes, Ippfvsadm

WEIGHTS = {1: (1,), 2: (1, 2)}
ROUNDS = 2
FLOWS = range(10_000, 11_500)
PORT = range(7, 8)
LIMIT_S = 60
ONE_FARM = pytest.mark.farm(methods=["nat"], families=[4])

LISTING = """\
Protocol  Virtual IP Address  Port  Real IP Address  Port  Weight
TCP       202.103.106.5       80    192.168.1.2      80    1
                                    192.168.1.3      8000  2
UDP       202.103.106.5       53    192.168.1.2      53    1
"""
SAVED = """\
-A -t 202.103.106.5:80 -s wrr
-a -t 202.103.106.5:80 -r 192.168.1.2:80 -m -w 1
-a -t 202.103.106.5:80 -r 192.168.1.3:8000 -m -w 2
-A -u 202.103.106.5:53 -s rr
-a -u 202.103.106.5:53 -r 192.168.1.2:53 -g -w 1
"""
TYPED = (
    "-A -t 202.103.106.5:80 -R 192.168.1.2:80",  # the grammar of 1999
    "-A -t 202.103.106.5:80 -R 192.168.1.3:8000 -w 2",
    "-A -u 202.103.106.5:53 -s rr",  # ipvsadm's grammar
    "-a -u 202.103.106.5:53 -r 192.168.1.2:53 -g -w 1",
)
REFUSED = {
    "-A -t 202.103.106.256:80": (
        2,
        (
            "'202.103.106.256:80': '202.103.106.256' is not an IPv4 address; "
            "an IPv4 address has four numbers from 0 to 255"
        ),
    ),
    "-d -t 202.103.106.5:80 -r 1.1.1.1": (
        1,
        (
            "no real server 1.1.1.1 in tcp 202.103.106.5:80; "
            "list them with: ippfvsadm -L -t 202.103.106.5:80"
        ),
    ),
}


@pytest.fixture(scope="session")
def _farm_by_layout() -> Iterator[Callable[[str, int], Farm]]:
    layouts = smoke_farm.layouts()
    farms: dict[tuple[str, int], Farm] = {}
    with Farm(layouts["nat", 4], "smoke-") as first:

        def get(method: str, family: int) -> Farm:
            if (method, family) not in farms:
                farms[method, family] = first.used_as(layouts[method, family])
            return farms[method, family]

        yield get


@pytest.fixture(scope="session")
def farm(request: pytest.FixtureRequest, _farm_by_layout: Callable[[str, int], Farm]) -> Farm:
    """Return the one farm with the method and family of the test."""
    method, family, _whose = request.param
    return _farm_by_layout(method, family)


@pytest.fixture(scope="session")
def web(_farm_by_layout: Callable[[str, int], Farm]) -> None:
    """Start one nginx for each server, on port 80 of each address that a method requires."""
    farms = [_farm_by_layout(*each) for each in smoke_farm.layouts()]
    listen: dict[str, set[str]] = {}
    for each in farms:
        for name, real in zip(each.layout.servers, each.reals, strict=True):
            addresses = listen.setdefault(name, set())
            addresses.add(real if each.method in ("nat", "local") else each.vip)
    for name, addresses in listen.items():
        nginx.serve(farms[0].hosts[name], name, *((address, 80) for address in sorted(addresses)))


def test_the_module_is_loaded_and_has_the_version_of_pylvs() -> None:
    assert Path("/sys/module/ippfvs/version").read_text().strip() == pylvs.__version__


def test_http_is_answered_by_the_servers_according_to_their_weights(
    farm: Farm, web: None, lvs: pylvs.Manager, balance: Balance
) -> None:
    weights = WEIGHTS[len(farm.reals)]
    balance("tcp", 80, "wrr", *weights)
    shares = dict(zip(farm.layout.servers, (ROUNDS * each for each in weights), strict=True))
    replies = [clients.http_get(farm.client, farm.vip, 80) for _ in range(sum(shares.values()))]
    assert [reply.status for reply in replies] == [200] * len(replies)
    assert Counter(reply.server for reply in replies) == shares
    (service,) = lvs.services()
    assert [real.stats.connections for real in service.reals] == list(shares.values())


def test_udp_is_answered_by_the_servers_according_to_their_weights(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    servers = echoes("udp", 7)
    weights = WEIGHTS[len(farm.reals)]
    balance("udp", 7, "wrr", *weights)
    shares = [ROUNDS * each for each in weights]
    with contextlib.ExitStack() as stack:
        socks = [
            stack.enter_context(clients.connect(farm.client, "udp", farm.vip, 7))
            for _ in range(sum(shares))
        ]
        first = [
            clients.request(sock) for sock in socks
        ]  # a connected socket receives from the VIP only
        assert [first.count(server.name) for server in servers] == shares
        assert [clients.request(sock, b"again") for sock in socks] == first
    assert lvs.drops() == pylvs.Drops()
    (service,) = lvs.services()
    assert [real.stats.packets_in for real in service.reals] == [2 * each for each in shares]


@ONE_FARM
def test_the_command_takes_both_grammars_and_restores_what_it_saved(
    farm: Farm, ippfvsadm: Ippfvsadm
) -> None:
    for line in TYPED:
        ippfvsadm(*line.split())
    assert ippfvsadm("-L").stdout == LISTING
    saved = ippfvsadm("-S").stdout
    assert saved.endswith(SAVED)
    ippfvsadm("-C")
    assert ippfvsadm("-L").stdout == LISTING.partition("\n")[0] + "\n"
    ippfvsadm("-R", text=saved)
    assert ippfvsadm("-S").stdout == saved


@ONE_FARM
def test_the_command_refuses_with_a_message_and_an_exit_code(
    farm: Farm, ippfvsadm: Ippfvsadm
) -> None:
    ippfvsadm(*TYPED[0].split())
    for line, (code, sentence) in REFUSED.items():
        refused = ippfvsadm(*line.split(), check=False)
        assert (refused.returncode, refused.stderr) == (code, f"ippfvsadm: {sentence}\n")
        assert refused.stdout == ""


@ONE_FARM
def test_the_manager_changes_replaces_and_announces_rules(farm: Farm, lvs: pylvs.Manager) -> None:
    with contextlib.closing(lvs.events()) as events:
        service = lvs.add_service("tcp", farm.service(80), "wrr")
        lvs.add_real(service, farm.real(0, 80))
        lvs.edit_real(service, farm.real(0, 80), weight=7)
        assert [each.rule().reals for each in lvs.services()] == [
            (pylvs.Real(pylvs.Endpoint(farm.reals[0], 80), 7, pylvs.Method.NAT),)
        ]
        with pytest.raises(pylvs.AlreadyExists):
            lvs.add_real(service, farm.real(0, 80))
        other = pylvs.Service(pylvs.Protocol.UDP, pylvs.Endpoint(farm.vip, 53), "rr")
        lvs.replace(pylvs.Ruleset((other,)))
        assert lvs.rules().services == (other,)
        seen = [each.kind for each in islice(events, 4)]
    assert seen == ["service_new", "real_new", "real_set", "replace"]


@ONE_FARM
def test_the_manager_lists_connections(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    echoes("tcp", 7)
    balance("tcp", 7)
    socks = [clients.connect(farm.client, "tcp", farm.vip, 7) for _ in farm.servers]
    for sock in socks:
        clients.request(sock)
    listed = list(lvs.connections())
    assert {each.client.port for each in listed} == {sock.getsockname()[1] for sock in socks}
    assert {str(each.real) for each in listed} == {farm.real(0, 7), farm.real(1, 7)}
    assert {str(each.state) for each in listed} == {"established"}
    assert sum(each.active for each in lvs.services()) == len(socks)
    for sock in socks:
        clients.reset(sock)


def _rules(*reals: str) -> pylvs.Ruleset:
    servers = tuple(pylvs.Real(pylvs.Endpoint(each, 7), 1, pylvs.Method.NAT) for each in reals)
    return pylvs.Ruleset(
        (pylvs.Service(pylvs.Protocol.UDP, pylvs.Endpoint(VIP, 7), "rr", servers),),
    )


def _until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_the_table_grows_and_shrinks_and_every_flow_keeps_its_server() -> None:
    with small_table(), fed_director(), pylvs.Manager() as lvs:
        lvs.replace(_rules(*REALS[:2]))
        flows = Stream("in0", 0, CLIENT, FLOWS, VIP, PORT, len(FLOWS))
        send(flows)
        _until(lambda: lvs.config().buckets > 1 << SMALL_BITS)
        send(dataclasses.replace(flows, device="in1", cpu=1))
        service = lvs.service("udp", f"{VIP}:7")
        assert service.stats.connections == service.inactive == len(FLOWS)
        for real in service.reals:
            assert real.stats.packets_in == 2 * real.stats.connections == len(FLOWS)
        assert sent_by_device("out0") == 2 * len(FLOWS)
        lvs.configure(udp_timeout_s=1)
        _until(lambda: not lvs.config().connections)
        _until(lambda: lvs.config().buckets == 1 << SMALL_BITS)
        assert lvs.service("udp", f"{VIP}:7").inactive == 0
        assert lvs.drops() == pylvs.Drops()


def _flood(device: str, cpu: int, *, sent_by: bool = False) -> Stream:
    return Stream(device, cpu, CLIENT, range(1_024, 61_000), VIP, PORT, 0, 4, 20_000, sent_by)


def test_the_module_is_unloaded_and_loaded_under_traffic_of_both_processors() -> None:
    with fed_director(), Streams(_flood("in0", 0), _flood("in1", 1)):
        for _ in range(3):
            with pylvs.Manager() as lvs:
                lvs.replace(_rules(*REALS))
                _until(lambda lvs=lvs: lvs.stats().connections > 100)  # type: ignore[misc]
            reload()


def test_a_namespace_ends_under_traffic_of_both_processors() -> None:
    with feeder() as feeding:
        director = wired_director(feeding)
        floods = [_flood(f"feed{cpu}", cpu, sent_by=True) for cpu in (0, 1)]
        try:
            with Streams(*floods):
                with pylvs.Manager(
                    str(director.path)
                ) as lvs:  # its socket references the namespace
                    lvs.replace(_rules(*REALS))
                    _until(lambda: lvs.stats().connections > 100)
                streams.end_wired_director(director)
        finally:
            if director.path.exists():
                streams.end_wired_director(director)


def test_the_kernel_has_not_complained_since_the_module_was_loaded() -> None:
    log = subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout
    assert klog.JOB_BEGINS in log
    assert klog.scan(klog.since_job(log)) == []
