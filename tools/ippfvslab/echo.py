# SPDX-License-Identifier: GPL-2.0
"""TCP and UDP echo servers, in threads. Each answers with its name and the data it received."""

from __future__ import annotations

import selectors
import socket
import threading
import time

from ippfvslab.netns import Host


class Echo:
    """An echo server on one address and port of HOST, over "tcp" or "udp".

    It prepends `NAME:` to the data. Over TCP it answers every piece that it reads, and closes the
    connection when the client does.
    """

    def __init__(self, host: Host, protocol: str, address: str, port: int, name: str = "") -> None:
        self.name = name or host.name
        self.served = 0
        """Connections accepted (TCP) or datagrams answered (UDP)."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        self._socket = host.socket(family, kind)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((address, port))
        self._selector = selectors.DefaultSelector()
        self._stop_receiver, self._stop_sender = socket.socketpair()
        self._selector.register(self._stop_receiver, selectors.EVENT_READ, None)
        if protocol == "tcp":
            self._socket.listen(4096)
            self._selector.register(self._socket, selectors.EVENT_READ, self._accept)
        else:
            self._selector.register(self._socket, selectors.EVENT_READ, self._answer)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Echo:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait(self, served: int, limit_s: float = 30) -> None:
        """Return after SERVED connections or datagrams have arrived, or after LIMIT_S seconds."""
        limit = time.monotonic() + limit_s
        while self.served < served and time.monotonic() < limit:
            time.sleep(0.01)

    def close(self) -> None:
        """Stop serving and close every connection."""
        self._stop_sender.send(b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            sock.close()
        self._selector.close()
        self._stop_sender.close()

    def _serve(self) -> None:
        while True:
            for key, _events in self._selector.select():
                if key.data is None:
                    return
                assert isinstance(key.fileobj, socket.socket)
                key.data(key.fileobj)

    def _accept(self, listener: socket.socket) -> None:
        connection, _client = listener.accept()
        self.served += 1
        self._selector.register(connection, selectors.EVENT_READ, self._relay)

    def _relay(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(65536)
            if data:
                connection.sendall(f"{self.name}:".encode() + data)
                return
        except ConnectionError:
            pass  # the client has closed the connection, so close it as after a FIN
        self._selector.unregister(connection)
        connection.close()

    def _answer(self, sock: socket.socket) -> None:
        data, client = sock.recvfrom(65536)
        self.served += 1
        sock.sendto(f"{self.name}:".encode() + data, client)
