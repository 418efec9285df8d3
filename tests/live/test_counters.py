# SPDX-License-Identifier: GPL-2.0
"""Counters equal the packets and bytes that were sent."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients
from ippfvslab.capture import Capture
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm, endpoint

import pylvs
from tests.live.helpers.rulesets import grid

if TYPE_CHECKING:
    from tests.live.conftest import Balance, Echoes, Ippfvsadm

HEADERS = {4: 20 + 8, 6: 40 + 8}
SIZES = [1, 100, 1000]
ROUNDS = 10


def test_udp_counters_equal_the_sent_bytes(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    servers = echoes("udp", 7)
    balance("udp", 7)
    for _ in servers:
        with clients.connect(farm.client, "udp", farm.vip, 7) as sock:
            for size in SIZES:
                clients.request(sock, b"x" * size)
    count = len(SIZES)
    bytes_in = sum(SIZES) + count * HEADERS[farm.family]
    for real, server in zip(lvs.services()[0].reals, servers, strict=True):
        bytes_out = bytes_in + count * len(f"{server.name}:")
        back = (count, bytes_out) if farm.method == "nat" else (0, 0)
        assert real.stats == pylvs.Stats(1, count, back[0], bytes_in, back[1])
    lvs.zero()
    assert lvs.stats() == pylvs.Stats()


@pytest.mark.farm(methods=["local"])
def test_local_replies_are_counted_where_they_are_rewritten(farm: Farm, lvs: pylvs.Manager) -> None:
    service = lvs.add_service("udp", farm.service(7))
    lvs.add_real(service, endpoint(farm.reals[0], 8007))
    with Echo(farm.director, "udp", farm.vip, 8007, "local"):
        clients.request_once(farm.client, "udp", farm.vip, 7)
    size = HEADERS[farm.family] + len("hello")
    assert lvs.stats() == pylvs.Stats(1, 1, 1, size, size + len("local:"))


@pytest.mark.farm(methods=["nat"], families=[4])
@pytest.mark.parametrize(
    "change", ["a server is removed", "a service is removed", "all are replaced"]
)
def test_totals_never_decrease_when_rules_are_removed(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes, change: str
) -> None:
    """The totals include the counters of removed rules. They are read during the removal, too."""
    others = grid(1500, 2)
    echoes("udp", 7)
    for _ in range(ROUNDS):
        lvs.replace(others)
        service = balance("udp", 7)
        for _ in range(3):
            clients.request_once(farm.client, "udp", farm.vip, 7)
        with repeated_readings(farm) as readings:
            if change == "a server is removed":
                for number in range(len(farm.reals)):
                    lvs.remove_real(service, farm.real(number))
            elif change == "a service is removed":
                lvs.remove_service(service)
            else:
                lvs.replace(others)
        assert len(readings) > 2
        assert readings == sorted(readings)
        assert readings[0] == readings[-1]


@contextmanager
def repeated_readings(farm: Farm) -> Iterator[list[int]]:
    """Read the packets of all clients repeatedly until exit. Yield the list of readings."""
    readings: list[int] = []
    over = threading.Event()

    def read() -> None:
        with pylvs.Manager(netns=str(farm.director.path)) as reader:
            while not over.is_set():
                readings.append(reader.stats().packets_in)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        wait_for(lambda: len(readings) > 1)
        yield readings
        so_far = len(readings)
        wait_for(lambda: len(readings) > so_far)
    finally:
        over.set()
        thread.join()


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "nothing was read"
        time.sleep(0.001)


@pytest.mark.farm(methods=["nat"])
def test_tcp_counters_equal_the_captured_packets(
    farm: Farm, ippfvsadm: Ippfvsadm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    echoes("tcp", 7)
    balance("tcp", 7, "rr", 1)
    ours = set()
    with Capture(farm.director, "eth0") as capture:
        for size in SIZES:
            with clients.connect(farm.client, "tcp", farm.vip, 7) as sock:
                ours.add(sock.getsockname()[1])
                clients.request(sock, b"x" * size)
                clients.reset(sock)
        text = ippfvsadm("-L", "--stats", "--json").stdout
        packets = [pair for pair in capture.packets() if ours & set(pair[1].ports or ())]
    sizes_in = [len(packet.raw) for frame, packet in packets if not frame.outgoing]
    sizes_out = [len(packet.raw) for frame, packet in packets if frame.outgoing]
    counted = pylvs.Stats(3, len(sizes_in), len(sizes_out), sum(sizes_in), sum(sizes_out))
    assert lvs.stats() == counted
    (service,) = json.loads(text)["services"]
    assert dataclasses.asdict(counted).items() <= service.items()
