# SPDX-License-Identifier: GPL-2.0
"""The probe of real HTTP: wrk, a director and nginx, all on one CPU at native speed.

    client ──── director of each variant ──┬── server1     veth devices; nginx on both servers,
                                           └── server2     wrk in the client

All directors exist at the same time. Each is between the same client and servers, in separate
networks. The CPU is never idle, so the cost of a request is the sum for client, director and
servers.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ippfvslab import netns, nginx
from ippfvslab.netns import Host

from bench import commands
from bench.farm import VARIANTS, Case, Variant, load
from bench.model import Benchmark, Record
from bench.trials import run_trials

CONNECTIONS = 16
SECONDS = 1
BODY = "x" * 128
HEADER_LIMIT = 400
MIN_SHARE = 0.25
"""The minimum share of the packets that each of the two servers must receive."""
_SERVE = (
    "http {{\n"
    + nginx.HTTP
    + """\
    keepalive_requests 100000000;
    default_type text/plain;
    server {{
        listen 0.0.0.0:80 backlog=4096;
        location / {{ return 200 "{body}"; }}
    }}
}}
"""
)
# By default wrk uses one address. Here each connection has a thread with its own address. So the
# connections alternate between the servers without a balancer, too.
_SCRIPT = """\
local turn = 0
function setup(thread)
    local addresses = {{ {addresses} }}
    thread.addr = wrk.lookup(addresses[turn % #addresses + 1], "80")[1]
    turn = turn + 1
end
function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\\n{{"requests": %d, "us": %d, "bytes": %d, "errors": %d, "p99_us": %f}}\\n',
        summary.requests, summary.duration, summary.bytes,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout,
        latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class WebCase(Case):
    """The rules of one director. NUMBER is part of the addresses of its networks."""

    number: int = 1

    @property
    def vips(self) -> list[str]:
        return [f"10.0.0.{self.number}"]

    @property
    def reals(self) -> list[str]:
        return [f"172.16.{self.number}.2", f"172.17.{self.number}.2"]


def measure(benchmark: Benchmark, until: float) -> Record:
    """Measure the trials. Each one is a run of wrk through each variant."""
    load()
    close: bool = benchmark.setting
    p99: dict[str, list[float]] = {label: [] for label in benchmark.variants}
    with _farm(benchmark.variants) as (client, servers, variants):

        def trial_of(label: str) -> Callable[[], float]:
            def trial() -> float:
                before = list(map(_received, servers))
                seen = _run_wrk(client, variants[label], close=close)
                received = [
                    now - was for now, was in zip(map(_received, servers), before, strict=True)
                ]
                check_replies(label, seen, received)
                p99[label].append(seen["p99_us"])
                return seen["us"] / 1e6 / seen["requests"]

            return trial

        found = run_trials({label: trial_of(label) for label in benchmark.variants}, until, most=40)
        if close and (created := variants["ippfvs"].created()) is not None and not created:
            raise RuntimeError("ippfvs created no connections")
    for label, each in p99.items():
        found.facts[f"99 of 100 answers, {label}"] = f"{sorted(each)[len(each) // 2] / 1000:.2f} ms"
    return found


def check_replies(label: str, seen: dict[str, float], received: list[int]) -> None:
    """Raise RuntimeError unless all requests were answered and both servers RECEIVED packets."""
    if seen["errors"] or not seen["requests"]:
        raise RuntimeError(f"{label}: {seen['errors']} errors in {seen['requests']} requests")
    if not len(BODY) < seen["bytes"] / seen["requests"] < len(BODY) + HEADER_LIMIT:
        raise RuntimeError(f"{label}: {seen['requests']} answers of {seen['bytes']} bytes in all")
    if min(received) < MIN_SHARE * max(sum(received), seen["requests"]):
        raise RuntimeError(f"{label}: {received} packets for {seen['requests']} requests")


def _run_wrk(client: Host, variant: Variant, *, close: bool) -> dict[str, float]:
    """Run wrk with the VIP of VARIANT or, if it has none, with its servers."""
    addresses = variant.case.reals if variant.direct else variant.case.vips
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_SCRIPT.format(addresses=", ".join(f'"{each}"' for each in addresses)))
        script.flush()
        arguments = (f"-t{CONNECTIONS}", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", script.name)
        more = ("-H", "Connection: close") if close else ()
        command = commands.WRK.command(*arguments, *more, f"http://{addresses[0]}:80/")
        output = client.run(*command).stdout
    found: dict[str, float] = json.loads(output.strip().splitlines()[-1])
    return found


def _received(server: Host) -> int:
    """Return the number of packets that SERVER has received on its veth devices so far."""
    text = server.call(Path("/proc/thread-self/net/dev").read_text)
    devices = [
        each.split(":")[1].split() for each in text.splitlines() if " v" in f" {each.strip()}"
    ]
    return sum(int(fields[1]) for fields in devices)


@contextmanager
def _farm(labels: tuple[str, ...]) -> Iterator[tuple[Host, list[Host], dict[str, Variant]]]:
    """Yield the client, the servers with nginx, and each variant in its director."""
    client, servers = Host("client"), [Host("server1"), Host("server2")]
    with ExitStack() as stack:
        for host in (client, *servers):
            _host(stack, host)
        variants = {}
        for number, label in enumerate(labels, 1):
            director = Host(f"v{number}")
            _host(stack, director)
            case = WebCase(protocol="tcp", servers=2, number=number)
            _connect(director, client, servers, case)
            variants[label] = VARIANTS[label](director, case)
            variants[label].start()
        for server in servers:
            home = nginx.new_home(f"nginx-{server.name}")
            config = _SERVE.format(home=home, body=BODY)
            nginx.start(server, commands.NGINX.command(), home, config, [("0.0.0.0", 80)])
        yield client, servers, variants


def _host(stack: ExitStack, host: Host) -> None:
    netns.ip([f"netns add {host.name}"])
    stack.callback(netns.ip, [f"netns del {host.name}"])
    stack.callback(host.end_children)
    host.ip("link set lo up")
    host.sysctl("ipv4.ip_local_port_range", "1024 65000")
    host.sysctl("ipv4.conf.all.rp_filter", 0)


def _connect(director: Host, client: Host, servers: list[Host], case: WebCase) -> None:
    """Connect DIRECTOR to CLIENT and SERVERS by veth. Replies return by the same path."""
    number = case.number
    ends = [(client, f"198.18.{number}", [f"{vip}/32" for vip in case.vips])]
    ends += [(each, case.reals[at].rpartition(".")[0], []) for at, each in enumerate(servers)]
    reals = [f"{real}/32" for real in case.reals]
    for at, (host, network, _) in enumerate(ends):
        peer = f"peer name v{number} netns {host.name}"
        netns.ip([f"link add c{at} netns {director.name} type veth {peer}"])
        director.ip(f"addr add {network}.1/24 dev c{at}", f"link set c{at} up")
        host.ip(f"addr add {network}.2/24 dev v{number}", f"link set v{number} up")
    client.ip(*(f"route add {each} via 198.18.{number}.1" for each in (*ends[0][2], *reals)))
    for at, server in enumerate(servers):
        server.ip(f"route add 198.18.{number}.0/24 via {ends[1 + at][1]}.1")
    director.ip(*(f"addr add {vip}/32 dev lo" for vip in case.vips))
    director.sysctl("ipv4.ip_forward", 1)
    director.sysctl("ipv4.conf.all.rp_filter", 0)
