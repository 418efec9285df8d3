# SPDX-License-Identifier: GPL-2.0
"""A TCP server that hashes the data it receives, and then sends the requested amount of data."""

from __future__ import annotations

import hashlib
import socket
import struct
import threading

from ippfvslab.netns import Host

LIMIT_S = 90
BLOCK = bytes(range(251)) * 261  # 64 KB in which no two kilobytes are equal
BLOCKS_AT_ONCE = 32


class TransferServer:
    """Listens on ADDRESS and PORT of HOST.

    A client sends two numbers: how many bytes it will send, and how many it wants. Then it sends
    its bytes. It receives their SHA-256 hash and the bytes that it wants.
    """

    def __init__(self, host: Host, address: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = host.socket(family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((address, port))
        self._listener.listen(16)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> TransferServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                sock, _client = self._listener.accept()
            except OSError:
                return  # the listener was shut down
            with sock:
                sock.settimeout(LIMIT_S)
                upload, download = struct.unpack("!QQ", _exactly(sock, 16))
                sock.sendall(_digest(sock, upload))
                _send(sock, download)


def exchange(client: Host, address: str, port: int, upload: int, download: int) -> None:
    """Transfer these numbers of bytes through the service. All must arrive unchanged."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with client.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(LIMIT_S)
        sock.connect((address, port))
        sock.sendall(struct.pack("!QQ", upload, download))
        _send(sock, upload)
        assert _exactly(sock, 32) == _digest_of(upload), "the upload was damaged"
        assert _digest(sock, download) == _digest_of(download), "the download was damaged"


def _send(sock: socket.socket, count: int) -> None:
    """Send COUNT bytes in few calls, so that the stack can make packets as large as it may."""
    whole, rest = divmod(count, len(BLOCK))
    while whole:
        blocks = min(whole, BLOCKS_AT_ONCE)
        sock.sendall(BLOCK * blocks)
        whole -= blocks
    sock.sendall(BLOCK[:rest])


def _digest_of(count: int) -> bytes:
    found = hashlib.sha256()
    for _ in range(count // len(BLOCK)):
        found.update(BLOCK)
    found.update(BLOCK[: count % len(BLOCK)])
    return found.digest()


def _digest(sock: socket.socket, count: int) -> bytes:
    found = hashlib.sha256()
    while count:
        piece = sock.recv(min(count, 1 << 18))
        if not piece:
            break
        found.update(piece)
        count -= len(piece)
    return found.digest()


def _exactly(sock: socket.socket, count: int) -> bytes:
    whole = b""
    while len(whole) < count:
        piece = sock.recv(count - len(whole))
        if not piece:
            raise ConnectionError("the connection ended early")
        whole += piece
    return whole
