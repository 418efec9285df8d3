# SPDX-License-Identifier: GPL-2.0
"""The director of each variant: a network namespace with two devices, and what forwards packets.

        in0 (dummy) ── director ── out0 (dummy, real servers as permanent neighbours)

The module flood passes packets to the receive path of one device. They leave through the other
device, which counts them. Every variant has a separate namespace with the same farm. Both balancers
and netfilter register hooks only in namespaces that use them, so no variant runs the hooks of
another.
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
from bench.commands import run

VIP = {4: "10.0.0.100", 6: "fd00::100"}
CLIENT = {4: "198.18.0.1", 6: "fd18::1"}
FIRST_REAL = {4: "172.16.0.2", 6: "fd16::2"}
MANY_VIPS = ipaddress.ip_network("10.1.0.0/16")
MIDDLE = 5005
MAC_IN, MAC_OUT, MAC_OTHER = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:99"
PORT = 80
MAX_CONNECTIONS = 20_000_000
"""The number of connections for which every variant has room."""
_FLAG = {"nat": "-m", "tun": "-i", "dr": "-g"}
_PROTOCOL = {"udp": "-u", "tcp": "-t"}
_NFT_FAMILY = {4: "ip", 6: "ip6"}
CONNTRACK_BUCKETS = 1 << 19


@dataclass(frozen=True)
class Case:
    """One rule set, for one forwarding method and address family."""

    method: str = "nat"
    family: int = 4
    protocol: str = "udp"
    scheduler: str = "rr"
    servers: int = 4
    """The number of real servers of each service. All services have the same ones."""
    services: int = 1
    """The number of services. Their addresses are around the same middle, whatever the number."""
    inputs: int = 1
    """The number of devices that receive packets from clients: in0, in1 …, one per CPU."""

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
        """Return the weight of server NUMBER.

        Weights differ in large farms with a weighted scheduler.
        """
        return 1 + number % 10 if self.scheduler in ("wrr", "wlc") and self.servers > 4 else 1

    @property
    def rules(self) -> str:
        """The rule set in the format of `ipvsadm -S -n`, which both commands read."""
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
    """A variant forwards packets in HOST. This base class is plain routing by the kernel."""

    mac = MAC_IN
    direct = False
    """Whether clients send to the first real server instead of to the service."""
    forwards = True

    def __init__(self, host: Host, case: Case) -> None:
        self.host, self.case = host, case

    def start(self) -> None:
        """Load the rules."""

    def created(self) -> int | None:
        """Return the number of created connections, or None if the variant has no connections."""
        return None

    def settle(self) -> None:
        """Wait until the variant has finished its work in the background."""

    def stop(self) -> None:
        """Undo the parts of start() that remain when the namespace is removed."""


class Plain(Variant):
    direct = True


class Floor(Variant):
    """Packets have another host's MAC address, so the stack drops them at its first check."""

    mac = MAC_OTHER
    forwards = False


class Ippfvs(Variant):
    def start(self) -> None:
        with self.manager() as lvs:
            lvs.replace(pylvs.loads(self.case.rules))
            lvs.configure(conn_max=MAX_CONNECTIONS)

    def manager(self) -> pylvs.Manager:
        return pylvs.Manager(netns=str(self.host.path))

    def created(self) -> int:
        with self.manager() as lvs:
            return lvs.stats().connections

    def settle(self) -> None:
        """Wait until the table has stopped growing."""
        wait_until_stable(self.buckets)

    def buckets(self) -> int:
        with self.manager() as lvs:
            return lvs.config().buckets


class Ipvs(Variant):
    """IPVS without connection tracking, synchronisation and estimators.

    The timer of the estimators adds up counters. By default, the tables of a namespace in Linux 7.3
    are smaller than those of the initial namespace. Here they have the same size.
    """

    def start(self) -> None:
        switches = {"conntrack": 0, "run_estimation": 0, "conn_lfactor": -4, "svc_lfactor": -3}
        for name, value in switches.items():
            with self.host.inside():
                file = Path("/proc/sys/net/ipv4/vs", name)
                if file.exists():
                    file.write_text(f"{value}\n")
        self.host.run(os.environ["IPVSADM"], "-R", text=self.case.rules)

    def created(self) -> int:
        """Sum the per-CPU counters. Only the estimators, which are disabled, update the totals."""
        with self.host.inside():
            text = Path("/proc/thread-self/net/ip_vs_stats_percpu").read_text()
        cpus = [fields for line in text.splitlines()[2:] if (fields := line.split())]
        return sum(int(fields[1], 16) for fields in cpus if len(fields) == 6 and fields[0] != "~")

    def settle(self) -> None:
        """Wait until the table, which grows in Linux 7.3, has stopped growing."""
        wait_until_stable(self._buckets)

    def _buckets(self) -> str:
        with self.host.inside():
            file = Path("/proc/thread-self/net/ip_vs_status")
            return file.read_text().partition("Conn buckets")[2][:20] if file.exists() else ""


