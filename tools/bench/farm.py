# SPDX-License-Identifier: GPL-2.0
"""The director of each variant: a network namespace with two devices, and who forwards in it.

        in0 (dummy) ── director ── out0 (dummy, real servers as permanent neighbours)

The flood hands packets to the receive path of one device; they leave by the other, which counts
them. Every variant has a namespace of its own with the same farm. Both balancers and netfilter
register hooks only in namespaces that use them, so that a variant meets no other one's hooks.
"""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ippfvslab import netns
from ippfvslab.netns import Host

import pylvs
from bench.shell import run

VIP = {4: "10.0.0.100", 6: "fd00::100"}
CLIENT = {4: "198.18.0.1", 6: "fd18::1"}
FIRST_REAL = {4: "172.16.0.2", 6: "fd16::2"}
MANY_VIPS = ipaddress.ip_network("10.1.0.0/16")
MIDDLE = 5005
MAC_IN, MAC_OUT, MAC_OTHER = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:99"
PORT = 80
MOST = 20_000_000
"""Connections that every variant has room for."""
_FLAG = {"nat": "-m", "tun": "-i", "dr": "-g"}
_PROTOCOL = {"udp": "-u", "tcp": "-t"}
_NFT_FAMILY = {4: "ip", 6: "ip6"}
CONNTRACK_BUCKETS = 1 << 19


