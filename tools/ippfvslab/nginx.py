# SPDX-License-Identifier: GPL-2.0
"""Debian's nginx, unpacked into the cache and run in a host; no service of the machine."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from pathlib import Path

from ippfvslab import debian, paths
from ippfvslab.farm import endpoint
from ippfvslab.netns import Host
from ippfvslab.say import Trouble

BIG_MB = 50
START_LIMIT_S = 60

_CONFIG = """\
daemon off;
master_process off;
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    types {{ }}
    default_type text/html;
    server {{
{listen}
        root {home};
        location /big {{ }}
        location / {{ return 200 "<html>{name} $server_addr:$server_port</html>\\n"; }}
    }}
}}
"""


def program() -> Path:
    """Where nginx is, fetched when the cache has none."""
    return debian.program("nginx", "usr/sbin/nginx")


def cached() -> Path:
    """Where nginx is; a guest cannot fetch it."""
    found = sorted(paths.PROGRAMS.glob("nginx_*/usr/sbin/nginx"))
    if not found:
        raise Trouble("the cache has no nginx; run tools/lab demo or tools/lab test once")
    return found[-1]


def serve(host: Host, name: str, *listen: tuple[str, int]) -> subprocess.Popen[str]:
    """Start nginx in HOST on each address and port of LISTEN; return when it answers.

    `/` is "<html>NAME address:port</html>", `/big` a file of BIG_MB megabytes.
    """
    home = Path(tempfile.mkdtemp(prefix=f"nginx-{name}-", dir="/tmp"))
    lines = "\n".join(f"        listen {endpoint(*each)} backlog=4096;" for each in listen)
    (home / "nginx.conf").write_text(_CONFIG.format(home=home, listen=lines, name=name))
    big_file(home / "big")
    child = host.popen(
        str(cached()),
        "-p",
        str(home),
        "-c",
        str(home / "nginx.conf"),
        "-e",
        str(home / "error.log"),
    )
    limit = time.monotonic() + START_LIMIT_S
    while not all(listens(host, *each) for each in listen):
        if child.poll() is not None or time.monotonic() > limit:
            raise Trouble(f"nginx did not start in {host.name}: {_log(home)}")
        time.sleep(0.05)
    return child


def big_file(path: Path) -> None:
    """BIG_MB megabytes in which no two blocks are alike."""
    block = bytes(range(256)) * 255
    with path.open("wb") as file:
        for number in range((BIG_MB << 20) // 65536):
            file.write(number.to_bytes(256, "big") + block)


def listens(host: Host, address: str, port: int) -> bool:
    """Whether HOST takes connections at ADDRESS and PORT."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    if address in ("0.0.0.0", "::"):
        address = "127.0.0.1" if family == socket.AF_INET else "::1"
    with host.socket(family, socket.SOCK_STREAM) as probe:
        return probe.connect_ex((address, port)) == 0


def _log(home: Path) -> str:
    log = home / "error.log"
    return log.read_text().strip() if log.exists() else "no log"
