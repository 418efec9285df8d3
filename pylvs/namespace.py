# SPDX-License-Identifier: GPL-2.0
"""A socket in another network namespace."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TypeVar

from .errors import Error, NoSuchNamespace, NotPermitted

NAMED = "/run/netns"
_CLONE_NEWNET = 0x40000000

T = TypeVar("T")


def path_of(netns: str) -> str:
    """Return the file of a namespace: a path as it is, a name as ``ip netns`` keeps it."""
    return netns if "/" in netns else os.path.join(NAMED, netns)


def call_in(netns: str | None, make: Callable[[], T]) -> T:
    """Call make() inside a namespace; None is the caller's own.

    A short-lived thread enters the namespace, so the caller's threads never leave
    theirs: a socket belongs to the namespace in which it was made.

    :raises NoSuchNamespace: there is none of that name or path
    :raises NotPermitted: entering it needs CAP_SYS_ADMIN
    """
    if netns is None:
        return make()
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            _enter(netns)
            results.append(make())
        except BaseException as failure:  # handed over to the caller, below
            failures.append(failure)

    thread = threading.Thread(target=run, name="pylvs-netns")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


def _enter(netns: str) -> None:
    path = path_of(netns)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _cannot(netns, error) from None
    try:
        _setns(fd)
    except OSError as error:
        raise _cannot(netns, error) from None
    finally:
        os.close(fd)


def _setns(fd: int) -> None:
    import ctypes  # os.setns is Python 3.12's

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(fd, _CLONE_NEWNET) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _cannot(netns: str, error: OSError) -> Error:
    if isinstance(error, PermissionError):
        return NotPermitted(
            f"entering network namespace '{netns}' needs CAP_SYS_ADMIN",
            "do it as root, for instance with sudo",
        )
    return NoSuchNamespace(
        f"no network namespace '{netns}' ({error.strerror})", "list them with: ip netns"
    )
