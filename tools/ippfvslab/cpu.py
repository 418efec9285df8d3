# SPDX-License-Identifier: GPL-2.0
"""One CPU of this machine for a guest that has one."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ippfvslab import paths


@contextmanager
def own() -> Iterator[int | None]:
    """Yield a CPU on which no other guest is kept, the last first; None when each has its guest.

    User-Mode Linux has its processes run as processes of the host, which takes two switches from
    one to another for each system call and page fault. Where they run on two CPUs, each switch
    must wake a CPU from its sleep, which in a virtual machine made a command three times as slow.
    """
    paths.CACHE.mkdir(parents=True, exist_ok=True)
    for cpu in sorted(os.sched_getaffinity(0), reverse=True):
        with (paths.CACHE / f"lock-cpu-{cpu}").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield cpu
            return
    yield None


def keep_on(cpu: int | None) -> list[str]:
    """What stands before a command that is to run on CPU alone; nothing for None."""
    return [] if cpu is None else ["taskset", "--cpu-list", str(cpu)]
