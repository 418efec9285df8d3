# SPDX-License-Identifier: GPL-2.0
"""Debian's nginx, unpacked into the cache and run in a host; no service of the machine."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ippfvslab import daemon, debian, paths
from ippfvslab.farm import endpoint
from ippfvslab.netns import Host
from ippfvslab.say import Trouble

BIG_MB = 50

_HEAD = """\
daemon off;
master_process off;
pid {home}/pid;
error_log {home}/log;
events {{ worker_connections 4096; }}
"""

# It makes all of its folders at start, whether they are used or not.
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
    """Where nginx is, fetched when the cache has none."""
    return debian.program("nginx", "usr/sbin/nginx")


def cached() -> Path:
    """Where nginx is; a guest cannot fetch it."""
    found = sorted(paths.PROGRAMS.glob("nginx_*/usr/sbin/nginx"))
    if not found:
        raise Trouble("the cache has no nginx; run tools/lab demo or tools/lab test once")
    return found[-1]


def start(
    host: Host,
    command: Sequence[str],
    home: Path,
    config: str,
    listen: Sequence[tuple[str, int]],
    modules: Sequence[Path] = (),
) -> subprocess.Popen[str]:
    """Start the nginx of COMMAND with MODULES in HOST; return when it listens where CONFIG has it.

    :param home: an empty folder, which CONFIG may name
    :param config: what follows after the settings of a program that ends with its farm
    """
    load = "".join(f"load_module {module};\n" for module in modules)
    (home / "conf").write_text(load + _HEAD.format(home=home) + config)
    log = home / "log"
    words = [*command, "-p", str(home), "-c", str(home / "conf"), "-e", str(log)]
    return daemon.start(host, "nginx", words, listen, log)


def serve(host: Host, name: str, *listen: tuple[str, int]) -> subprocess.Popen[str]:
    """Start nginx in HOST on each address and port of LISTEN; return when it answers.

    `/` is "<html>NAME address:port</html>", `/big` a file of BIG_MB megabytes.
    """
    home = daemon.new_home(f"nginx-{name}")
    lines = "\n".join(f"        listen {endpoint(*each)} backlog=4096;" for each in listen)
    (home / "big").symlink_to(_big_file_of_all())
    config = _SERVE.format(home=home, listen=lines, name=name)
    return start(host, [str(cached())], home, config, listen)


@functools.cache
def _big_file_of_all() -> Path:
    """The one big file that every server has: writing it takes longer than starting nginx."""
    path = daemon.new_home("big") / "big"
    big_file(path)
    return path


def big_file(path: Path) -> None:
    """BIG_MB megabytes in which no two blocks are alike."""
    block = bytes(range(256)) * 255
    with path.open("wb") as file:
        for number in range((BIG_MB << 20) // 65536):
            file.write(number.to_bytes(256, "big") + block)
