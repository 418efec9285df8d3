# SPDX-License-Identifier: GPL-2.0
"""Rules, neighbours, routes and the module change while real clients are served.

client ── router ── director ── server1, server2        the farm of VS-NAT; VS-DR's is one LAN
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients
from ippfvslab.capture import Capture
from ippfvslab.farm import Farm
from ippfvslab.traffic import Background, RawUdpClient

import pylvs
from tests.live.helpers.module import reload

if TYPE_CHECKING:
    from tests.live.conftest import Balance, Echoes

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
    kept = lvs.services()[0].reals[0].rule()
    added = pylvs.Real(pylvs.Endpoint(farm.reals[1], kept.endpoint.port), 0, kept.method)
    socks = [clients.connect(farm.client, "tcp", farm.vip, 7) for _ in range(8)]

    def make_requests() -> None:
        for sock in socks:
            if clients.request(sock) != name:
                raise ConnectionError("another server answered")
        clients.request_once(farm.client, "tcp", farm.vip, 7)

    with Background(make_requests) as load:
        for weight in range(1, 16):
            lvs.add_real(service, added.endpoint, 0, added.method)
            lvs.edit_real(service, kept.endpoint, weight)
            lvs.remove_real(service, added.endpoint)
            lvs.replace(_ruleset(service, added, kept))
            lvs.edit_service(service, ("rr", "lc", "wlc", "wrr")[weight % 4])
            lvs.replace(_ruleset(service, kept))
    assert not load.faults
    assert load.rounds
    assert lvs.services()[0].reals[0].active >= len(socks)
    for sock in socks:
        clients.reset(sock)


@pytest.mark.farm(methods=["nat"], families=[4])
def test_clients_are_served_again_after_each_reload_of_the_module(
    farm: Farm, echoes: Echoes
) -> None:
    """test_races_with_changes.py covers the packets that arrive during the removal."""
    echoes("tcp", 7)
    with Background(
        lambda: clients.request_once(farm.client, "tcp", farm.vip, 7, limit_s=1)
    ) as requests:
        for _ in range(3):
            with pylvs.Manager(str(farm.director.path)) as lvs:
                add_rules(lvs, farm, "tcp")
                before = requests.rounds
                limit = time.monotonic() + LIMIT_S
                while requests.rounds < before + 5:
                    assert time.monotonic() < limit, requests.faults[-1:]
                    time.sleep(0.01)
            reload()


def add_rules(lvs: pylvs.Manager, farm: Farm, protocol: str = "udp") -> pylvs.Service:
    """Add the service on port 7 of the VIP, with the scheduler rr and the farm's real servers."""
    service = lvs.add_service(protocol, farm.service(7), "rr")
    for number in range(len(farm.reals)):
        lvs.add_real(service, farm.real(number), method=farm.method)
    return service


def _sent_to(farm: Farm, sock: socket.socket) -> str:
    """Return the MAC address to which the director sends the next packet of a UDP flow."""
    with Capture(farm.director) as capture:
        sock.send(b"hello")
        limit = time.monotonic() + LIMIT_S
        while time.monotonic() < limit:
            for frame, packet in capture.packets():
                if frame.outgoing and packet.ports and packet.ports[1] == 7:
                    return frame.dest_mac
    raise AssertionError("the director sends no packet")


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
    with clients.connect(farm.client, "udp", farm.vip, 7) as sock:
        clients.request(sock)
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
def test_listings_are_complete_while_connections_are_created_and_expire(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    echoes("tcp", 7)
    service = balance("tcp", 7)
    add_rules(lvs, farm)
    socks = [clients.connect(farm.client, "tcp", farm.vip, 7) for _ in range(20)]
    open_ports = {sock.getsockname()[1] for sock in socks}
    ports = iter(range(1 << 30))
    with (
        RawUdpClient(farm.client, farm.layout.client, farm.vip, 7) as sender,
        Background(lambda: sender.send(1024 + next(ports) % 3000)) as load,
    ):
        for _ in range(10):
            listed = [each.client.port for each in lvs.connections(service)]
            assert sorted(listed) == sorted(open_ports)
            assert open_ports <= {each.client.port for each in lvs.connections()}
            lvs.configure(udp_timeout_s=1 + len(listed) % 2)
    assert not load.faults
    for sock in socks:
        clients.reset(sock)
