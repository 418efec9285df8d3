# SPDX-License-Identifier: GPL-2.0
"""What keeps an emulated kernel from rewriting its own code under running packets.

Some features of the kernel are switched by patching instructions when their first user comes and
when the last one goes: netfilter's hooks, time stamps of packets. QEMU emulating two CPUs dies now
and then when a packet runs that code meanwhile: "Oops: int3". So a guest has one user of each for
as long as its job lasts.
"""

from __future__ import annotations

import socket
import subprocess

from ippfvslab.wire import SO_TIMESTAMPNS

HOOKS = ("prerouting", "input", "forward", "output", "postrouting")


def code() -> socket.socket:
    """Use hooks and time stamps in the guest's own namespace; keep what is returned."""
    chains = "".join(f"chain {hook} {{ type filter hook {hook} priority 0; }}\n" for hook in HOOKS)
    table = f"table inet lab {{\n{chains}}}\n"
    subprocess.run(["nft", "-f", "-"], input=table, text=True, check=True)
    stamped = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stamped.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return stamped
