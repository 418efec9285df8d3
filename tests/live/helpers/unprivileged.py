# SPDX-License-Identifier: GPL-2.0
"""A process that is root only in its own user and network namespaces, as after `unshare -Urn`.

client 10.9.9.9 (also the VIP) ── away ── 10.9.9.2, which never answers
"""

from __future__ import annotations

import ctypes
import multiprocessing
import socket
import subprocess
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import pylvs

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
VIP, REAL = "10.9.9.9", "10.9.9.2"
LIMIT_S = 240  # of a call; emulated guests are slow
T = TypeVar("T")

_COMMANDS = """
link set lo up
link add away type dummy
addr add 10.9.9.1/24 dev away
addr add 10.9.9.9/32 dev away
link set away up
"""


class Process:
    """A process that calls functions in namespaces of its own, and returns what they return."""

    def __init__(self) -> None:
        fork = multiprocessing.get_context("fork")
        self._pipe, theirs = fork.Pipe()
        self._process = fork.Process(target=_serve, args=(theirs, self._pipe), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        """Return its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def netns(self) -> str:
        """Return the path of its network namespace."""
        return f"/proc/{self.pid}/ns/net"

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return the result of FUNCTION, which runs in the process, or raise its exception."""
        self._pipe.send((function, arguments))
        if not self._pipe.poll(LIMIT_S):
            raise TimeoutError(f"{function.__name__} did not return in {LIMIT_S} s")
        failed, result = self._pipe.recv()
        if failed:
            raise result
        returned: T = result
        return returned

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pipe.close()
        self._process.join(LIMIT_S)
        assert self._process.exitcode == 0


def _serve(pipe: Connection, other_end: Connection) -> None:
    other_end.close()
    with pipe:
        while True:
            try:
                function, arguments = pipe.recv()
            except EOFError:
                return
            try:
                answer = False, function(*arguments)
            except Exception as error:  # it is raised again by call()
                answer = True, error
            pipe.send(answer)


def unshare(flags: int) -> None:
    """Move the process into new namespaces."""
    libc = ctypes.CDLL(None, use_errno=True)
    if flags & CLONE_NEWUSER:  # which no process in a chroot may create
        with open("/proc/1/ns/mnt") as mounts:
            if libc.setns(mounts.fileno(), CLONE_NEWNS):
                raise OSError(ctypes.get_errno(), "the mount namespace could not be entered")
    if libc.unshare(flags):
        raise OSError(ctypes.get_errno(), "the namespaces could not be created")
    if flags & CLONE_NEWUSER:
        Path("/proc/self/uid_map").write_text("0 0 1")


def add_devices() -> None:
    """Give the process's network namespace the addresses that the docstring draws."""
    subprocess.run(["ip", "-batch", "-"], input=_COMMANDS, text=True, check=True)


def become_a_user() -> None:
    """Create the namespaces and their devices."""
    unshare(CLONE_NEWUSER | CLONE_NEWNET)
    add_devices()


def configure(**settings: Any) -> pylvs.ConfigInfo:
    """Change settings of the process's network namespace, and return all of them."""
    with pylvs.Manager() as lvs:
        if settings:
            lvs.configure(**settings)
        return lvs.config()


def add_service(port: int, reals: Iterable[str] = (REAL,)) -> None:
    """Add a UDP service of the VIP, scheduled rr, with real servers by VS-NAT."""
    with pylvs.Manager() as lvs:
        service = lvs.add_service("udp", f"{VIP}:{port}", "rr")
        for real in reals:
            lvs.add_real(service, f"{real}:{port}", method="nat")


def open_connections(ports: range, port: int) -> tuple[int, pylvs.Drops]:
    """Send a packet from each client port. Return how many connections there are, and the drops."""
    for each in ports:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((VIP, each))
            client.sendto(b"hello", (VIP, port))
    with pylvs.Manager() as lvs:
        return lvs.config().connections, lvs.drops()
