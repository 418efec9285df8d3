# SPDX-License-Identifier: GPL-2.0
"""Balancers that end a connection and begin another, as programs of the director."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ippfvslab import daemon, nginx
from ippfvslab.bench.programs import HAPROXY, NGINX
from ippfvslab.netns import Host

Ends = Sequence[str]
"""Addresses with ports, as the programs write them."""

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
    bind {address}:{port} backlog 4096
    default_backend farm
backend farm
    balance roundrobin
{servers}
"""


def start_haproxy(host: Host, vip: tuple[str, int], ends: Ends) -> None:
    """Start HAProxy in HOST at VIP before ENDS; return when it listens."""
    home = daemon.new_home("haproxy")
    servers = "\n".join(f"    server s{number} {end}" for number, end in enumerate(ends))
    config = _HAPROXY.format(address=vip[0], port=vip[1], servers=servers)
    (home / "conf").write_text(config)
    command = HAPROXY.command("-db", "-f", str(home / "conf"))
    daemon.start(host, "HAProxy", command, [vip], home / "log")


def start_nginx_stream(host: Host, vip: tuple[str, int], ends: Ends) -> None:
    """Start nginx in HOST as a balancer of TCP at VIP before ENDS; return when it listens."""
    servers = "\n".join(f"        server {end};" for end in ends)
    module = NGINX.folder / "usr/lib/nginx/modules/ngx_stream_module.so"
    config = _STREAM.format(address=vip[0], port=vip[1], servers=servers)
    home = daemon.new_home("nginx-stream")
    nginx.start(host, NGINX.command(), home, config, [vip], [module])


PROXIES: dict[str, Callable[[Host, tuple[str, int], Ends], None]] = {
    "HAProxy": start_haproxy,
    "nginx stream": start_nginx_stream,
}
