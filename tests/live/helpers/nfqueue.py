# SPDX-License-Identifier: GPL-2.0
"""A user-space program that accepts queued packets, as an intrusion prevention system does."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ippfvslab.netns import Host

# <linux/netfilter/nfnetlink.h>, <linux/netfilter/nfnetlink_queue.h>
NETLINK_NETFILTER = 12
PACKET, VERDICT, CONFIG = (3 << 8 | kind for kind in range(3))
NLM_F_REQUEST = 1
CFG_CMD, CFG_PARAMS, BIND, COPY_META = 1, 2, 1, 1
PACKET_HDR, VERDICT_HDR, ACCEPT = 1, 2, 1
HEADERS = 20


@contextmanager
def accepting_queue(host: Host, queue: int) -> Iterator[list[int]]:
    """Accept every packet in QUEUE of HOST. Yield the list of their packet numbers."""
    seen: list[int] = []
    over = threading.Event()
    with host.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as sock:
        sock.bind((0, 0))
        sock.settimeout(0.1)
        _send(sock, CONFIG, queue, CFG_CMD, struct.pack("!BBH", BIND, 0, 0))
        _send(sock, CONFIG, queue, CFG_PARAMS, struct.pack("!IB", 0, COPY_META))
        thread = threading.Thread(
            target=_accept_packets, args=(sock, queue, seen, over), daemon=True
        )
        thread.start()
        try:
            yield seen
        finally:
            over.set()
            thread.join()


def _accept_packets(
    sock: socket.socket, queue: int, seen: list[int], over: threading.Event
) -> None:
    while not over.is_set():
        with suppress(TimeoutError):
            message = sock.recv(65536)
            if struct.unpack_from("=H", message, 4)[0] == PACKET:
                number = _number(message)
                _send(sock, VERDICT, queue, VERDICT_HDR, struct.pack("!II", ACCEPT, number))
                seen.append(number)


def _number(message: bytes) -> int:
    """Return the packet's number in the queue, which is in the first attribute."""
    size, kind = struct.unpack_from("=HH", message, HEADERS)
    assert (size, kind) == (11, PACKET_HDR)
    return int(struct.unpack_from("!I", message, HEADERS + 4)[0])


def _send(sock: socket.socket, kind: int, queue: int, attribute: int, data: bytes) -> None:
    body = struct.pack("!BBH", 0, 0, queue)
    body += struct.pack("=HH", 4 + len(data), attribute) + data + bytes(-len(data) % 4)
    sock.send(struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST, 0, 0) + body)
