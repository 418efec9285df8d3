# SPDX-License-Identifier: GPL-2.0
"""Connections of an unprivileged namespace are charged to the memory cgroup that added the service.

    client 10.9.9.9 (also the VIP) ── away ── 10.9.9.2        see helpers/unprivileged.py

The client's packets come from outside of the cgroup, as those of real clients do.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import pylvs
from tests.live.helpers import unprivileged
from tests.live.helpers.unprivileged import Process, add_service, open_connections

MOUNT = Path("/run/ippfvs-cgroup")
PORT = 7
ENTRY = 64  # bytes of an IPv4 connection
SOME = 8000
LIMIT_S = 30
ROOM = 128 << 10  # bytes; fewer than SOME connections need


@pytest.fixture
def group() -> Iterator[Path]:
    """Yield the folder of a new memory cgroup."""
    MOUNT.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "cgroup2", "none", str(MOUNT)], check=True)
    try:
        (MOUNT / "cgroup.subtree_control").write_text("+memory")
        folder = MOUNT / "user"
        folder.mkdir()
        try:
            yield folder
        finally:
            folder.rmdir()
    finally:
        subprocess.run(["umount", str(MOUNT)], check=True)


@pytest.fixture
def user(group: Path) -> Iterator[Process]:
    """Yield a user whose service was added in the cgroup, and who has left it since."""
    with Process() as process:
        process.call(unprivileged.become_a_user)
        (group / "cgroup.procs").write_text(str(process.pid))
        process.call(add_service, PORT)
        (MOUNT / "cgroup.procs").write_text(str(process.pid))
        yield process


def slab(group: Path) -> int:
    """Return the bytes of small kernel objects that are charged to the cgroup."""
    lines = (group / "memory.stat").read_text().splitlines()
    return int(dict(line.split() for line in lines)["slab_unreclaimable"])


def test_connections_are_charged_to_the_cgroup_until_they_end(user: Process, group: Path) -> None:
    before = slab(group)
    assert user.call(open_connections, range(2000, 2000 + SOME), PORT)[0] == SOME
    assert slab(group) - before >= SOME * ENTRY
    user.call(clear)
    limit = time.monotonic() + LIMIT_S  # entries are freed after a grace period
    while slab(group) - before >= SOME * ENTRY // 4:
        assert time.monotonic() < limit, (slab(group), before)
        time.sleep(0.1)


def clear() -> None:
    with pylvs.Manager() as lvs:
        lvs.clear()


def test_the_limit_of_the_cgroup_ends_the_growth_of_the_table(user: Process, group: Path) -> None:
    most = int((group / "memory.current").read_text()) + ROOM
    (group / "memory.max").write_text(str(most))
    opened, drops = user.call(open_connections, range(2000, 2000 + SOME), PORT)
    assert 0 < opened < SOME
    assert drops.no_memory > 0  # each of these packets has made room for the next
    assert drops.no_memory + user.call(evictions).pressure == SOME - opened
    assert int((group / "memory.current").read_text()) <= most
    (group / "memory.max").write_text("max")
    assert user.call(open_connections, range(2000 + SOME, 2010 + SOME), PORT)[0] == opened + 10


def evictions() -> pylvs.Evictions:
    with pylvs.Manager() as lvs:
        return lvs.evictions()


def test_connections_of_the_hosts_own_namespace_are_charged_to_nobody(group: Path) -> None:
    with Process() as process:
        process.call(unprivileged.add_devices)
        try:
            (group / "cgroup.procs").write_text(str(process.pid))
            process.call(add_service, PORT)
            (MOUNT / "cgroup.procs").write_text(str(process.pid))
            before = slab(group)
            assert process.call(open_connections, range(2000, 2000 + SOME), PORT)[0] == SOME
            assert slab(group) - before < SOME * ENTRY // 4
        finally:
            process.call(clear)
            subprocess.run(["ip", "link", "del", "away"], check=True)
