# SPDX-License-Identifier: GPL-2.0
"""A farm of hosts on LANs, built from a layout. It is always removed at the end."""

from __future__ import annotations

import contextlib
import copy
import socket
import subprocess
from collections.abc import Iterable

from ippfvslab import netns
from ippfvslab.layouts import Layout, Spec
from ippfvslab.netns import Host

DISCARD = 9
REACH_LIMIT_S = 20

_SYSCTLS = {
    "ipv6.conf.all.accept_dad": 0,
    "ipv6.conf.default.accept_dad": 0,
    "ipv6.conf.default.accept_ra": 0,
    "ipv6.conf.default.router_solicitations": 0,
    "ipv4.icmp_ratelimit": 0,
    "ipv6.icmp.ratelimit": 0,
    "ipv4.conf.all.send_redirects": 0,
    "ipv4.conf.default.send_redirects": 0,
    "ipv4.conf.all.rp_filter": 0,
    "ipv4.conf.default.rp_filter": 0,
}


class Farm:
    """The hosts of LAYOUT, which are up and can reach each other.

        with Farm(layout("nat")) as farm:
            farm.director.run("ippfvsadm", "-A", "-t", …)
            farm.client.run("curl", …)

    The name of a namespace is PREFIX + host, so that several farms can exist at the same time. Each
    LAN is a bridge in a separate namespace. The MAC address of a host is 02:00:00:00:<lan>:<host>,
    counted from 1 in the layout's order, so that captures identify the hosts.
    """

    def __init__(self, layout: Layout, prefix: str = "") -> None:
        self.prefix = prefix
        self.hosts = {name: Host(prefix + name) for name in layout.hosts}
        self.client = self.hosts["client"]
        self.director = self.hosts["director"]
        self.use_layout(layout)
        lans = dict.fromkeys(lan for spec in layout.hosts.values() for lan in spec.nics)
        self.lans = {lan: Host(prefix + lan) for lan in lans}
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Farm:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def used_as(self, layout: Layout) -> Farm:
        """Return a copy of this farm with another LAYOUT of the same hosts.

        The method, family, virtual address and real servers are those of LAYOUT. The hosts are
        those of this farm, and only this farm closes them.
        """
        other = copy.copy(self)
        other.use_layout(layout)
        other.await_neighbours()
        return other

    def use_layout(self, layout: Layout) -> None:
        """Set the method, family, virtual address and real servers from LAYOUT."""
        self.layout = layout
        self.method = layout.method
        self.family = layout.family
        self.vip = layout.vip
        self.servers = [self.hosts[name] for name in layout.servers]
        self.reals = layout.reals

    def service(self, port: int | None = None) -> str:
        """Return the virtual service in ippfvsadm's syntax: VIP:port, [VIP]:port, or VIP alone."""
        return endpoint(self.vip, port)

    def real(self, number: int, port: int | None = None) -> str:
        """Return real server NUMBER, counted from 0, in ippfvsadm's syntax."""
        return endpoint(self.reals[number], port)

    def device(self, host: str, lan: str) -> str:
        """Return the interface of HOST on LAN."""
        return f"eth{list(self.layout.hosts[host].nics).index(lan)}"

    def mac(self, host: str, lan: str) -> str:
        """Return the MAC address of HOST on LAN."""
        lan_number = list(self.lans).index(lan) + 1
        return f"02:00:00:00:{lan_number:02x}:{list(self.hosts).index(host) + 1:02x}"

    def close(self) -> None:
        """Kill every process of the farm and remove its namespaces."""
        for host in self._namespaces():
            host.end_children()
        there = [host for host in self._namespaces() if host.path.exists()]
        netns.ip([f"netns del {host.name}" for host in there])

    def _namespaces(self) -> list[Host]:
        return [*self.hosts.values(), *self.lans.values()]

    def _build(self) -> None:
        modules = {module for spec in self.layout.hosts.values() for module in spec.modules}
        if modules:
            subprocess.run(["modprobe", "-a", *sorted(modules)], check=True)
        netns.ip([f"netns add {host.name}" for host in self._namespaces()])
        for host in self.hosts.values():
            _set_sysctls(host, _SYSCTLS.items())
        bridge = "link add lan0 type bridge forward_delay 0 mcast_snooping 0"
        for switch in self.lans.values():
            switch.sysctl("ipv6.conf.default.disable_ipv6", 1)
            switch.ip(bridge, "link set lan0 up")
        netns.ip([line for name in self.hosts for line in self._veth_commands(name)])
        for lan, switch in self.lans.items():
            switch.ip(*self._bridge_commands(lan))
        for name, spec in self.layout.hosts.items():
            self._configure(self.hosts[name], spec)
        self.await_neighbours()

    def await_neighbours(self) -> None:
        """Wait until the client can reach the VIP, and the director every real server."""
        _reach(self.client, self.vip)
        for real in self.reals:
            _reach(self.director, real)

    def _veth_commands(self, name: str) -> Iterable[str]:
        for number, lan in enumerate(self.layout.hosts[name].nics):
            yield (
                f"link add eth{number} address {self.mac(name, lan)} netns {self.prefix}{name} "
                f"type veth peer name {name} netns {self.prefix}{lan}"
            )

    def _bridge_commands(self, lan: str) -> Iterable[str]:
        for name, spec in self.layout.hosts.items():
            if lan in spec.nics:
                yield f"link set {name} master lan0 up"

    def _configure(self, host: Host, spec: Spec) -> None:
        lines = ["link set lo up"]
        for number, addresses in enumerate(spec.nics.values()):
            for each in addresses:
                nodad = " nodad" if ":" in each else ""
                lines.append(f"addr add {each} dev eth{number}{nodad}")
            lines.append(f"link set eth{number} up")
        if spec.gateway:
            lines.append(f"route add default via {spec.gateway}")
        host.ip(*lines, *spec.commands)
        if spec.forward:
            host.sysctl("ipv4.ip_forward", 1)
            host.sysctl("ipv6.conf.all.forwarding", 1)
        _set_sysctls(host, spec.sysctls.items())


def endpoint(address: str, port: int | None = None) -> str:
    """Return ADDRESS and PORT in the usual notation, such as [2001:db8::1]:80."""
    written = f"[{address}]" if ":" in address else address
    return written if port is None else f"{written}:{port}"


def _reach(host: Host, address: str) -> None:
    """Wait until HOST has resolved ADDRESS, so that no packet of a test is delayed."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with (
        host.socket(family, socket.SOCK_STREAM) as sock,
        contextlib.suppress(ConnectionRefusedError),
    ):
        sock.settimeout(REACH_LIMIT_S)
        sock.connect((address, DISCARD))


def _set_sysctls(host: Host, values: Iterable[tuple[str, int]]) -> None:
    for name, value in values:
        host.sysctl(name, value)
