# SPDX-License-Identifier: GPL-2.0
"""What keeps an emulated kernel from rewriting its own code under running packets.

Some features of the kernel are switched by patching instructions: when their first user comes and
when the last one goes (netfilter's hooks, time stamps of packets), or once, after the first use
(secrets of hash tables). QEMU emulating two CPUs dies now and then when a packet runs that code
meanwhile: "Oops: int3". So a guest uses each of them before its job begins, and until it ends.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time

from ippfvslab.wire import SO_TIMESTAMPNS

HOOKS = ("prerouting", "input", "forward", "output", "postrouting")
DISCARD = 9
PATCHED_S = 0.5


def code() -> socket.socket:
    """Use what is switched in the guest's own namespace; keep what is returned."""
    chains = "".join(f"chain {hook} {{ type filter hook {hook} priority 0; }}\n" for hook in HOOKS)
    table = f"table inet lab {{\n{chains}}}\n"
    subprocess.run(["nft", "-f", "-"], input=table, text=True, check=True)
    stamped = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stamped.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(family, kind) as sock, contextlib.suppress(ConnectionRefusedError):
                sock.connect((address, DISCARD))
                sock.send(b"first of all")
    time.sleep(PATCHED_S)
    return stamped