@dataclass(frozen=True)
class Case:
    """One rule set, by one forwarding method and family."""

    method: str = "nat"
    family: int = 4
    protocol: str = "udp"
    scheduler: str = "rr"
    servers: int = 4
    """Of each service; all services have the same ones."""
    services: int = 1
    """Around the same middle, so that few of them are among many."""
    inputs: int = 1
    """Devices that receive from clients: in0, in1 …, one per CPU."""

    @property
    def vips(self) -> list[str]:
        if self.services == 1:
            return [VIP[self.family]]
        return [str(MANY_VIPS[MIDDLE - self.services // 2 + each]) for each in range(self.services)]

    @property
    def reals(self) -> list[str]:
        first = ipaddress.ip_address(FIRST_REAL[self.family])
        return [str(first + number) for number in range(self.servers)]

    def weight(self, number: int) -> int:
        """Of the server NUMBER: in large farms they differ, where the scheduler heeds them."""
        return 1 + number % 10 if self.scheduler in ("wrr", "wlc") and self.servers > 4 else 1

    @property
    def rules(self) -> str:
        """The rule set as `ipvsadm -S -n` writes it; both balancers read it."""
        servers = [
            f"-r {socket_of(real)} {_FLAG[self.method]} -w {self.weight(number)}"
            for number, real in enumerate(self.reals)
        ]
        lines = []
        for vip in self.vips:
            service = f"{_PROTOCOL[self.protocol]} {socket_of(vip)}"
            lines += [f"-A {service} -s {self.scheduler}"]
            lines += [f"-a {service} {server}" for server in servers]
        return "".join(f"{line}\n" for line in lines)


def socket_of(address: str) -> str:
    return f"[{address}]:{PORT}" if ":" in address else f"{address}:{PORT}"


class Variant:
    """Who forwards in HOST; this one is the kernel alone, which routes."""

    mac = MAC_IN
    direct = False
    """Clients send to the first real server itself, not to the service."""
    forwards = True

    def __init__(self, host: Host, case: Case) -> None:
        self.host, self.case = host, case

    def start(self) -> None:
        """Load the rules."""

    def made(self) -> int | None:
        """How many connections it has made; None where none are."""
        return None

    def settle(self) -> None:
        """Wait until it has done what it does beside forwarding."""

    def stop(self) -> None:
        """Undo what does not go with the namespace."""


class Plain(Variant):
    direct = True


class Floor(Variant):
    """Packets for another host's MAC address: they end at the first look."""

    mac = MAC_OTHER
    forwards = False


class Ippfvs(Variant):
    def start(self) -> None:
        with self.manager() as lvs:
            lvs.replace(pylvs.loads(self.case.rules))
            lvs.configure(conn_max=MOST)

    def manager(self) -> pylvs.Manager:
        return pylvs.Manager(netns=str(self.host.path))

    def made(self) -> int:
        with self.manager() as lvs:
            return lvs.stats().connections

    def settle(self) -> None:
        """Wait until the table does not grow any more."""
        settled(self.buckets)

    def buckets(self) -> int:
        with self.manager() as lvs:
            return lvs.config().buckets


class Ipvs(Variant):
    """Without connection tracking, synchronisation and estimators, whose timer adds up counters.

    Linux 7.3 gives a namespace smaller tables than the initial one has; here it gets the same.
    """

    def start(self) -> None:
        switches = {"conntrack": 0, "run_estimation": 0, "conn_lfactor": -4, "svc_lfactor": -3}
        for name, value in switches.items():
            with self.host.inside():
                file = Path("/proc/sys/net/ipv4/vs", name)
                if file.exists():
                    file.write_text(f"{value}\n")
        self.host.run(os.environ["IPVSADM"], "-R", text=self.case.rules)

    def made(self) -> int:
        """Return the sum over CPUs, since the totals are the work of the estimators."""
        with self.host.inside():
            text = Path("/proc/thread-self/net/ip_vs_stats_percpu").read_text()
        cpus = [words for line in text.splitlines()[2:] if (words := line.split())]
        return sum(int(words[1], 16) for words in cpus if len(words) == 6 and words[0] != "~")

    def settle(self) -> None:
        """Wait until the table, which grows in Linux 7.3, does not grow any more."""
        settled(self._buckets)

    def _buckets(self) -> str:
        with self.host.inside():
            file = Path("/proc/thread-self/net/ip_vs_status")
            return file.read_text().partition("Conn buckets")[2][:20] if file.exists() else ""


class Nftables(Variant):
    """DNAT on top of connection tracking, round robin."""

    more = ""

    def start(self) -> None:
        run("modprobe", "-a", "nf_conntrack", "nft_chain_nat", "nft_numgen")
        Path("/sys/module/nf_conntrack/parameters/hashsize").write_text(str(CONNTRACK_BUCKETS))
        Path("/proc/sys/net/netfilter/nf_conntrack_max").write_text(str(MOST))
        case, family = self.case, _NFT_FAMILY[self.case.family]
        choice = ", ".join(f"{number} : {real}" for number, real in enumerate(case.reals))
        self.host.run(
            *("nft", "-f", "-"),
            text=f"""
table {family} bench {{
	counter made {{ }}
	{self.more}
	chain pre {{
		type nat hook prerouting priority dstnat;
		{family} daddr {case.vips[0]} {case.protocol} dport {PORT} counter name made \
dnat to numgen inc mod {case.servers} map {{ {choice} }}
	}}
}}
""",
        )

    def made(self) -> int:
        """Return what the rule has counted: only first packets come to it."""
        command = ("nft", "list", "counter", _NFT_FAMILY[self.case.family], "bench", "made")
        words = self.host.run(*command).stdout.split()
        return int(words[words.index("packets") + 1])


class Flowtable(Nftables):
    """The same with a flow table: known flows leave at the ingress hook."""

    more = """
	flowtable fast { hook ingress priority 0; devices = { in0, out0 }; }
	chain through {
		type filter hook forward priority filter;
		meta l4proto { tcp, udp } flow add @fast
	}
"""

    def start(self) -> None:
        run("modprobe", "-a", "nft_flow_offload", "nf_flow_table_inet")
        super().start()


class Limit(Variant):
    """The module limit: what no balancer can leave undone (limit/limit.c)."""

    bits = 22

    def start(self) -> None:
        words = (f"bits={self.bits}", f"method={self.case.method}")
        self.host.run("insmod", os.environ["LIMIT_MODULE"], *words)

    def made(self) -> int:
        return int(Path("/sys/module/limit/parameters/made").read_text())

    def stop(self) -> None:
        run("rmmod", "limit")


VARIANTS: dict[str, type[Variant]] = {
    "ippfvs": Ippfvs,
    "IPVS": Ipvs,
    "nftables": Nftables,
    "flowtable": Flowtable,
    "limit": Limit,
    "plain": Plain,
    "floor": Floor,
}


def kind(label: str) -> str:
    """Whose variant LABEL is: "ippfvs" for "ippfvs, 1,000 servers"."""
    return label.partition(",")[0]


def load(ipvs_bits: int | None = None, ippfvs_bits: int | None = None) -> None:
    """Insert both balancers anew, with tables of so many bits; None: as they do by default."""
    unload()
    ippfvs = os.environ["IPPFVS_MODULE"]
    needs = run("modinfo", "-F", "depends", ippfvs).strip().split(",")
    run("modprobe", "-a", "dummy", *filter(None, needs))
    run("insmod", ippfvs, f"conn_limit={MOST}", *_bits(ippfvs_bits))
    run("modprobe", "ip_vs", *_bits(ipvs_bits))


def _bits(bits: int | None) -> list[str]:
    return [] if bits is None else [f"conn_tab_bits={bits}"]


def unload() -> None:
    """Remove both balancers; a namespace that is just going holds IPVS for a moment."""
    loaded = [line.split()[0] for line in Path("/proc/modules").read_text().splitlines()]
    if "ippfvs" in loaded:
        run("rmmod", "ippfvs")
    for module in [each for each in loaded if each.startswith("ip_vs_")]:
        _insist("modprobe", "-r", module)
    if "ip_vs" in loaded:
        _insist("modprobe", "-r", "ip_vs")


def _insist(*command: str, limit_s: float = 60) -> None:
    until = time.monotonic() + limit_s
    while True:
        try:
            run(*command)
            return
        except RuntimeError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def settled(value: Callable[[], object], still_s: float = 0.25, limit_s: float = 60) -> None:
    """Return as soon as VALUE() has stayed the same for STILL_S."""
    now, since = value(), time.monotonic()
    until = since + limit_s
    while time.monotonic() - since < still_s:
        time.sleep(0.05)
        if (new := value()) != now:
            now, since = new, time.monotonic()
        if since > until:
            raise RuntimeError(f"it has not settled within {limit_s:.0f} s: {now}")


@contextmanager
def directors(cases: dict[str, Case]) -> Iterator[dict[str, Variant]]:
    """Each variant of CASES in a namespace of its own, started; all gone afterwards."""
    hosts = {label: Host(f"v{number}") for number, label in enumerate(cases)}
    variants = {label: VARIANTS[kind(label)](hosts[label], cases[label]) for label in cases}
    with ExitStack() as stack:
        for variant in variants.values():
            netns.ip([f"netns add {variant.host.name}"])
            stack.callback(netns.ip, [f"netns del {variant.host.name}"])
            _build(variant.host, variant.case)
            variant.start()
            stack.callback(variant.stop)
        yield variants


def _build(host: Host, case: Case) -> None:
    """Devices, addresses, and neighbours for the real servers."""
    routes = [f"route add local {MANY_VIPS} dev in0"] if case.services > 1 else []
    neighbours = [
        f"neigh add {real} lladdr 02:00:00:01:{number >> 8:02x}:{number & 255:02x}"
        " dev out0 nud permanent"
        for number, real in enumerate(case.reals)
    ]
    more = range(1, case.inputs)
    host.ip(
        f"link add in0 address {MAC_IN} type dummy",
        f"link add out0 address {MAC_OUT} type dummy",
        # Without a link-local address, so that IPv6 sends nothing of its own.
        *("link set in0 addrgenmode none", "link set out0 addrgenmode none"),
        *("link set lo up", "link set in0 up", "link set out0 up"),
        f"addr add {VIP[4]}/32 dev in0",
        f"addr add {VIP[6]}/128 dev in0 nodad",
        "addr add 172.16.0.1/16 dev out0",
        "addr add fd16::1/64 dev out0 nodad",
        *("route add 198.18.0.0/15 dev in0", "route add fd18::/64 dev in0"),
        *(*routes, *neighbours),
        *(f"link add in{number} address {MAC_IN} up type dummy" for number in more),
    )
    for number in more:
        host.sysctl(f"ipv4.conf.in{number}.rp_filter", 0)
    for name, value in _SWITCHES.items():
        host.sysctl(name, value)


_SWITCHES = {
    "ipv4.ip_forward": 1,
    "ipv6.conf.all.forwarding": 1,
    "ipv4.conf.all.rp_filter": 0,
    "ipv4.conf.in0.rp_filter": 0,
    "ipv4.conf.out0.rp_filter": 0,
}
