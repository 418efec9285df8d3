# SPDX-License-Identifier: GPL-2.0
"""Packets and replies are forwarded while every pskb_may_pull() reallocates the headers.

    client ── director ── servers        the paper's farm of each method and family

pskb_may_pull() may always reallocate the headers, but rarely does. A kernel with all checks does so
each time (CONFIG_FAIL_SKB_REALLOC), and KASAN reports a read through an old pointer. conftest.py
ignores this file on other kernels.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients
from ippfvslab.farm import Farm

import pylvs
from tests.live.helpers.malformed import (
    METHODS_OF_PORTS,
    assert_still_serves,
    mutants,
    serve_every_method,
)
from tests.live.helpers.wiretap import tap

if TYPE_CHECKING:
    from tests.live.conftest import Balance, Echoes

FAULT = Path("/sys/kernel/debug/fail_skb_realloc")
MANY = 1 << 30
SIZES = (1, 100, 1_400)
SEED, MUTANTS = 1999, 300
PROTOCOLS = ["tcp", "udp"]


@contextlib.contextmanager
def headers_reallocated() -> Iterator[None]:
    """Make every pskb_may_pull() reallocate the headers. Fail if none did."""
    values = {"interval": 1, "verbose": 0, "times": MANY, "probability": 100}
    for name, value in values.items():
        (FAULT / name).write_text(f"{value}\n")
    try:
        yield
        reallocations = MANY - int((FAULT / "times").read_text())
    finally:
        (FAULT / "probability").write_text("0\n")
    assert reallocations > 10


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_method_forwards_while_headers_are_reallocated(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes, protocol: str
) -> None:
    servers = echoes(protocol, 7)
    balance(protocol, 7)
    with headers_reallocated():
        socks = [clients.connect(farm.client, protocol, farm.vip, 7) for _ in range(4)]
        names = [clients.request(sock) for sock in socks]
        for size in SIZES:
            assert [clients.request(sock, b"x" * size) for sock in socks] == names
        for sock in socks:
            sock.close()
    assert set(names) == {server.name for server in servers}
    assert lvs.stats().connections == len(names)
    drops = lvs.drops()
    if farm.method == "tun":
        # These errors tell the client that the tunnel has a smaller MTU.
        assert drops.too_big <= len(socks)
        drops = replace(drops, too_big=0)
    assert drops == pylvs.Drops()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_method_reports_a_missing_listener_while_headers_are_reallocated(
    farm: Farm, balance: Balance, protocol: str
) -> None:
    balance(protocol, 7)
    with headers_reallocated(), pytest.raises(ConnectionRefusedError):
        clients.request_once(farm.client, protocol, farm.vip, 7, limit_s=10)


@pytest.mark.farm(methods=["nat"])
def test_malformed_packets_do_no_harm_while_headers_are_reallocated(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    with tap(farm) as wires:
        serve_every_method(lvs, wires)
        ports = tuple(METHODS_OF_PORTS)
        inward = mutants(SEED, wires.client, wires.vip, ports, MUTANTS)[-MUTANTS:]
        outward = mutants(SEED + 1, wires.real, wires.client, (7000, 7001), MUTANTS)[-MUTANTS:]
        with headers_reallocated():
            wires.to_vip(*inward)
            wires.from_real(*outward)
            wires.to_vip(*inward)
        assert_still_serves(wires)
