# SPDX-License-Identifier: GPL-2.0
"""Failing allocations, by the kernel's fault injection: clean errors, nothing lost, no leak.

Only a kernel with all checks has fault injection, and conftest.py ignores this file elsewhere. The
guest looks for leaks at the end of the run, after the module was removed.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients
from ippfvslab.farm import Farm
from ippfvslab.traffic import Background, RawUdpClient

import pylvs
from tests.live.helpers.module import SMALL_BITS, small_table
from tests.live.helpers.packets import UDP, PacketSpec
from tests.live.helpers.wiretap import Tap, tap

if TYPE_CHECKING:
    from tests.live.conftest import Balance, Echoes

FAILSLAB = Path("/sys/kernel/debug/failslab")
MAX_ALLOCATIONS = 400
FAILURES = 500
GROWING = range(10_000, 22_000)
"""Client ports. A table of 2,048 buckets, the largest that the worker makes for the first of them,
is overfull with so many connections."""
LIMIT_S = 20


def _configure(**values: int) -> None:
    for name, value in values.items():
        (FAILSLAB / name.replace("_", "-")).write_text(f"{value}\n")


@contextlib.contextmanager
def _failing_atomic_allocations(per_cent: int, times: int) -> Iterator[None]:
    """Make allocations fail that may not sleep: those for packets."""
    _configure(
        task_filter=0, ignore_gfp_wait=1, verbose=0, interval=1, times=times, probability=per_cent
    )
    try:
        yield
    finally:
        _configure(probability=0)


def _failures_left() -> int:
    return int((FAILSLAB / "times").read_text())


class FailNth:
    """Makes one allocation of this thread fail.

    Its file is opened before, as that allocates memory.
    """

    def __init__(self) -> None:
        self._file = os.open(f"/proc/self/task/{threading.get_native_id()}/fail-nth", os.O_RDWR)

    def arm(self, number: int) -> None:
        """Make the allocation NUMBER from now on fail, or none for 0."""
        os.pwrite(self._file, b"%d\n" % number, 0)

    def reached(self) -> bool:
        """Return whether that allocation was reached. The kernel counts down to 0."""
        return os.pread(self._file, 16, 0).strip() == b"0"

    def close(self) -> None:
        self.arm(0)
        os.close(self._file)


def _changes(farm: Farm) -> list[pylvs.Ruleset]:
    """Return rule sets that each need new services, servers and pools after the other."""
    address = pylvs.Endpoint(farm.vip, 7)
    protocol = pylvs.Protocol.TCP
    reals = tuple(pylvs.Real(pylvs.Endpoint(real, 9), 1, pylvs.Method.NAT) for real in farm.reals)
    services = (
        pylvs.Service(protocol, address, "wrr", reals),
        pylvs.Service(protocol, pylvs.Endpoint(farm.vip, 8), "wlc", reals[:1]),
    )
    return [pylvs.Ruleset(services, pylvs.Config()), pylvs.Ruleset(services[:1], pylvs.Config())]


@pytest.mark.farm(methods=["nat"])
def test_a_rule_change_survives_the_failure_of_each_allocation(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    _configure(ignore_gfp_wait=0, verbose=0)
    rulesets = _changes(farm)
    failures = 0
    with contextlib.closing(FailNth()) as fault:
        for number in range(1, MAX_ALLOCATIONS):
            lvs.clear()
            wanted = rulesets[number % 2]
            fault.arm(number)
            try:
                lvs.replace(wanted)
                done = wanted.services
            except (pylvs.Refused, pylvs.TransportError, OSError, MemoryError):
                failures += 1
                done = ()
            reached = fault.reached()
            fault.arm(0)
            assert lvs.rules().services in (done, wanted.services)
            if not reached:
                break
    assert not reached
    assert failures > 5
    lvs.replace(wanted)
    assert lvs.rules().services == wanted.services


@pytest.mark.farm(methods=["nat", "tun", "dr"])
def test_forwarding_survives_failing_allocations(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    servers = echoes("tcp", 7)
    balance("tcp", 7)
    balance("udp", 7)
    ports = iter(range(1 << 30))
    with (
        RawUdpClient(farm.client, farm.layout.client, farm.vip, 7) as sender,
        Background(lambda: sender.send(1024 + next(ports) % 20000)) as load,
        _failing_atomic_allocations(5, FAILURES),
    ):
        while _failures_left() and load.rounds < 8000:
            with contextlib.suppress(OSError):
                clients.request_once(farm.client, "tcp", farm.vip, 7, limit_s=0.5)
    assert _failures_left() < FAILURES / 2
    names = {clients.request_once(farm.client, "tcp", farm.vip, 7) for _ in range(2 * len(servers))}
    assert names == {server.name for server in servers}


@contextlib.contextmanager
def _failing_allocations_of_workers() -> Iterator[None]:
    """Make allocations of workqueues fail that may not sleep: those for overflow buckets."""
    _configure(
        task_filter=1, ignore_gfp_wait=1, verbose=0, interval=1, times=1 << 30, probability=100
    )
    try:
        yield
    finally:
        _configure(probability=0, task_filter=0)


def _select_workers() -> None:
    for comm in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if comm.read_text().startswith("kworker/"):
                comm.with_name("make-it-fail").write_text("1\n")


def _fill_a_chain(wires: Tap, lvs: pylvs.Manager) -> int:
    """Make twelve entries of one client port, eight of them tombstones. Return the living ones.

    They have the same hash, so they need an overflow bucket in every array.
    """
    service = lvs.add_service("udp", pylvs.Endpoint(wires.vip, 0), "rr")
    real = pylvs.Endpoint(wires.real, 0)
    lvs.add_real(service, real, method="nat")
    for first in (1, 5, 9):
        flows = [
            PacketSpec(wires.client, wires.vip, UDP, 4000, port, b"hot").raw
            for port in range(first, first + 4)
        ]
        wires.to_vip(*flows)
        if first < 9:
            lvs.remove_real(service, real)
            wires.to_vip(*flows)  # they become tombstones and find no server
            lvs.add_real(service, real, method="nat")
    return 4


@pytest.mark.farm(methods=["nat"], families=[4])
def test_a_table_grows_while_entries_cannot_be_moved_to_its_new_array(farm: Farm) -> None:
    with small_table(), tap(farm) as wires, farm.director.inside(), pylvs.Manager() as lvs:
        living = _fill_a_chain(wires, lvs)
        flows = [PacketSpec(wires.client, wires.vip, UDP, port, 80, b"new").raw for port in GROWING]
        with _failing_allocations_of_workers():
            before = _failures_left()
            for first in range(0, len(flows), 100):
                _select_workers()
                wires.to_vip(*flows[first : first + 100])
            limit = time.monotonic() + LIMIT_S
            while lvs.config().buckets < 1 << SMALL_BITS + 4:
                assert time.monotonic() < limit, lvs.config()
                time.sleep(0.1)
            assert _failures_left() < before
        opened = lvs.stats().connections
        assert len(list(lvs.connections())) == len(flows) + living
        wires.to_vip(*flows)  # all connections are found
        assert lvs.stats().connections == opened
        assert lvs.drops().table_full == lvs.drops().no_memory == 0
        lvs.clear()
        assert lvs.config().connections == 0
