# SPDX-License-Identifier: GPL-2.0
"""The connection of the user's terminal to a guest's second serial line."""

from __future__ import annotations

import os
import select
import socket
import sys
import termios
import tty
from pathlib import Path

from ippfvslab.log import LabError


class Relay:
    """A relay that copies bytes between the terminal and the guest while the guest's shell runs."""

    def __init__(self) -> None:
        if not sys.stdin.isatty():
            raise LabError("--shell needs a terminal; run it without a pipe")
        self._socket: socket.socket | None = None
        self._saved = termios.tcgetattr(0)

    def pump(self, folder: Path) -> None:
        """Copy the bytes that are available. The caller repeats this until the guest ends."""
        if self._socket is None:
            if not (folder / "shell-ready").exists():
                return
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.connect(str(folder / "shell"))
            tty.setraw(0)
            self._socket.sendall(b"\n")
        ready, _, _ = select.select([0, self._socket.fileno()], [], [], 0.2)
        if 0 in ready:
            self._socket.sendall(os.read(0, 4096))
        if self._socket.fileno() in ready:
            os.write(1, self._socket.recv(4096))

    def close(self) -> None:
        """Restore the settings of the terminal."""
        termios.tcsetattr(0, termios.TCSADRAIN, self._saved)
        if self._socket:
            self._socket.close()
            self._socket = None
