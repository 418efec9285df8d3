# SPDX-License-Identifier: GPL-2.0
"""The paper's farms as data, for IPv4 and for IPv6.

NAT    client ── outside ── router ── internet ── director ── inside ── server1, server2
       202.100.1.2                     202.103.106.5  172.16.0.1         172.16.0.2, .3

TUN, DR, Local      client, director (and the VIP), server1, server2, server3
                    192.168.1.5  192.168.1.1 (.110)  192.168.1.2, .3, .4, all on one lan
"""

from __future__ import annotations

from dataclasses import dataclass, field

METHODS = ("nat", "tun", "dr", "local")
FAMILIES = (4, 6)


@dataclass(frozen=True)
class Spec:
    """A host: its interfaces eth0, eth1 … with their LANs, and its other settings."""

    nics: dict[str, list[str]]
    """LAN -> addresses with prefix length, in the order of the interfaces."""
    gateway: str | None = None
    forward: bool = False
    sysctls: dict[str, int] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    """Commands for `ip`, which run after everything else is up."""


@dataclass(frozen=True)
class Layout:
    """A farm for one forwarding method and one address family."""

    method: str
    family: int
    hosts: dict[str, Spec]
    vip: str
    client: str
    reals: tuple[str, ...]
    """The address of each real server, as it is written for ippfvsadm."""
    servers: tuple[str, ...]
    """The host of each real server."""


def layout(method: str, family: int = 4) -> Layout:
    """Return the paper's farm for METHOD, with addresses of IP version FAMILY."""
    return _nat(family) if method == "nat" else _one_lan(method, family)


def _nat(family: int) -> Layout:
    def net(four: str, six: str, host: int) -> str:
        return f"{four}.{host}" if family == 4 else f"2001:db8:{six}::{host}"

    def outside(host: int) -> str:
        return net("202.100.1", "202:100", host)

    def internet(host: int) -> str:
        return net("202.103.106", "202:103", host)

    def inside(host: int) -> str:
        return net("172.16.0", "172:16", host)

    bits = 24 if family == 4 else 64
    hosts = {
        "client": Spec({"outside": [f"{outside(2)}/{bits}"]}, gateway=outside(1)),
        "router": Spec(
            {"outside": [f"{outside(1)}/{bits}"], "internet": [f"{internet(1)}/{bits}"]},
            forward=True,
        ),
        "director": Spec(
            {"internet": [f"{internet(5)}/{bits}"], "inside": [f"{inside(1)}/{bits}"]},
            gateway=internet(1),
            forward=True,
        ),
    }
    for number in (2, 3):
        hosts[f"server{number - 1}"] = Spec(
            {"inside": [f"{inside(number)}/{bits}"]}, gateway=inside(1)
        )
    return Layout(
        "nat",
        family,
        hosts,
        internet(5),
        outside(2),
        (inside(2), inside(3)),
        ("server1", "server2"),
    )


def _one_lan(method: str, family: int) -> Layout:
    def lan(host: int) -> str:
        return f"192.168.1.{host}" if family == 4 else f"2001:db8:192:168::{host}"

    bits, alone = (24, 32) if family == 4 else (64, 128)
    vip = lan(110)
    # The address is deprecated, so that the director does not use the VIP as a source address. The
    # real servers hold the VIP, too, and would not reply to it.
    own = " nodad preferred_lft 0" if family == 6 else ""
    holds = f"addr add {vip}/{alone} dev eth0{own}"
    hosts = {
        "client": Spec({"lan": [f"{lan(5)}/{bits}"]}),
        "director": Spec({"lan": [f"{lan(1)}/{bits}"]}, forward=True, commands=(holds,)),
    }
    if method == "local":
        loopback = "127.0.0.1" if family == 4 else "::1"
        return Layout(method, family, hosts, vip, lan(5), (loopback,), ("director",))
    for number in (2, 3, 4):
        hosts[f"server{number - 1}"] = _server(method, family, f"{lan(number)}/{bits}", vip)
    reals = (lan(2), lan(3), lan(4))
    return Layout(method, family, hosts, vip, lan(5), reals, ("server1", "server2", "server3"))


def _server(method: str, family: int, address: str, vip: str) -> Spec:
    """Return a real server that holds the VIP but does not answer ARP for it.

    IPv6 needs no such setting: a neighbour solicitation is answered only for the interface's own
    addresses.
    """
    silent = {"ipv4.conf.all.arp_ignore": 1, "ipv4.conf.all.arp_announce": 2}
    if method == "dr":
        alone = 32 if family == 4 else 128
        holds = f"addr add {vip}/{alone} dev lo{' nodad' if family == 6 else ''}"
        return Spec({"lan": [address]}, sysctls=silent, commands=(holds,))
    if family == 4:
        # Packets from the tunnel arrive on eth0. A strict reverse path filter would drop them.
        loose = {"ipv4.conf.all.rp_filter": 0, "ipv4.conf.tunl0.rp_filter": 0}
        up = (f"addr add {vip}/32 dev tunl0", "link set tunl0 up")
        return Spec({"lan": [address]}, None, False, silent | loose, ("ipip",), up)
    own = address.partition("/")[0]
    commands = (
        f"link add vip0 type ip6tnl mode ip6ip6 local {own} remote :: encaplimit none",
        f"addr add {vip}/128 dev vip0 nodad",
        "link set vip0 up",
    )
    return Spec({"lan": [address]}, sysctls=silent, modules=("ip6_tunnel",), commands=commands)
