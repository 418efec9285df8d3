# SPDX-License-Identifier: GPL-2.0
"""Rules, tables, devices and the module itself change while packets flow."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from ippfvslab import talk
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm
from ippfvslab.load import Load, Spray
from ippfvslab.wire import Capture

import pylvs
from tests.live.helpers.module import reload

if TYPE_CHECKING:
    from tests.live.conftest import Balance, Echoes, OwnFarm

FLOWS = 2500
SMALL_BITS = 8
LIMIT_S = 30


def _ruleset(service: pylvs.Service, *reals: pylvs.Real) -> pylvs.Ruleset:
    whole = pylvs.Service(service.protocol, service.endpoint, service.scheduler, reals)
    return pylvs.Ruleset((whole,), pylvs.Config())


@pytest.mark.farm(methods=["nat", "dr"])
def test_rule_changes_lose_no_connection_of_an_unaffected_server(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    name = echoes("tcp", 7)[0].name
    service = balance("tcp", 7, "wrr", 1)
    stays = lvs.services()[0].reals[0].rule()
    comes = pylvs.Real(pylvs.Endpoint(farm.reals[1], stays.endpoint.port), 0, stays.method)
    socks = [talk.connect(farm.client, "tcp", farm.vip, 7) for _ in range(8)]

    def visit() -> None:
        for sock in socks:
            if talk.who(sock) != name:
                raise ConnectionError("another server answered")
        talk.ask(farm.client, "tcp", farm.vip, 7)

    with Load(visit) as load:
        for weight in range(1, 16):
            lvs.add_real(service, comes.endpoint, 0, comes.method)
            lvs.edit_real(service, stays.endpoint, weight)
            lvs.remove_real(service, comes.endpoint)
            lvs.replace(_ruleset(service, comes, stays))
            lvs.edit_service(service, ("rr", "lc", "wlc", "wrr")[weight % 4])
            lvs.replace(_ruleset(service, stays))
    assert not load.faults
    assert load.rounds
    assert lvs.services()[0].reals[0].active >= len(socks)
    for sock in socks:
        talk.reset(sock)


# -- the module ---------------------------------------------------------------------------------


def _rules(lvs: pylvs.Manager, farm: Farm, protocol: str = "udp") -> pylvs.Service:
    service = lvs.add_service(protocol, farm.service(7), "rr")
    for number in range(len(farm.reals)):
        lvs.add_real(service, farm.real(number), method=farm.method)
    return service


@contextlib.contextmanager
def _sinks(farm: Farm) -> Iterator[list[socket.socket]]:
    """UDP sockets on port 7 of every NAT server, with room for all flows."""
    sinks = []
    for server, real in zip(farm.servers, farm.reals, strict=True):
        sink = server.socket(talk.family_of(real), socket.SOCK_DGRAM)
        sink.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        sink.bind((real, 7))
        sink.setblocking(False)
        sinks.append(sink)
    try:
        yield sinks
    finally:
        for sink in sinks:
            sink.close()


def _warm_up(spray: Spray, sinks: list[socket.socket]) -> None:
    """Let every neighbour on the way be found: what waits for one is limited."""
    port, heard = 1024, set[int]()
    while len(heard) < len(sinks):
        spray.send(port)
        time.sleep(0.05)
        heard |= set(_heard(sinks, 0).values())
        port += 1


def _heard(sinks: list[socket.socket], count: int) -> dict[int, int]:
    """Source port -> number of the server that heard it, once COUNT datagrams came."""
    heard: dict[int, int] = {}
    limit = time.monotonic() + LIMIT_S
    while True:
        for number, sink in enumerate(sinks):
            with contextlib.suppress(BlockingIOError):
                while True:
                    _data, client = sink.recvfrom(100)
                    heard[client[1]] = number
        if len(heard) >= count or time.monotonic() > limit:
            return heard


@pytest.mark.parametrize("family", [4, 6])
def test_the_table_grows_and_shrinks_under_its_flows(own_farm: OwnFarm, family: int) -> None:
    reload(conn_tab_bits=SMALL_BITS)
    farm = own_farm("nat", family)
    with (
        pylvs.Manager(str(farm.director.path)) as lvs,
        _sinks(farm) as sinks,
        Spray(farm.client, farm.layout.client, farm.vip, 7) as spray,
    ):
        _rules(lvs, farm)
        _warm_up(spray, sinks)
        ports = range(10000, 10000 + FLOWS)
        for port in ports:
            spray.send(port)
        first = _heard(sinks, FLOWS)
        assert len(first) == FLOWS
        grown = lvs.config().buckets
        assert grown > 1 << SMALL_BITS
        assert lvs.config().connections >= FLOWS
        for port in ports:
            spray.send(port)
        assert _heard(sinks, FLOWS) == first
        lvs.configure(udp_timeout_s=1)
        _until_empty(lvs)
        assert lvs.config().buckets < grown
    reload()


def _until_empty(lvs: pylvs.Manager) -> None:
    limit = time.monotonic() + LIMIT_S
    while lvs.config().connections and time.monotonic() < limit:
        time.sleep(0.2)
    assert lvs.config().connections == 0
    service = lvs.services()[0]
    assert (service.active, service.inactive) == (0, 0)


def test_the_module_is_unloaded_and_loaded_under_traffic(own_farm: OwnFarm) -> None:
    farm = own_farm("nat")
    ports = iter(range(1 << 30))
    with (
        contextlib.ExitStack() as stack,
        Spray(farm.client, farm.layout.client, farm.vip, 7) as spray,
        Load(lambda: spray.send(1024 + next(ports) % 60000)) as flood,
        Load(lambda: talk.ask(farm.client, "tcp", farm.vip, 7, limit_s=1)) as visits,
    ):
        for server, real in zip(farm.servers, farm.reals, strict=True):
            stack.enter_context(Echo(server, "tcp", real, 7))
        for _ in range(4):
            with pylvs.Manager(str(farm.director.path)) as lvs:
                _rules(lvs, farm, "udp")
                _rules(lvs, farm, "tcp")
                before = visits.rounds
                limit = time.monotonic() + LIMIT_S
                while lvs.stats().connections < 50 or visits.rounds < before + 5:
                    assert time.monotonic() < limit
                    time.sleep(0.02)
            reload()
    assert not flood.faults


def test_a_namespace_ends_with_rules_connections_and_packets_in_it(own_farm: OwnFarm) -> None:
    farm = own_farm("nat")
    ports = iter(range(1 << 30))
    with Spray(farm.client, farm.layout.client, farm.vip, 7) as spray:
        spray.send(1024)
        with Load(lambda: spray.send(1024 + next(ports) % 60000)):
            with pylvs.Manager(str(farm.director.path)) as lvs:
                _rules(lvs, farm)
                _await_connections(lvs, 100)
            farm.director.run("ip", "netns", "del", farm.director.name)
            _await_no_device(farm, "internet", "director")


def _await_connections(lvs: pylvs.Manager, count: int) -> None:
    limit = time.monotonic() + LIMIT_S
    while lvs.config().connections < count:
        assert time.monotonic() < limit, "too few connections are made"
        time.sleep(0.01)


def _await_no_device(farm: Farm, lan: str, device: str) -> None:
    """The far end of a cable goes when its namespace is gone."""
    limit = time.monotonic() + LIMIT_S
    while farm.lans[lan].run("ip", "link", "show", device, check=False).returncode == 0:
        assert time.monotonic() < limit, "the namespace does not end"
        time.sleep(0.1)


@pytest.mark.parametrize("family", [4, 6])
def test_a_device_is_removed_under_traffic(own_farm: OwnFarm, family: int) -> None:
    farm = own_farm("nat", family)
    inside = "172.16.0.0/24" if family == 4 else "2001:db8:172:16::/64"
    ports = iter(range(1 << 30))
    with (
        pylvs.Manager(str(farm.director.path)) as lvs,
        Spray(farm.client, farm.layout.client, farm.vip, 7) as spray,
    ):
        _rules(lvs, farm)
        with Load(lambda: spray.send(1024 + next(ports) % 5000)):
            _await_connections(lvs, 100)
            began = time.monotonic()
            farm.director.ip(f"route add unreachable {inside} metric 9999", "link del eth1")
            # The kernel begins to complain of a device that is held after 10 seconds.
            assert time.monotonic() - began < 9
            limit = time.monotonic() + LIMIT_S
            while not lvs.drops().no_route:
                assert time.monotonic() < limit
                time.sleep(0.01)


# -- the way to a real server -------------------------------------------------------------------


def _sent_to(farm: Farm, sock: socket.socket) -> str:
    """The MAC address to which the director sends the next packet of a UDP flow."""
    with Capture(farm.director) as capture:
        sock.send(b"hello")
        limit = time.monotonic() + LIMIT_S
        while time.monotonic() < limit:
            for frame, packet in capture.packets():
                if frame.outgoing and packet.ports and packet.ports[1] == 7:
                    return frame.dest_mac
    raise AssertionError("the director sends nothing")


@pytest.mark.farm(methods=["nat", "dr"])
def test_a_new_mac_address_and_a_new_route_are_followed(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    echoes("udp", 7)
    balance("udp", 7, "rr", 1)
    lan = "inside" if farm.method == "nat" else "lan"
    device = farm.device("director", lan)
    old, other, new = farm.mac("server1", lan), farm.mac("server2", lan), "02:00:00:00:ff:01"
    host = f"{farm.reals[0]}/{32 if farm.family == 4 else 128}"
    with talk.connect(farm.client, "udp", farm.vip, 7) as sock:
        talk.who(sock)
        assert _sent_to(farm, sock) == old
        farm.director.ip(f"neigh replace {farm.reals[0]} lladdr {new} dev {device} nud reachable")
        assert _sent_to(farm, sock) == new
        farm.director.ip(f"route add {host} via {farm.reals[1]} dev {device}")
        farm.director.ip(f"neigh replace {farm.reals[1]} lladdr {other} dev {device}")
        assert _sent_to(farm, sock) == other
        farm.director.ip(f"route del {host} via {farm.reals[1]} dev {device}")
        farm.director.ip(f"neigh replace {farm.reals[0]} lladdr {old} dev {device} nud reachable")
        assert _sent_to(farm, sock) == old


@pytest.mark.farm(methods=["nat"])
def test_listing_while_connections_come_and_go(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    echoes("tcp", 7)
    service = balance("tcp", 7)
    _rules(lvs, farm)
    socks = [talk.connect(farm.client, "tcp", farm.vip, 7) for _ in range(20)]
    stay = {sock.getsockname()[1] for sock in socks}
    ports = iter(range(1 << 30))
    with (
        Spray(farm.client, farm.layout.client, farm.vip, 7) as spray,
        Load(lambda: spray.send(1024 + next(ports) % 3000)) as load,
    ):
        for _ in range(10):
            listed = [each.client.port for each in lvs.connections(service)]
            assert sorted(listed) == sorted(stay)
            assert stay <= {each.client.port for each in lvs.connections()}
            lvs.configure(udp_timeout_s=1 + len(listed) % 2)
    assert not load.faults
    for sock in socks:
        talk.reset(sock)
