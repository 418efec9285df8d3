# SPDX-License-Identifier: GPL-2.0
"""The warm-up, which prevents an emulated kernel from patching its code while packets run it.

The kernel switches some features by patching instructions: when a feature gets its first user and
when it loses the last one (netfilter's hooks, time stamps of packets), or once after the first use
(secrets of hash tables). QEMU with two emulated CPUs sometimes dies with "Oops: int3" if a packet
runs that code at the same time. So a guest uses each of these features from before its job begins
until the job ends.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time

from ippfvslab.capture import SO_TIMESTAMPNS

HOOKS = ("prerouting", "input", "forward", "output", "postrouting")
DISCARD = 9
PATCHING_S = 0.5


def run() -> socket.socket:
    """Use these features in the guest's own namespace. The caller keeps the result open."""
    chains = "".join(f"chain {hook} {{ type filter hook {hook} priority 0; }}\n" for hook in HOOKS)
    table = f"table inet lab {{\n{chains}}}\n"
    subprocess.run(["nft", "-f", "-"], input=table, text=True, check=True)
    stamped = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stamped.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(family, kind) as sock, contextlib.suppress(ConnectionRefusedError):
                sock.connect((address, DISCARD))
                sock.send(b"warm-up")
    time.sleep(PATCHING_S)
    return stamped
