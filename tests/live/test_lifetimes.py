# SPDX-License-Identifier: GPL-2.0
"""Servers and services come and go: what becomes of connections, and what clients are told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ippfvslab import talk
from ippfvslab.farm import Farm

if TYPE_CHECKING:
    import pylvs
    from tests.live.conftest import Balance, Echoes

PROTOCOLS = ["tcp", "udp"]
SHARED = pytest.mark.farm(methods=["nat", "tun", "dr"])


@SHARED
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_weight_0_keeps_the_old_and_takes_no_new(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes, protocol: str
) -> None:
    servers = echoes(protocol, 7)
    service = balance(protocol, 7)
    names = [server.name for server in servers]
    socks = [talk.connect(farm.client, protocol, farm.vip, 7) for _ in servers]
    before = [talk.who(sock) for sock in socks]
    assert sorted(before) == sorted(names)
    lvs.edit_real(service, farm.real(0), weight=0)
    new = {talk.ask(farm.client, protocol, farm.vip, 7) for _ in range(4)}
    assert new == set(names[1:])
    assert [talk.who(sock) for sock in socks] == before
    for sock in socks:
        sock.close()


@SHARED
@pytest.mark.parametrize("remove", ["real", "service"])
def test_tcp_is_reset_when_its_server_is_removed(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes, remove: str
) -> None:
    servers = echoes("tcp", 7)
    service = balance("tcp", 7)
    balance("tcp", 8)  # so that the director goes on working
    with talk.connect(farm.client, "tcp", farm.vip, 7) as sock:
        lost = [server.name for server in servers].index(talk.who(sock))
        if remove == "real":
            lvs.remove_real(service, farm.real(lost))
        else:
            lvs.remove_service(service)
        # No longer than a closed one, whatever its state.
        assert [each.expires_s <= 60 for each in lvs.connections()] == [True]
        with pytest.raises(ConnectionResetError):
            talk.who(sock)
    if remove == "real":
        assert talk.ask(farm.client, "tcp", farm.vip, 7) != servers[lost].name
        lvs.add_real(service, farm.real(lost), method=farm.method)
    else:
        with pytest.raises(ConnectionRefusedError):
            talk.connect(farm.client, "tcp", farm.vip, 7)
        balance("tcp", 7)
    names = {talk.ask(farm.client, "tcp", farm.vip, 7) for _ in range(2 * len(servers))}
    assert names == {server.name for server in servers}


@SHARED
def test_udp_moves_to_another_server(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    names = [server.name for server in echoes("udp", 7)]
    service = balance("udp", 7)
    with talk.connect(farm.client, "udp", farm.vip, 7) as sock:
        first = talk.who(sock)
        lvs.remove_real(service, farm.real(names.index(first)))
        second = talk.who(sock)
        assert second in set(names) - {first}
        lvs.remove_service(service)
        with pytest.raises(ConnectionRefusedError):
            talk.who(sock)
        balance("udp", 7)
        assert talk.who(sock) in names


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nobody_to_serve(farm: Farm, lvs: pylvs.Manager, balance: Balance, protocol: str) -> None:
    balance(protocol, 7, "wrr", *[0] * len(farm.reals))
    with pytest.raises(ConnectionRefusedError):
        talk.ask(farm.client, protocol, farm.vip, 7, limit_s=10)
    assert lvs.drops().no_server == 1
    assert lvs.config().connections == 0


@pytest.mark.farm(methods=["nat", "dr"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_full_table_keeps_what_it_has(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes, protocol: str
) -> None:
    echoes(protocol, 7)
    balance(protocol, 7)
    lvs.configure(conn_max=4)
    socks = [talk.connect(farm.client, protocol, farm.vip, 7) for _ in range(4)]
    before = [talk.who(sock) for sock in socks]
    with pytest.raises(TimeoutError):
        talk.ask(farm.client, protocol, farm.vip, 7, limit_s=0.3)
    assert lvs.drops().table_full >= 1
    assert [talk.who(sock) for sock in socks] == before
    lvs.configure(conn_max=0)
    talk.ask(farm.client, protocol, farm.vip, 7)
    for sock in socks:
        sock.close()


@pytest.mark.farm(methods=["nat"])
def test_all_namespaces_together_have_a_limit(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    echoes("udp", 7)
    balance("udp", 7)
    limit = Path("/sys/module/ippfvs/parameters/conn_limit")
    with talk.connect(farm.client, "udp", farm.vip, 7) as sock:
        before = talk.who(sock)
        limit.write_text("1")
        try:
            with pytest.raises(TimeoutError):
                talk.ask(farm.client, "udp", farm.vip, 7, limit_s=0.3)
            assert talk.who(sock) == before
        finally:
            limit.write_text("0")
        assert lvs.drops().table_full == 1
        talk.ask(farm.client, "udp", farm.vip, 7)


@pytest.mark.farm(methods=["nat"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_directors_own_clients(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes, protocol: str
) -> None:
    servers = echoes(protocol, 7)
    balance(protocol, 7)
    socks = [talk.connect(farm.director, protocol, farm.vip, 7) for _ in range(4)]
    names = [talk.who(sock) for sock in socks]
    for sock in socks:
        sock.close()
    assert sorted(names) == sorted(2 * [server.name for server in servers])
    stats = lvs.stats()
    assert stats.connections == 4
    if protocol == "udp":
        assert (stats.packets_in, stats.packets_out) == (4, 4)
