# SPDX-License-Identifier: GPL-2.0
"""One farm for all forwarding methods and both families, because building eight takes too long.

    client ── outside ── director ── lan ── server1, server2      VS-NAT: the client is outside
       └──────────────── lan                                      the others: it is on the lan

    outside   client 202.103.106.2, director 202.103.106.5 (the VIP of VS-NAT)
    lan       client 192.168.1.5, director 192.168.1.1, the VIP 192.168.1.110,
              servers 192.168.1.2 and .3, which hold the VIP, too, on a tunnel's device

The real servers reach the network outside through the director. IPv6 addresses are analogous.
"""

from __future__ import annotations

from ippfvslab.layouts import FAMILIES, METHODS, Layout, Spec

SERVERS = ("server1", "server2")


def outside(family: int, host: int) -> str:
    """Return the address of HOST on the LAN outside."""
    return f"202.103.106.{host}" if family == 4 else f"2001:db8:202:103::{host}"


def lan(family: int, host: int) -> str:
    """Return the address of HOST on the LAN of the real servers."""
    return f"192.168.1.{host}" if family == 4 else f"2001:db8:192:168::{host}"


def _net(address: str) -> str:
    return f"{address}/{64 if ':' in address else 24}"


def _single(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"


def layouts() -> dict[tuple[str, int], Layout]:
    """Return the layout for each method and family. All layouts have the same hosts."""
    hosts = {
        "client": Spec(
            {
                "outside": [_net(outside(each, 2)) for each in FAMILIES],
                "lan": [_net(lan(each, 5)) for each in FAMILIES],
            }
        ),
        "director": Spec(
            {
                "outside": [_net(outside(each, 5)) for each in FAMILIES],
                "lan": [_net(lan(each, 1)) for each in FAMILIES],
            },
            forward=True,
            commands=(
                f"addr add {_single(lan(4, 110))} dev eth1",
                f"addr add {_single(lan(6, 110))} dev eth1 nodad preferred_lft 0",
            ),
        ),
        **{name: _server(number) for number, name in enumerate(SERVERS, 2)},
    }
    return {
        (method, family): _layout(hosts, method, family)
        for method in METHODS
        for family in FAMILIES
    }


def _layout(hosts: dict[str, Spec], method: str, family: int) -> Layout:
    vip, client = (
        (outside(family, 5), outside(family, 2))
        if method == "nat"
        else (lan(family, 110), lan(family, 5))
    )
    if method == "local":
        loopback = "127.0.0.1" if family == 4 else "::1"
        return Layout(method, family, hosts, vip, client, (loopback,), ("director",))
    return Layout(method, family, hosts, vip, client, (lan(family, 2), lan(family, 3)), SERVERS)


def _server(host: int) -> Spec:
    """Return a real server for all methods. It has the LAN's VIP, but does not answer ARP."""
    routes = tuple(f"route add {_net(outside(each, 0))} via {lan(each, 1)}" for each in FAMILIES)
    commands = (
        f"addr add {_single(lan(4, 110))} dev tunl0",
        "link set tunl0 up",
        f"link add vip0 type ip6tnl mode ip6ip6 local {lan(6, host)} remote :: encaplimit none",
        f"addr add {_single(lan(6, 110))} dev vip0 nodad",
        "link set vip0 up",
        *routes,
    )
    return Spec(
        {"lan": [_net(lan(each, host)) for each in FAMILIES]},
        sysctls={
            "ipv4.conf.all.arp_ignore": 1,
            "ipv4.conf.all.arp_announce": 2,
            "ipv4.conf.all.rp_filter": 0,
            "ipv4.conf.tunl0.rp_filter": 0,
        },
        modules=("ipip", "ip6_tunnel"),
        commands=commands,
    )
