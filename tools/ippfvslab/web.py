# SPDX-License-Identifier: GPL-2.0
"""A client's HTTP request, one connection each, on raw sockets: fast to start in a guest."""

from __future__ import annotations

import hashlib
import re
import socket
import sys
from dataclasses import dataclass

from ippfvslab.netns import Host

LIMIT_S = 60


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    status: int
    body: bytes

    @property
    def server(self) -> str:
        """The name of the server that answered `/`."""
        found = re.search(rb"<html>(\S+) ", self.body)
        return found[1].decode() if found else ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def get(
    client: Host, address: str, port: int, path: str = "/", source_port: int = 0, source: str = ""
) -> Reply:
    """GET PATH from CLIENT, from SOURCE and SOURCE_PORT when they are given.

    HTTP/1.0: the server closes first, so that the client's port is free at once.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with client.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(LIMIT_S)
        if source_port or source:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((source or ("::" if family == socket.AF_INET6 else "0.0.0.0"), source_port))
        sock.connect((address, port))
        sock.sendall(f"GET {path} HTTP/1.0\r\nHost: www\r\n\r\n".encode())
        pieces = []
        while piece := sock.recv(1 << 20):
            pieces.append(piece)
    head, _, body = b"".join(pieces).partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.\d (\d+)", head)
    if not status:
        raise ConnectionError(f"no HTTP reply from {address} port {port}: {head[:80]!r}")
    return Reply(int(status[1]), body)


def main() -> int:
    """Show what NAMESPACE gets from ADDRESS and PORT, or why it gets nothing."""
    name, address, port = sys.argv[1:]
    try:
        reply = get(Host(name), address, int(port))
    except (OSError, ValueError) as fault:
        print(f"{address} port {port}: {getattr(fault, 'strerror', None) or fault}")
        return 1
    print(reply.body.decode(), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
