# SPDX-License-Identifier: GPL-2.0
"""Memory that fails, by the kernel's own fault injection: a clean error, nothing lost, no leak.

Only the sanitizer kernel can do this; conftest leaves the file out elsewhere. Leaks are found after
the module is gone, at the end of the run.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ippfvslab import talk
from ippfvslab.farm import Farm
from ippfvslab.load import Load, Spray

import pylvs

if TYPE_CHECKING:
    from tests.live.conftest import Balance, Echoes

FAILSLAB = Path("/sys/kernel/debug/failslab")
DEEP = 400
FAILURES = 500


def _tell(**values: int) -> None:
    for name, value in values.items():
        (FAILSLAB / name.replace("_", "-")).write_text(f"{value}\n")


@contextlib.contextmanager
def _packets_find_no_memory(per_cent: int, times: int) -> Iterator[None]:
    """Fail allocations that may not sleep: those of packets."""
    _tell(
        task_filter=0, ignore_gfp_wait=1, verbose=0, interval=1, times=times, probability=per_cent
    )
    try:
        yield
    finally:
        _tell(probability=0)


def _failures_left() -> int:
    return int((FAILSLAB / "times").read_text())


class FailNth:
    """Fails one allocation of this thread; its file is open before, for that too takes memory."""

    def __init__(self) -> None:
        self._file = os.open(f"/proc/self/task/{threading.get_native_id()}/fail-nth", os.O_RDWR)

    def arm(self, number: int) -> None:
        """Fail the allocation NUMBER from now on; 0: none."""
        os.pwrite(self._file, b"%d\n" % number, 0)

    def came(self) -> bool:
        """Whether it came so far, since the kernel counts down to 0."""
        return os.pread(self._file, 16, 0).strip() == b"0"

    def close(self) -> None:
        self.arm(0)
        os.close(self._file)


def _changes(farm: Farm) -> list[pylvs.Ruleset]:
    """Rule sets that each need new services, servers and pools after the other."""
    address = pylvs.Endpoint(farm.vip, 7)
    protocol = pylvs.Protocol.TCP
    reals = tuple(pylvs.Real(pylvs.Endpoint(real, 9), 1, pylvs.Method.NAT) for real in farm.reals)
    services = (
        pylvs.Service(protocol, address, "wrr", reals),
        pylvs.Service(protocol, pylvs.Endpoint(farm.vip, 8), "wlc", reals[:1]),
    )
    return [pylvs.Ruleset(services, pylvs.Config()), pylvs.Ruleset(services[:1], pylvs.Config())]


@pytest.mark.farm(methods=["nat"])
def test_every_allocation_of_a_rule_change_may_fail(farm: Farm, lvs: pylvs.Manager) -> None:
    _tell(ignore_gfp_wait=0, verbose=0)
    rulesets = _changes(farm)
    failures = 0
    with contextlib.closing(FailNth()) as fault:
        for number in range(1, DEEP):
            lvs.clear()
            wanted = rulesets[number % 2]
            fault.arm(number)
            try:
                lvs.replace(wanted)
                done = wanted.services
            except (pylvs.Refused, pylvs.TransportError, OSError, MemoryError):
                failures += 1
                done = ()
            came = fault.came()
            fault.arm(0)
            assert lvs.rules().services in (done, wanted.services)
            if not came:
                break
    assert not came
    assert failures > 5
    lvs.replace(wanted)
    assert lvs.rules().services == wanted.services


@pytest.mark.farm(methods=["nat", "tun", "dr"])
def test_packets_find_no_memory(
    farm: Farm, lvs: pylvs.Manager, balance: Balance, echoes: Echoes
) -> None:
    servers = echoes("tcp", 7)
    balance("tcp", 7)
    balance("udp", 7)
    ports = iter(range(1 << 30))
    with (
        Spray(farm.client, farm.layout.client, farm.vip, 7) as spray,
        Load(lambda: spray.send(1024 + next(ports) % 20000)) as load,
        _packets_find_no_memory(5, FAILURES),
    ):
        while _failures_left() and load.rounds < 8000:
            with contextlib.suppress(OSError):
                talk.ask(farm.client, "tcp", farm.vip, 7, limit_s=0.5)
    assert _failures_left() < FAILURES / 2
    names = {talk.ask(farm.client, "tcp", farm.vip, 7) for _ in range(2 * len(servers))}
    assert names == {server.name for server in servers}
