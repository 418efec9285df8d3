# SPDX-License-Identifier: GPL-2.0
"""The benchmarks, as data, with the targets of the project: ratios to IPVS, or bounds."""

from __future__ import annotations

from bench.farm import Case
from bench.model import Benchmark, Target, cost, figure, times
from bench.probes import cpus, known, many, new
from bench.streams import MANY

_TWO = ("ippfvs", "IPVS")
_ALL = (*_TWO, "plain", "flowtable", "nftables", "limit", "floor")
_BOTH = ("6.12", "newest")
_NEWEST = ("newest",)
MILLION = 1_000_000
_MOST = 167 * MANY


def _known(
    name: str,
    title: str,
    setting: known.Setting,
    variants: tuple[str, ...],
    *targets: Target,
    quick: tuple[str, ...] = (),
) -> Benchmark:
    return Benchmark(name, title, "known", setting, variants, targets, quick=quick, time_s=20)


def _method(method: str, family: int) -> Benchmark:
    variants = (*_TWO, "limit") if family == 4 else _TWO
    return _known(
        f"{method}{family}",
        f"{method.upper()}, IPv{family}, 60,000 flows",
        known.Setting(method, family),
        variants,
        times("IPVS", 2.0, 2.5),
    )


FORWARDING = (
    _known(
        "nat4",
        "NAT, IPv4, 60,000 flows",
        known.Setting(),
        _ALL,
        times("IPVS", 2.0, 2.5),
        quick=_BOTH,
    ),
    _known(
        "nat4-one",
        "NAT, IPv4, 1 flow",
        known.Setting(flows=1),
        (*_TWO, "plain", "flowtable", "limit"),
        times("plain", 1.0, 1.2),
        quick=_NEWEST,
    ),
    _known(
        "answers",
        "NAT answers, IPv4, TCP, 60,000 flows",
        known.Setting(protocol="tcp", answers=True),
        (*_TWO, "plain", "flowtable"),
        times("IPVS", 2.0, 2.2),
        times("plain", 1.0),
        quick=_BOTH,
    ),
    _known(
        "answers-one",
        "NAT answers, IPv4, TCP, 1 flow",
        known.Setting(protocol="tcp", answers=True, flows=1),
        (*_TWO, "plain", "flowtable"),
    ),
    _known(
        "gso",
        "NAT answers, IPv4, TCP, merged to 64 KB, 60,000 flows",
        known.Setting(protocol="tcp", answers=True, gso=True),
        (*_TWO, "plain", "flowtable"),
    ),
    *(_method(*each) for each in (("tun", 4), ("dr", 4), ("nat", 6), ("tun", 6), ("dr", 6))),
    _known(
        "nat4-default",
        "as nat4, but IPVS with its default table",
        known.Setting(ipvs_bits=None),
        _TWO,
    ),
    _known(
        "nat4-order",
        "NAT, IPv4, 60,000 flows in the order of their creation",
        known.Setting(stride=1),
        (*_TWO, "plain", "limit"),
        times("IPVS", 2.0, 2.5),
    ),
    _known(
        "answers-default",
        "as answers, but IPVS with its default table",
        known.Setting(protocol="tcp", answers=True, ipvs_bits=None),
        _TWO,
    ),
)


def _new_connections(protocol: str) -> Benchmark:
    return Benchmark(
        f"new-{protocol}",
        f"new {protocol.upper()} connections, 4 servers",
        "new",
        new.Setting(protocol=protocol),
        (*_TWO, "limit", "nftables"),
        (times("IPVS", 2.0, 3.0),),
        quick=_BOTH if protocol == "tcp" else (),
        time_s=25,
    )


def _scheduler(scheduler: str, *who: str) -> Benchmark:
    cases = {
        f"{name}, {servers:,}": Case(scheduler=scheduler, servers=servers)
        for name in who
        for servers in (1000, 4)
    }
    return Benchmark(
        f"pick-{scheduler}",
        f"{scheduler}: a connection to 1,000 servers, compared with 4 servers",
        "new",
        new.Setting(cases),
        tuple(cases),
        (cost("ippfvs, 4", 1.3),),
        kernels=_NEWEST,
        quick=_NEWEST if scheduler == "wlc" else (),
        time_s=15,
    )


