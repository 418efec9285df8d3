# SPDX-License-Identifier: GPL-2.0
"""Two directors with the same VIP in different namespaces do not affect each other.

client ── router ── director ── server1, server2        own0-: rules in its director
client ── router ── director ── server1, server2        own1-: the same addresses

An unprivileged user who is root in a user namespace cannot use up all connections.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ippfvslab import clients
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm
from ippfvslab.netns import ip

import pylvs
import pylvs.uapi
from tests.live.helpers import unprivileged

if TYPE_CHECKING:
    from tests.live.conftest import OwnFarm


def _serve(farm: Farm, stack: contextlib.ExitStack) -> pylvs.Manager:
    for server, real in zip(farm.servers, farm.reals, strict=True):
        stack.enter_context(Echo(server, "tcp", real, 7))
    return stack.enter_context(pylvs.Manager(str(farm.director.path)))


def test_two_directors_with_one_vip_are_independent(own_farm: OwnFarm) -> None:
    one, other = own_farm("nat"), own_farm("nat")
    with contextlib.ExitStack() as stack:
        lvs, lvs_other = _serve(one, stack), _serve(other, stack)
        service = lvs.add_service("tcp", one.service(7))
        lvs.add_real(service, one.real(0, 7))
        assert lvs_other.services() == []
        with pytest.raises(ConnectionRefusedError):
            clients.request_once(other.client, "tcp", other.vip, 7)

        lvs_other.add_real(service, other.real(1, 7), create=True)
        sock = stack.enter_context(clients.connect(one.client, "tcp", one.vip, 7, 5000))
        sock_other = stack.enter_context(clients.connect(other.client, "tcp", other.vip, 7, 5000))
        assert [clients.request(sock), clients.request(sock_other)] == [
            "own0-server1",
            "own1-server2",
        ]
        for manager, farm, number in ((lvs, one, 0), (lvs_other, other, 1)):
            (connection,) = manager.connections()
            assert str(connection.real) == farm.real(number, 7)
            assert manager.stats().connections == 1

        lvs_other.configure(default_method="dr", conn_max=7)
        assert (str(lvs.config().default_method), lvs.config().conn_max) == ("nat", 0)
        lvs_other.clear()
        assert clients.request(sock) == "own0-server1"


def _connections_with_conn_max(number: int) -> int:
    with pylvs.Manager() as lvs:
        lvs.configure(conn_max=number)
        for _ in range(4):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b"hello", (unprivileged.VIP, 7))
        return len(list(lvs.connections()))


@pytest.mark.farm(methods=["nat"])
def test_unprivileged_namespaces_use_at_most_half_of_the_limit(
    farm: Farm, lvs: pylvs.Manager
) -> None:
    """The user is root there and sets that namespace's maximum."""
    limit = Path("/sys/module/ippfvs/parameters/conn_limit")
    service = lvs.add_service("udp", pylvs.Endpoint(farm.vip, 7), "rr")
    lvs.add_real(service, farm.real(0, 7), method="nat")
    limit.write_text("4")
    try:
        with unprivileged.Process() as user:
            user.call(unprivileged.become_a_user)
            user.call(unprivileged.add_service, 7)
            most = pylvs.uapi.UNPRIVILEGED_CONNS
            assert [user.call(_connections_with_conn_max, number) for number in (0, most)] == [2, 2]
            with Echo(farm.servers[0], "udp", farm.reals[0], 7):
                clients.request_once(farm.client, "udp", farm.vip, 7)
    finally:
        limit.write_text("0")


MANY = 200
LIMIT_S = 120


def _create(used: bool) -> int:
    """Return a file descriptor that keeps a new network namespace, with a service if it is used."""
    if ctypes.CDLL(None, use_errno=True).unshare(unprivileged.CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    if used:
        with pylvs.Manager() as lvs:
            lvs.add_service("udp", "10.9.9.9:7")
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _seconds_to_end_many(used: bool) -> float:
    """Return how long MANY namespaces take to end together.

    The last one to go has one end of a pair of devices; the other end is here and vanishes with it.
    """
    with ThreadPoolExecutor(1) as one:
        kept = [one.submit(_create, used).result() for _ in range(MANY)]
        mark = f"mark{int(used)}"
        ip([f"link add {mark} type veth peer name there netns /proc/{os.getpid()}/fd/{kept[-1]}"])
    began = time.monotonic()
    for each in kept:
        os.close(each)
    while Path("/sys/class/net", mark).exists():
        assert time.monotonic() < began + LIMIT_S
        time.sleep(0.01)
    return time.monotonic() - began


def _grace_periods() -> Iterator[float]:
    """Measure two grace periods, several times: for those a last service that is removed waits."""
    with pylvs.Manager() as lvs:
        for _ in range(9):
            lvs.add_service("udp", "10.9.9.9:7")
            began = time.monotonic()
            lvs.clear()
            yield time.monotonic() - began


def test_many_namespaces_end_together_and_not_one_after_another() -> None:
    two = statistics.median(_grace_periods())
    unused, used = _seconds_to_end_many(False), _seconds_to_end_many(True)
    print(f"{MANY} namespaces end in {unused:.2f} s, used ones in {used:.2f} s;", end=" ")
    print(f"two grace periods last {two * 1000:.1f} ms")
    assert used - unused < MANY * two / 4
