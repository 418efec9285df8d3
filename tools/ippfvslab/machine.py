# SPDX-License-Identifier: GPL-2.0
"""The machine that the lab runs on: its CPUs, and whether KVM works."""

from __future__ import annotations

import fcntl
import functools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ippfvslab import paths, process
from ippfvslab.debian import busybox
from ippfvslab.kernels import Kernel

TRIAL_LIMIT_S = 30
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@contextmanager
def reserve_cpu() -> Iterator[int | None]:
    """Yield a CPU to which no other guest is pinned, or None if there is no such CPU.

    User-Mode Linux runs its processes as processes of the host. Each system call and each page
    fault needs two context switches between them. If they run on two CPUs, each switch must wake
    an idle CPU, which makes a command three times slower in a virtual machine. The reservation is
    a file lock, so it is also respected by other runs of the lab. The last CPU is tried first.
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


def pin_to(cpu: int | None) -> list[str]:
    """Return the prefix that pins a command to CPU. It is empty if CPU is None."""
    return [] if cpu is None else ["taskset", "--cpu-list", str(cpu)]


@functools.cache
def kvm_usable(kernel: Kernel) -> bool:
    """Return whether /dev/kvm can run a guest. The device may exist and still not work.

    The first call after a boot of the machine boots KERNEL with a time limit, and keeps the result
    in the cache.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    result = paths.CACHE / f"kvm-{_BOOT_ID.read_text().strip()}"
    with paths.locked("kvm"):
        if not result.exists():
            for old in paths.CACHE.glob("kvm-*"):
                old.unlink()
            result.write_text("yes" if _boots_with_kvm(kernel) else "no")
        return result.read_text() == "yes"


def _boots_with_kvm(kernel: Kernel) -> bool:
    vng = paths.PYTHON.with_name("vng")
    command = [str(vng), "--run", str(kernel.image), "--verbose", "--force-9p", "--cpus", "2"]
    command += ["--disable-microvm", "--busybox", str(busybox())]
    try:
        trial = subprocess.run(
            process.cage([*command, "--", "echo ippfvs-$((40 + 2))"]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": f"{vng.parent}:{os.environ['PATH']}"},
            preexec_fn=process.die_with_parent,
            timeout=TRIAL_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return b"ippfvs-42" in trial.stdout
