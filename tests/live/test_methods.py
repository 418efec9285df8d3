# SPDX-License-Identifier: GPL-2.0
"""Real clients get correct replies by each of the four methods, with both families, TCP and UDP."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients, nginx
from ippfvslab.farm import Farm

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.conftest import Balance, Echoes, Ippfvsadm, Web


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the SHA-256 hash of /big, which every web server has."""
    file: Path = tmp_path_factory.mktemp("big") / "big"
    nginx.big_file(file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    file.unlink()
    return digest


def test_http_works_with_every_method(farm: Farm, ippfvsadm: Ippfvsadm, web: Web, big: str) -> None:
    web(80)
    for number in range(len(farm.reals)):
        ippfvsadm("-A", "-t", farm.service(80), "-R", farm.real(number), "--method", farm.method)
    names = {
        clients.http_get(farm.client, farm.vip, 80).server for _ in range(2 * len(farm.servers))
    }
    assert names == set(farm.layout.servers)
    reply = clients.http_get(farm.client, farm.vip, 80, "/big")
    assert (reply.status, len(reply.body)) == (200, nginx.BIG_MB << 20)
    assert reply.sha256 == big


def test_udp_is_balanced_and_answered_from_the_vip(
    farm: Farm, balance: Balance, echoes: Echoes
) -> None:
    servers = echoes("udp", 7)
    balance("udp", 7)
    names: Counter[str] = Counter()
    for _ in range(10 * len(servers)):
        with clients.connect(farm.client, "udp", farm.vip, 7) as sock:
            names[clients.request(sock)] += (
                1  # a connected socket receives from the VIP's port only
            )
    assert names == {server.name: 10 for server in servers}
    assert [server.served for server in servers] == [10] * len(servers)


def test_a_udp_flow_stays_with_its_server(farm: Farm, balance: Balance, echoes: Echoes) -> None:
    echoes("udp", 7)
    balance("udp", 7)
    with clients.connect(farm.client, "udp", farm.vip, 7) as sock:
        assert len({clients.request(sock, b"%d" % number) for number in range(10)}) == 1
