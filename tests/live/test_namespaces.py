# SPDX-License-Identifier: GPL-2.0
"""Two directors with one VIP, each in a namespace of its own, do not see each other.

client ── router ── director ── server1, server2        own0-: rules in its director
client ── router ── director ── server1, server2        own1-: the same addresses
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ippfvslab import talk
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm

import pylvs

if TYPE_CHECKING:
    from tests.live.conftest import OwnFarm


def _serve(farm: Farm, stack: contextlib.ExitStack) -> pylvs.Manager:
    for server, real in zip(farm.servers, farm.reals, strict=True):
        stack.enter_context(Echo(server, "tcp", real, 7))
    return stack.enter_context(pylvs.Manager(str(farm.director.path)))


def test_two_directors_with_one_virtual_address(own_farm: OwnFarm) -> None:
    one, other = own_farm("nat"), own_farm("nat")
    with contextlib.ExitStack() as stack:
        lvs, lvs_other = _serve(one, stack), _serve(other, stack)
        service = lvs.add_service("tcp", one.service(7))
        lvs.add_real(service, one.real(0, 7))
        assert lvs_other.services() == []
        with pytest.raises(ConnectionRefusedError):
            talk.ask(other.client, "tcp", other.vip, 7)

        lvs_other.add_real(service, other.real(1, 7), create=True)
        sock = stack.enter_context(talk.connect(one.client, "tcp", one.vip, 7, 5000))
        twin = stack.enter_context(talk.connect(other.client, "tcp", other.vip, 7, 5000))
        assert [talk.who(sock), talk.who(twin)] == ["own0-server1", "own1-server2"]
        for manager, farm, number in ((lvs, one, 0), (lvs_other, other, 1)):
            (connection,) = manager.connections()
            assert str(connection.real) == farm.real(number, 7)
            assert manager.stats().connections == 1

        lvs_other.configure(default_method="dr", conn_max=7)
        assert (str(lvs.config().default_method), lvs.config().conn_max) == ("nat", 0)
        lvs_other.clear()
        assert talk.who(sock) == "own0-server1"


GUEST = """
ip link set lo up
ip link add away type dummy
ip addr add 10.9.9.1/24 dev away
ip addr add 10.9.9.9/32 dev away
ip link set away up
ippfvsadm -A -u 10.9.9.9:7 -s rr
ippfvsadm -a -u 10.9.9.9:7 -r 10.9.9.2:7 -m
for each in 1 2 3 4; do echo $each > /dev/udp/10.9.9.9/7; done
ippfvsadm -L -n -c | grep -c 10.9.9.2
ippfvsadm --conn-max 4294967295
echo 5 > /dev/udp/10.9.9.9/7
ippfvsadm -L -n -c | grep -c 10.9.9.2
"""


@pytest.mark.farm(methods=["nat"])
def test_a_users_own_namespace_leaves_half_to_others(farm: Farm, lvs: pylvs.Manager) -> None:
    """Whatever its limit is: root of an unprivileged user's namespace sets that."""
    limit = Path("/sys/module/ippfvs/parameters/conn_limit")
    service = lvs.add_service("udp", pylvs.Endpoint(farm.vip, 7), "rr")
    lvs.add_real(service, farm.real(0, 7), method="nat")
    limit.write_text("4")
    try:
        # The tests live behind a chroot, from where nobody may make a user namespace.
        outside = ("nsenter", "--mount=/proc/1/ns/mnt", "--")
        command = ("unshare", "--user", "--map-root-user", "--net", "bash", "-ec", GUEST)
        assert farm.director.run(*outside, *command).stdout.split() == ["2", "2"]
        with Echo(farm.servers[0], "udp", farm.reals[0], 7):
            talk.ask(farm.client, "udp", farm.vip, 7)
    finally:
        limit.write_text("0")
