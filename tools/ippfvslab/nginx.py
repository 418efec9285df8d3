# SPDX-License-Identifier: GPL-2.0
"""Debian's nginx, unpacked into the cache and started in a host of a farm.

It is never installed, so it is not a service of the machine.
"""

from __future__ import annotations

import functools
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ippfvslab import clients, debian, paths
from ippfvslab.farm import endpoint
from ippfvslab.log import LabError
from ippfvslab.netns import Host

BIG_MB = 50
START_LIMIT_S = 60

_HEAD = """\
daemon off;
master_process off;
pid {home}/pid;
error_log {home}/log;
events {{ worker_connections 4096; }}
"""

# nginx creates all of these folders at start, whether it uses them or not.
HTTP = """\
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    types {{ }}
"""

_SERVE = (
    "http {{\n"
    + HTTP
    + """\
    default_type text/html;
    server {{
{listen}
        root {home};
        location /big {{ }}
        location / {{ return 200 "<html>{name} $server_addr:$server_port</html>\\n"; }}
    }}
}}
"""
)


def program() -> Path:
    """Return the path of nginx. It is downloaded if the cache does not have it."""
    return debian.program("nginx", "usr/sbin/nginx")


def cached() -> Path:
    """Return the path of nginx in the cache. A guest cannot download it."""
    found = sorted(paths.PROGRAMS.glob("nginx_*/usr/sbin/nginx"))
    if not found:
        raise LabError("the cache has no nginx; run tools/lab demo or tools/lab test once")
    return found[-1]


def new_home(name: str) -> Path:
    """Create an empty folder for the server NAME in the guest's own /tmp."""
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir="/tmp"))


def start(
    host: Host,
    command: Sequence[str],
    home: Path,
    config: str,
    listen: Sequence[tuple[str, int]],
) -> subprocess.Popen[str]:
    """Start nginx in HOST and return when it accepts connections at each address of LISTEN.

    :param command: the program, with its environment if it needs one
    :param home: an empty folder for its files, which CONFIG may name
    :param config: the configuration that follows the common settings
    :param listen: the addresses and ports that CONFIG listens on
    :raises LabError: if nginx does not listen in time; the text has its log
    """
    (home / "conf").write_text(_HEAD.format(home=home) + config)
    log = home / "log"
    arguments = [*command, "-p", str(home), "-c", str(home / "conf"), "-e", str(log)]
    with log.open("a") as output:
        child = host.popen(*arguments, stdout=output)
    limit = time.monotonic() + START_LIMIT_S
    while not all(_listens(host, *each) for each in listen):
        if child.poll() is not None or time.monotonic() > limit:
            raise LabError(f"nginx did not start in {host.name}: {log.read_text().strip()}")
        time.sleep(0.02)
    return child


def _listens(host: Host, address: str, port: int) -> bool:
    family = clients.family_of(address)
    if address in ("0.0.0.0", "::"):
        address = "127.0.0.1" if address == "0.0.0.0" else "::1"
    with host.socket(family, socket.SOCK_STREAM) as probe:
        return probe.connect_ex((address, port)) == 0


def serve(host: Host, name: str, *listen: tuple[str, int]) -> subprocess.Popen[str]:
    """Start nginx in HOST on each address and port of LISTEN, and return when it answers.

    The page `/` is "<html>NAME address:port</html>". The page `/big` has BIG_MB megabytes.
    """
    home = new_home(f"nginx-{name}")
    lines = "\n".join(f"        listen {endpoint(*each)} backlog=4096;" for each in listen)
    (home / "big").symlink_to(_shared_big_file())
    config = _SERVE.format(home=home, listen=lines, name=name)
    return start(host, [str(cached())], home, config, listen)


@functools.cache
def _shared_big_file() -> Path:
    """Create the big file of all servers once. Writing it takes longer than starting nginx."""
    path = new_home("big") / "big"
    big_file(path)
    return path


def big_file(path: Path) -> None:
    """Write BIG_MB megabytes to PATH. No two blocks are equal."""
    block = bytes(range(256)) * 255
    with path.open("wb") as file:
        for number in range((BIG_MB << 20) // 65536):
            file.write(number.to_bytes(256, "big") + block)
