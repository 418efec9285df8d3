# SPDX-License-Identifier: GPL-2.0
"""Real HTTP through a director: its farm, its programs and what wrk saw.

client ──── director ──┬── server1 172.16.0.2      cables of veth; nginx on both servers,
198.18.0.2  10.0.0.100 └── server2 172.16.0.3      wrk in the client, a thread a connection

The director is the guest's own namespace, as for every lane; the others have one each.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ippfvslab import netns, nginx
from ippfvslab.bench import director
from ippfvslab.bench.programs import HAPROXY, NGINX, WRK
from ippfvslab.bench.shell import run
from ippfvslab.netns import Host
from ippfvslab.say import Trouble

VIP, PORT = director.VIP[4], 80
SERVERS = director.reals(4, 2)
BODY = "x" * 128
DEVICES = ("in0", "out0", "out1")
CONNECTIONS = 16
START_LIMIT_S = 20
PORT_RANGE = "/proc/sys/net/ipv4/ip_local_port_range"
NET_DEV = "/proc/thread-self/net/dev"


_NGINX = """\
daemon off;
master_process off;
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 4096; }}
"""

_SERVE = """\
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    types {{ }}
    default_type text/plain;
    server {{
        listen {address}:{port} backlog=4096;
        location / {{ return 200 "{body}"; }}
    }}
}}
"""

_STREAM = """\
stream {{
    upstream farm {{
{servers}
    }}
    server {{
        listen {address}:{port} backlog=4096;
        proxy_pass farm;
    }}
}}
"""

_HAPROXY = """\
global
    nbthread 1
    maxconn 4096
defaults
    mode tcp
    timeout connect 10s
    timeout client 60s
    timeout server 60s
frontend vip
    bind {vip}:{port} backlog 4096
    default_backend farm