class Nftables(Variant):
    """DNAT with connection tracking, round robin."""

    more = ""

    def start(self) -> None:
        run("modprobe", "-a", "nf_conntrack", "nft_chain_nat", "nft_numgen")
        Path("/sys/module/nf_conntrack/parameters/hashsize").write_text(str(CONNTRACK_BUCKETS))
        Path("/proc/sys/net/netfilter/nf_conntrack_max").write_text(str(MAX_CONNECTIONS))
        case, family = self.case, _NFT_FAMILY[self.case.family]
        choice = ", ".join(f"{number} : {real}" for number, real in enumerate(case.reals))
        self.host.run(
            *("nft", "-f", "-"),
            text=f"""
table {family} bench {{
	counter created {{ }}
	{self.more}
	chain pre {{
		type nat hook prerouting priority dstnat;
		{family} daddr {case.vips[0]} {case.protocol} dport {PORT} counter name created \
dnat to numgen inc mod {case.servers} map {{ {choice} }}
	}}
}}
""",
        )

    def created(self) -> int:
        """Return the count of the DNAT rule, which sees only the first packets of connections."""
        command = ("nft", "list", "counter", _NFT_FAMILY[self.case.family], "bench", "created")
        fields = self.host.run(*command).stdout.split()
        return int(fields[fields.index("packets") + 1])


class Flowtable(Nftables):
    """The same with a flow table, which sends packets of known flows from the ingress hook."""

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
    """The module limit, which does only what every balancer must do (limit/limit.c)."""

    bits = 22

    def start(self) -> None:
        options = (f"bits={self.bits}", f"method={self.case.method}")
        self.host.run("insmod", os.environ["LIMIT_MODULE"], *options)

    def created(self) -> int:
        return int(Path("/sys/module/limit/parameters/created").read_text())

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
    """Return the variant in LABEL, for example "ippfvs" for "ippfvs, 1,000 servers"."""
    return label.partition(",")[0]


def load(ipvs_bits: int | None = None, ippfvs_bits: int | None = None) -> None:
    """Reload both balancers with tables of 2^bits buckets. None means the default."""
    unload()
    ippfvs = os.environ["IPPFVS_MODULE"]
    needs = run("modinfo", "-F", "depends", ippfvs).strip().split(",")
    run("modprobe", "-a", "dummy", *filter(None, needs))
    run("insmod", ippfvs, f"conn_limit={MAX_CONNECTIONS}", *_bits(ippfvs_bits))
    run("modprobe", "ip_vs", *_bits(ipvs_bits))


def _bits(bits: int | None) -> list[str]:
    return [] if bits is None else [f"conn_tab_bits={bits}"]


def unload() -> None:
    """Remove both balancers. A namespace that is being destroyed holds IPVS for a moment."""
    loaded = [line.split()[0] for line in Path("/proc/modules").read_text().splitlines()]
    if "ippfvs" in loaded:
        run("rmmod", "ippfvs")
    for module in [each for each in loaded if each.startswith("ip_vs_")]:
        _retry("modprobe", "-r", module)
    if "ip_vs" in loaded:
        _retry("modprobe", "-r", "ip_vs")


def _retry(*command: str, limit_s: float = 60) -> None:
    until = time.monotonic() + limit_s
    while True:
        try:
            run(*command)
            return
        except RuntimeError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def wait_until_stable(
    value: Callable[[], object], still_s: float = 0.25, limit_s: float = 60
) -> None:
    """Return when VALUE() has not changed for STILL_S seconds."""
    now, since = value(), time.monotonic()
    until = since + limit_s
    while time.monotonic() - since < still_s:
        time.sleep(0.05)
        if (new := value()) != now:
            now, since = new, time.monotonic()
        if since > until:
            raise RuntimeError(f"it has not wait_until_stable within {limit_s:.0f} s: {now}")


@contextmanager
def directors(cases: dict[str, Case]) -> Iterator[dict[str, Variant]]:
    """Yield each variant of CASES, started in a separate namespace. All are removed at exit."""
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
    """Create the devices, the addresses, and permanent neighbours for the real servers."""
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
        # Without a link-local address IPv6 sends no packets of its own.
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
    for name, value in _SYSCTLS.items():
        host.sysctl(name, value)


_SYSCTLS = {
    "ipv4.ip_forward": 1,
    "ipv6.conf.all.forwarding": 1,
    "ipv4.conf.all.rp_filter": 0,
    "ipv4.conf.in0.rp_filter": 0,
    "ipv4.conf.out0.rp_filter": 0,
}
