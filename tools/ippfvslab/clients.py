# SPDX-License-Identifier: GPL-2.0
"""Clients of the farms: TCP and UDP sockets that talk to echo servers, and HTTP requests.

They use plain sockets, because larger HTTP libraries take seconds to import in an emulated guest.
`python -m ippfvslab.clients NAMESPACE ADDRESS PORT` makes one HTTP request and prints the reply.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import selectors
import socket
import sys
from dataclasses import dataclass

from ippfvslab.netns import Host

LIMIT_S = 60
# Linux assigns ephemeral ports from 32768 on, so these do not collide with them.
_FRESH_PORTS = itertools.cycle(range(20_000, 32_000))
_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def family_of(address: str) -> socket.AddressFamily:
    """Return the socket family of ADDRESS."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def connect(
    host: Host,
    protocol: str,
    address: str,
    port: int,
    source_port: int = 0,
    limit_s: float = LIMIT_S,
) -> socket.socket:
    """Return a socket of HOST that is connected to ADDRESS and receives from no other address.

    A UDP socket gets a source port that was not used recently. The director remembers UDP flows,
    so a random port could reuse the connection of another test.
    """
    family = family_of(address)
    sock = host.socket(family, _KINDS[protocol])
    try:
        sock.settimeout(limit_s)
        if source_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif protocol == "udp":
            source_port = next(_FRESH_PORTS)
        if source_port:
            sock.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", source_port))
        sock.connect((address, port))
    except BaseException:
        sock.close()
        raise
    return sock


def request(sock: socket.socket, data: bytes = b"hello") -> str:
    """Send DATA over SOCK and return the name of the echo server that sends it back."""
    sock.sendall(data)
    answer = b""
    while not answer.endswith(b":" + data):
        piece = sock.recv(65536)
        if not piece:
            raise ConnectionError(f"the server closed the connection after {answer!r}")
        answer += piece
    return answer[: -len(data) - 1].decode()


def request_once(
    host: Host,
    protocol: str,
    address: str,
    port: int,
    source_port: int = 0,
    limit_s: float = LIMIT_S,
) -> str:
    """Make one request over a new connection and return the name of the echo server."""
    with connect(host, protocol, address, port, source_port, limit_s) as sock:
        return request(sock)


def connect_many(host: Host, address: str, port: int, count: int) -> list[socket.socket]:
    """Open COUNT TCP connections at the same time and return their sockets."""
    family = family_of(address)
    waiting = selectors.DefaultSelector()
    socks = []
    with host.inside():
        for _ in range(count):
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setblocking(False)
            sock.connect_ex((address, port))
            waiting.register(sock, selectors.EVENT_WRITE)
            socks.append(sock)
    while waiting.get_map():
        ready = waiting.select(LIMIT_S)
        if not ready:
            pending = len(waiting.get_map())
            raise TimeoutError(f"{pending} of {count} connections are not established")
        for key, _events in ready:
            waiting.unregister(key.fileobj)
    waiting.close()
    for sock in socks:
        sock.setblocking(True)
        sock.settimeout(LIMIT_S)
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise ConnectionError(error, f"a connection to {address} port {port} failed")
    return socks


def reset(sock: socket.socket) -> None:
    """Close a TCP connection with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    sock.close()


@dataclass(frozen=True)
class HttpReply:
    """The reply of a web server."""

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


def http_get(
    client: Host, address: str, port: int, path: str = "/", source_port: int = 0, source: str = ""
) -> HttpReply:
    """Send a GET request for PATH from CLIENT, bound to SOURCE and SOURCE_PORT if given.

    In HTTP/1.0 the server closes the connection, so the client's port is free immediately.
    """
    family = family_of(address)
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
    return HttpReply(int(status[1]), body)


def main() -> int:
    """Print the reply that NAMESPACE gets from ADDRESS and PORT, or the error."""
    name, address, port = sys.argv[1:]
    try:
        reply = http_get(Host(name), address, int(port))
    except (OSError, ValueError) as error:
        print(f"{address} port {port}: {getattr(error, 'strerror', None) or error}")
        return 1
    print(reply.body.decode(), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
