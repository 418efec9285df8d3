# SPDX-License-Identifier: GPL-2.0
"""The states of a TCP connection, as a director sees them."""

from __future__ import annotations

from enum import IntEnum

from ..model import State
from ._built import lib
from .packets import TcpFlags


class Side(IntEnum):
    """Who sent a segment, and what the director sees of the connection."""

    CLIENT = 0  #: from the client; the server's segments are seen, too (NAT)
    SERVER = 1  #: from the server
    CLIENT_ONLY = 2  #: from the client, the only side seen (TUN, DR, Local Node)


def tcp_next(state: State, side: Side, flags: TcpFlags | int) -> State:
    """Return the state of a connection after one segment."""
    return State(lib.ippfvs_tcp_next(state, side, flags))


def tcp_reopens(state: State, flags: TcpFlags | int) -> bool:
    """Tell whether a segment from the client starts a new connection on an old entry."""
    return bool(lib.ippfvs_tcp_reopens(state, flags))
