# SPDX-License-Identifier: GPL-2.0
"""A client's sockets, and what an echo server says when it is asked who it is."""

from __future__ import annotations

import itertools
import selectors
import socket

from ippfvslab.netns import Host

LIMIT_S = 60
_FRESH_PORTS = itertools.cycle(range(20_000, 32_000))  # below those that Linux gives away
_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def family_of(address: str) -> socket.AddressFamily:
    """The socket family of ADDRESS."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def connect(
    host: Host,
    protocol: str,
    address: str,
    port: int,
    source_port: int = 0,
    limit_s: float = LIMIT_S,
) -> socket.socket:
    """A socket of HOST connected to ADDRESS, so that it hears nobody else.

    UDP sockets get a port that none had for long: with a random one, now and then two tests, or two
    sockets of one, would be the same connection to a director that remembers it.
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


def who(sock: socket.socket, data: bytes = b"hello") -> str:
    """The name of the echo server that gives DATA back over SOCK."""
    sock.sendall(data)
    answer = b""
    while not answer.endswith(b":" + data):
        piece = sock.recv(65536)
        if not piece:
            raise ConnectionError(f"the server closed after {answer!r}")
        answer += piece
    return answer[: -len(data) - 1].decode()


def ask(
    host: Host,
    protocol: str,
    address: str,
    port: int,
    source_port: int = 0,
    limit_s: float = LIMIT_S,
) -> str:
    """The name of the echo server that a new connection to ADDRESS reaches."""
    with connect(host, protocol, address, port, source_port, limit_s) as sock:
        return who(sock)


def connect_many(host: Host, address: str, port: int, count: int) -> list[socket.socket]:
    """COUNT TCP connections, made at the same time."""
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
            raise TimeoutError(f"{len(waiting.get_map())} of {count} connections are not made")
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
    """Close a TCP connection by RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    sock.close()
