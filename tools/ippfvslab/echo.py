# SPDX-License-Identifier: GPL-2.0
"""TCP and UDP servers that say who they are and give back what they get, in threads."""

from __future__ import annotations

import selectors
import socket
import threading
import time

from ippfvslab.netns import Host


class Echo:
    """Answers on one address and port of HOST, over tcp or udp, with `NAME:` before the data.

    TCP answers every piece that it reads and closes when the client does.
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
        self._bell, self._wake = socket.socketpair()
        self._selector.register(self._bell, selectors.EVENT_READ, None)
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
        """Return when SERVED connections or datagrams came, or after LIMIT_S seconds."""
        limit = time.monotonic() + limit_s
        while self.served < served and time.monotonic() < limit:
            time.sleep(0.01)

    def close(self) -> None:
        """Stop serving and close every connection."""
        self._wake.send(b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            sock.close()
        self._selector.close()
        self._wake.close()

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
            pass  # the client is gone: close, as after its FIN
        self._selector.unregister(connection)
        connection.close()

    def _answer(self, sock: socket.socket) -> None:
        data, client = sock.recvfrom(65536)
        self.served += 1
        sock.sendto(f"{self.name}:".encode() + data, client)
