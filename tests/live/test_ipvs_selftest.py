# SPDX-License-Identifier: GPL-2.0
"""The scenarios of the kernel's selftest of IPVS (netfilter/ipvs.sh), with ippfvsadm.

    client                           director
    br0 10.0.0.2 ┬ veth01 ── veth10  10.0.0.1
                 │           veth12  172.16.0.1 ─┐
                 │                               │
                 └ veth02 ── veth20  10.0.0.3    │
                             veth21  172.16.0.2 ─┘
                             server

The client routes the VIP by the director. The server answers by veth20 (DR, TUN) or by the director
(NAT). The commands are those of the selftest, so its DR server is added without a method.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator

import pytest
from ippfvslab import netns
from ippfvslab.netns import Host

VIP = "207.175.44.110"
PORT = 8080
REAL = "172.16.0.2"
DATA_LEN = 32
LIMIT_S = 20

SERVICE = f"-A -t {VIP}:{PORT} -s rr"
# For each method: the command that adds the real server, and whether the director forwards.
SCENARIOS = {
    "DR": (f"-a -t {VIP}:{PORT} -r {REAL}:{PORT}", 1),
    "NAT": (f"-a -m -t {VIP}:{PORT} -r {REAL}:{PORT}", 1),
    "TUN": (f"-a -i -t {VIP}:{PORT} -r {REAL}:{PORT}", 0),
}


class SelfTest:
    """The three hosts of the selftest."""

    def __init__(self) -> None:
        self.client, self.director, self.server = (Host(f"selftest-ns{each}") for each in range(3))
        self.hosts = (self.client, self.director, self.server)

    def build(self) -> None:
        """Create the hosts, their links and their addresses."""
        netns.ip([f"netns add {host.name}" for host in self.hosts])
        for host in self.hosts:
            host.ip("link set lo up")
        netns.ip(
            [
                _veth(self.client, "veth01", self.director, "veth10"),
                _veth(self.client, "veth02", self.server, "veth20"),
                _veth(self.director, "veth12", self.server, "veth21"),
            ]
        )
        self.client.ip(
            "link add br0 type bridge forward_delay 0",
            "link set veth01 master br0 up",
            "link set veth02 master br0 up",
            "link set br0 up",
            "addr add 10.0.0.2/24 dev br0",
            f"route add {VIP} via 10.0.0.1 dev br0",
        )
        self.director.ip(
            "link set veth10 up",
            "addr add 10.0.0.1/24 dev veth10",
            "link set veth12 up",
            "addr add 172.16.0.1/24 dev veth12",
        )
        self.server.ip(
            "link set veth21 up",
            f"addr add {REAL}/24 dev veth21",
            "link set veth20 up",
            "addr add 10.0.0.3/24 dev veth20",
        )

    def close(self) -> None:
        """Remove the hosts."""
        netns.ip([f"netns del {host.name}" for host in self.hosts if host.path.exists()])

    def answer_for_the_vip(self, devices: tuple[str, ...]) -> None:
        """Let the server hold the VIP without ARP for it, and answer by another device."""
        self.server.sysctl("ipv4.conf.all.arp_ignore", 1)
        self.server.sysctl("ipv4.conf.all.arp_announce", 2)
        for device in ("all", *devices):
            self.server.sysctl(f"ipv4.conf.{device}.rp_filter", 0)
        self.server.ip(f"addr add {VIP}/32 dev lo:1")

    def transfer(self, data: bytes) -> bytes:
        """Send data from the client to the VIP, and return what the server has received."""
        with (
            self.server.socket(socket.AF_INET, socket.SOCK_STREAM) as listener,
            self.client.socket(socket.AF_INET, socket.SOCK_STREAM) as sock,
        ):
            listener.settimeout(LIMIT_S)
            listener.bind(("0.0.0.0", PORT))
            listener.listen()
            sock.settimeout(LIMIT_S)
            sock.connect((VIP, PORT))
            sock.sendall(data)
            sock.close()
            accepted, _ = listener.accept()
            with accepted:
                accepted.settimeout(LIMIT_S)
                return b"".join(iter(lambda: accepted.recv(DATA_LEN), b""))


def _veth(one: Host, device: str, other: Host, peer: str) -> str:
    return f"link add {device} netns {one.name} type veth peer name {peer} netns {other.name}"


@pytest.fixture
def selftest() -> Iterator[SelfTest]:
    """Build the three hosts."""
    hosts = SelfTest()
    try:
        hosts.build()
        yield hosts
    finally:
        hosts.close()


def _prepare_dr(hosts: SelfTest) -> None:
    hosts.answer_for_the_vip(("veth21",))


def _prepare_nat(hosts: SelfTest) -> None:
    hosts.server.ip("link del veth20", "route add default via 172.16.0.1 dev veth21")


def _prepare_tun(hosts: SelfTest) -> None:
    hosts.server.run("modprobe", "-q", "ipip")
    for host in (hosts.director, hosts.server):
        host.ip("link set tunl0 up")
    for each in ("all", "default"):
        hosts.director.sysctl(f"ipv4.conf.{each}.send_redirects", 0)
    hosts.answer_for_the_vip(("tunl0", "veth21"))


PREPARE: dict[str, Callable[[SelfTest], None]] = {
    "DR": _prepare_dr,
    "NAT": _prepare_nat,
    "TUN": _prepare_tun,
}


@pytest.mark.parametrize("method", SCENARIOS)
def test_the_selftest_of_ipvs_passes_with_its_own_commands(
    selftest: SelfTest,
    ippfvsadm_in: Callable[..., subprocess.CompletedProcess[str]],
    method: str,
) -> None:
    def ippfvsadm(line: str) -> str:
        return ippfvsadm_in(selftest.director, *line.split()).stdout

    command, forwarding = SCENARIOS[method]
    ippfvsadm("-v")  # the selftest asks so whether the tool is there
    selftest.director.sysctl("ipv4.ip_forward", forwarding)
    ippfvsadm(SERVICE)
    ippfvsadm(command)
    selftest.director.ip(f"addr add {VIP}/32 dev lo:1")
    PREPARE[method](selftest)
    sent = os.urandom(DATA_LEN)
    assert selftest.transfer(sent) == sent
    row = ippfvsadm("-L -v").splitlines()[1].split()
    assert row[3:7] == [REAL, str(PORT), "1", method]
    drops, _evictions = ippfvsadm("-L --drops").split("\n\n")
    assert {row.split()[1] for row in drops.splitlines()[1:]} == {"0"}