_SERVICES = {
    f"{name}, {count:,}": Case(services=count, servers=1) for name in _TWO for count in (10_000, 10)
}
SCHEDULING = (
    _new_connections("udp"),
    _new_connections("tcp"),
    Benchmark(
        "new-default",
        "as new-udp, but IPVS with its default table",
        "new",
        new.Setting(ipvs_bits=None),
        _TWO,
        time_s=15,
    ),
    *(_scheduler(each, "ippfvs") for each in ("rr", "wrr", "lc")),
    _scheduler("wlc", *_TWO),
    Benchmark(
        "services",
        "connections to 10 of 10,000 services, compared with 10 services",
        "new",
        new.Setting(_SERVICES, busy=10),
        tuple(_SERVICES),
        (cost("ippfvs, 10", 1.1),),
        kernels=_NEWEST,
        time_s=30,
    ),
)

_MEMORY = {f"ippfvs, {count:,}": count for count in (600_000, MILLION, 1_400_000)}
_LOOKUP = {f"ippfvs, {count:,}": count for count in (_MOST, MANY)}
_LISTED = {f"{name}, {MILLION:,}": MILLION for name in _TWO}


def _rules(work: str, *targets: Target, time_s: float = 20) -> Benchmark:
    return Benchmark(
        f"rules-{work}",
        f"10,000 services × 10 servers: {work}",
        "rules",
        work,
        ("ippfvs",) if work == "replace" else _TWO,
        targets,
        unit="s",
        kernels=_NEWEST,
        time_s=time_s,
    )


CAPACITY = (
    Benchmark(
        "memory",
        "memory per IPv4 connection, with its share of the table",
        "many",
        many.Setting("memory", {**_MEMORY, f"IPVS, {MILLION:,}": MILLION}),
        (*_MEMORY, f"IPVS, {MILLION:,}"),
        tuple(figure(label, 112) for label in _MEMORY),
        unit="bytes",
        kernels=_NEWEST,
    ),
    Benchmark(
        "millions",
        "a packet among ten million connections, compared with 60,000",
        "many",
        many.Setting("lookup", _LOOKUP),
        tuple(_LOOKUP),
        (cost(f"ippfvs, {MANY:,}", 1.5),),
        kernels=_NEWEST,
        time_s=60,
    ),
    _rules("load", figure("ippfvs", 1.5), times("IPVS", 25), time_s=130),
    _rules("list", times("IPVS", 6), time_s=1),
    _rules("save", times("IPVS", 6), time_s=1),
    _rules("replace"),
    Benchmark(
        "list",
        "listing a million connections: time per connection",
        "many",
        many.Setting("listing", _LISTED),
        tuple(_LISTED),
        unit="s",
        kernels=_NEWEST,
    ),
    Benchmark(
        "command",
        "one command that adds a real server",
        "command",
        None,
        ("ippfvs", "IPVS", "Python", "libraries"),
        (figure("ippfvs", 0.120),),
        unit="s",
        kernels=_NEWEST,
        quick=_NEWEST,
        time_s=20,
    ),
)


def _web(name: str, title: str, *, close: bool) -> Benchmark:
    return Benchmark(
        name,
        f"HTTP, {title}",
        "http",
        close,
        (*_TWO, "plain"),
        (times("IPVS", 1.0), times("plain", 0.95)),
        unit="s",
        kernels=_NEWEST,
        time_s=45,
    )


WEB = (
    _web("http-keep", "16 persistent connections: time per request", close=False),
    _web("http-close", "one connection per request: time per request", close=True),
)


def _scaling(name: str, title: str, what: str, who: str, *targets: Target) -> Benchmark:
    variants = (f"{who}, 2 CPUs", who)
    return Benchmark(
        name, title, "cpus", cpus.Setting(what), variants, targets, kernels=("smp",), time_s=20
    )


SCALING = (
    _scaling("cpus-plain", "plain routing: two CPUs compared with one", "known", "plain"),
    _scaling(
        "cpus-known",
        "NAT, 60,000 flows: two CPUs compared with one",
        "known",
        "ippfvs",
        times("ippfvs", 1.85),
    ),
    _scaling("cpus-ipvs", "IPVS, NAT, 60,000 flows: two CPUs compared with one", "known", "IPVS"),
    _scaling(
        "cpus-new",
        "new connections: two CPUs compared with one",
        "new",
        "ippfvs",
        times("ippfvs", 1.85),
    ),
    Benchmark(
        "growth",
        "slowest batch of 64 known packets on one CPU while the other fills the table",
        "cpus",
        cpus.Setting("growth"),
        (cpus.GROWING, cpus.LARGE),
        (figure(cpus.GROWING, 0.001),),
        unit="s",
        kernels=("smp",),
        time_s=15,
    ),
)

BENCHMARKS: tuple[Benchmark, ...] = (*FORWARDING, *SCHEDULING, *CAPACITY, *WEB, *SCALING)