backend farm
    balance roundrobin
{servers}
"""

# wrk by itself asks one address. Each connection has a thread, so that without a balancer every
# other one goes to the other server, as it goes with one.
_SCRIPT = """\
local turn = 0
function setup(thread)
    local addresses = {{ {addresses} }}
    thread.addr = wrk.lookup(addresses[turn % #addresses + 1], "{port}")[1]
    turn = turn + 1
end
function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\\n{{"requests": %d, "microseconds": %d, "bytes": %d, "errors": %d, ' ..
        '"p50_us": %f, "p99_us": %f}}\\n',
        summary.requests, summary.duration, summary.bytes,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout,
        latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Asked:
    """Whom the client asks, and from which of its ports.

    No port asks both: what a server remembers for a minute of a port that talked to itself would
    refuse one whose sequence numbers and times count from the VIP's.
    """

    addresses: Sequence[str]
    ports: str


THE_VIP = Asked([VIP], "1024 32999")
THE_SERVERS = Asked(SERVERS, "33000 65000")


@dataclass(frozen=True)
class Seen:
    """What wrk saw in one run."""

    requests: int
    microseconds: int
    bytes: int
    errors: int
    """Refused, reset, timed out, or answered by a status above 399."""
    p50_us: float
    p99_us: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests * 1e6 / self.microseconds


def parse(output: str) -> Seen:
    """The line of JSON at the end of what wrk printed."""
    return Seen(**json.loads(output.strip().splitlines()[-1]))


class WebFarm:
    """The hosts, up, and nginx on both servers; one for all lanes."""

    def __init__(self) -> None:
        self.client, self.director = Host("client"), Host("director")
        self.servers = [Host("server1"), Host("server2")]
        self._ports = Path(PORT_RANGE).read_text()

    def __enter__(self) -> WebFarm:
        try:
            self._build()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _build(self) -> None:
        run("ip", "netns", "attach", self.director.name, str(os.getpid()))
        _wire(self.client, DEVICES[0], "198.18.0.2", "198.18.0.1")
        for number, server in enumerate(self.servers):
            _wire(server, DEVICES[1 + number], SERVERS[number], "172.16.0.1")
            start_nginx(server, _SERVE, SERVERS[number])
        netns.ip([f"addr add {VIP}/32 dev {DEVICES[0]}"])
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        Path(PORT_RANGE).write_text("1024 65000")

    def _close(self) -> None:
        for host in (self.client, self.director, *self.servers):
            host.end_children()
        there = {link.name for link in Path("/sys/class/net").iterdir()}
        netns.ip([f"link del {device}" for device in DEVICES if device in there])
        hosts = (self.client, self.director, *self.servers)
        netns.ip([f"netns del {host.name}" for host in hosts if host.path.exists()])
        Path(PORT_RANGE).write_text(self._ports)

    def ask(self, asked: Asked, seconds: int, *, close: bool) -> Seen:
        """Have wrk in the client ask ASKED, with CLOSE each time over a new connection."""
        self.client.call(Path(PORT_RANGE).write_text, asked.ports)
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            quoted = ", ".join(f'"{address}"' for address in asked.addresses)
            script.write(_SCRIPT.format(addresses=quoted, port=PORT))
            script.flush()
            url = f"http://{asked.addresses[0]}:{PORT}/"
            done = self.client.run(
                *WRK.command(*words(seconds, close=close), "-s", script.name, url)
            )
        return parse(done.stdout)

    def delivered(self) -> list[int]:
        """How many packets each server has received so far."""
        return [
            int(server.call(Path(NET_DEV).read_text).partition("eth0:")[2].split()[1])
            for server in self.servers
        ]


def words(seconds: int, *, close: bool) -> list[str]:
    """Wrk's own."""
    return [
        *(f"-t{CONNECTIONS}", f"-c{CONNECTIONS}", f"-d{seconds}s"),
        *(("-H", "Connection: close") if close else ()),
    ]


def _wire(host: Host, device: str, address: str, gateway: str) -> None:
    """Make HOST and a cable to it from the director's DEVICE."""
    netns.ip(
        [
            f"netns add {host.name}",
            f"link add {device} type veth peer name eth0 netns {host.name}",
            f"link set {device} up",
            f"addr add {gateway}/32 dev {device}",
            f"route add {address}/32 dev {device} src {gateway}",
        ]
    )
    host.ip(
        *("link set lo up", "link set eth0 up", f"addr add {address}/32 dev eth0"),
        f"route add {gateway}/32 dev eth0",
        f"route add default via {gateway}",
    )


def start_nginx(host: Host, config: str, address: str, *modules: str) -> None:
    """Start nginx with MODULES in HOST by CONFIG on ADDRESS; return when it answers."""
    home = Path(tempfile.mkdtemp(prefix="nginx-"))
    folder = NGINX.folder / "usr/lib/nginx/modules"
    load = "".join(f"load_module {folder / module}.so;\n" for module in modules)
    servers = "".join(f"        server {each}:{PORT};\n" for each in SERVERS)
    rest = config.format(home=home, address=address, port=PORT, body=BODY, servers=servers)
    (home / "conf").write_text(load + _NGINX.format(home=home) + rest)
    words = ["-p", str(home), "-c", str(home / "conf"), "-e", str(home / "error.log")]
    _start(host, NGINX.command(*words), home, address)


def start_haproxy(host: Host, address: str) -> None:
    """Start HAProxy in HOST on ADDRESS; return when it answers."""
    home = Path(tempfile.mkdtemp(prefix="haproxy-"))
    servers = "".join(f"    server s{n} {each}:{PORT}\n" for n, each in enumerate(SERVERS))
    (home / "conf").write_text(_HAPROXY.format(vip=address, port=PORT, servers=servers))
    _start(host, HAPROXY.command("-db", "-f", str(home / "conf")), home, address)


def start_nginx_stream(host: Host, address: str) -> None:
    """Start nginx in HOST as a balancer of TCP on ADDRESS; return when it answers."""
    start_nginx(host, _STREAM, address, "ngx_stream_module")


def _start(host: Host, command: list[str], home: Path, address: str) -> None:
    with (home / "said").open("w") as said:
        child = host.popen(*command, stdout=said)
    limit = time.monotonic() + START_LIMIT_S
    while not nginx.listens(host, address, PORT):
        if child.poll() is not None or time.monotonic() > limit:
            raise Trouble(f"{command[2]} did not start: {(home / 'said').read_text()}")
        time.sleep(0.02)


PROXIES: dict[str, Callable[[Host, str], None]] = {
    "HAProxy": start_haproxy,
    "nginx stream": start_nginx_stream,
}
"""Balancers that end a connection and begin another, as programs of the director."""
