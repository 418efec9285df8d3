# SPDX-License-Identifier: GPL-2.0
"""Hosts: named network namespaces, entered by threads and by the commands that they start."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from ippfvslab.process import die_with_parent

NAMES = Path("/run/netns")
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
T = TypeVar("T")


class CommandFailed(AssertionError):
    """A command in a host ended with a status other than 0. The text has its whole output."""


def _setns(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "setns")


class Host:
    """A network namespace with NAME, which `ip netns` shows, too.

    Each thread has a network namespace. `inside` moves the calling thread. The processes and
    sockets that it creates inside stay in the host.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.children: list[subprocess.Popen[Any]] = []

    def __repr__(self) -> str:
        return f"Host({self.name!r})"

    @property
    def path(self) -> Path:
        """The namespace as a file, for pylvs.Manager(netns=…) and setns."""
        return NAMES / self.name

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Move this thread into the host: sockets, /proc/sys and children belong to the host."""
        back = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            there = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _setns(there)
            finally:
                os.close(there)
            try:
                yield
            finally:
                _setns(back)
        finally:
            os.close(back)

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return the result of FUNCTION, which runs in this host in a new thread."""

        def there() -> T:
            with self.inside():
                return function(*arguments)

        with ThreadPoolExecutor(1) as one:
            return one.submit(there).result()

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """Return a socket of this host. Every thread can use it."""
        with self.inside():
            return socket.socket(family, kind, protocol)

    def run(
        self, *command: str, check: bool = True, text: str | None = None, limit_s: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run COMMAND in this host to its end, with TEXT on its standard input."""
        with self.inside():
            done = subprocess.run(
                command,
                input=text,
                stdin=subprocess.DEVNULL if text is None else None,
                capture_output=True,
                text=True,
                timeout=limit_s,
                check=False,
            )
        if check and done.returncode:
            raise CommandFailed(
                f"{self.name}: {' '.join(command)}: status {done.returncode}\n"
                f"{done.stdout}{done.stderr}{text or ''}"
            )
        return done

    def popen(
        self, *command: str, stdout: int | IO[Any] | None = subprocess.DEVNULL
    ) -> subprocess.Popen[str]:
        """Start COMMAND in this host. If it still runs when the farm is closed, it is killed."""
        with self.inside():
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        self.children.append(child)
        return child

    def ip(self, *lines: str) -> None:
        """Pass LINES to one `ip -batch`, which is much faster than a process for each line."""
        self.run("ip", "-batch", "-", text="".join(f"{line}\n" for line in lines))

    @contextmanager
    def added(self, what: str) -> Iterator[None]:
        """Run the `ip` command WHAT (`… add …`) at entry, and its `del` counterpart at exit."""
        self.ip(what)
        try:
            yield
        finally:
            self.ip(what.replace(" add ", " del ", 1))

    def sysctl(self, name: str, value: int | str) -> None:
        """Set net.NAME. Dots separate the words, so an interface's name must not have a dot."""
        with self.inside():
            Path("/proc/sys/net", *name.split(".")).write_text(f"{value}\n")

    def end_children(self) -> None:
        """Kill the processes that popen started here and that still run."""
        for child in self.children:
            if child.poll() is None:
                os.killpg(child.pid, 9)
            child.wait()
            if child.stdout:
                child.stdout.close()
        self.children.clear()


def ip(lines: Sequence[str]) -> None:
    """Pass LINES to one `ip -batch` in the namespace of the caller."""
    done = subprocess.run(
        ["ip", "-batch", "-"],
        input="".join(f"{line}\n" for line in lines),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CommandFailed(f"ip -batch: {done.stdout}\n" + "\n".join(lines))
