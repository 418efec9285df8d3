# SPDX-License-Identifier: GPL-2.0
"""The kernel module's own code in Python: wire parsing, checksums, TCP states, schedulers.

What runs here is the very C that runs in ippfvs.ko, so that a simulation decides as
a director would::

    from pylvs.core import Scheduler

    farm = Scheduler("wlc", weights=[1, 2])
    for _ in range(300):
        server = farm.pick()
        farm.opened(server)
        farm.established(server)
    assert [farm.active(i) for i in range(2)] == [100, 200]
"""

from __future__ import annotations

from .packets import (
    Address,
    TcpFlags,
    Tuple,
    Unreadable,
    UnreadablePacket,
    Wire,
    csum,
    csum_update,
    csum_update_partial,
    read_packet,
)
from .scheduler import (
    REALS_MAX,
    WEIGHT_MAX,
    Scheduler,
    schedulers,
)
from .states import (
    Side,
    tcp_next,
    tcp_reopens,
)

__all__ = [
    "REALS_MAX",
    "WEIGHT_MAX",
    "Address",
    "Scheduler",
    "Side",
    "TcpFlags",
    "Tuple",
    "Unreadable",
    "UnreadablePacket",
    "Wire",
    "csum",
    "csum_update",
    "csum_update_partial",
    "read_packet",
    "schedulers",
    "tcp_next",
    "tcp_reopens",
]
