# SPDX-License-Identifier: GPL-2.0
"""Whether the machine's /dev/kvm really runs a guest; one that exists may still not."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

from ippfvslab import paths, process
from ippfvslab.debian import busybox
from ippfvslab.kernels import Kernel

TRIAL_LIMIT_S = 30
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@functools.cache
def usable(kernel: Kernel) -> bool:
    """Boot KERNEL once with KVM, with a time limit. Asked once for each boot of the machine."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    answer = paths.CACHE / f"kvm-{_BOOT_ID.read_text().strip()}"
    with paths.locked("kvm"):
        if not answer.exists():
            for old in paths.CACHE.glob("kvm-*"):
                old.unlink()
            answer.write_text("yes" if _try(kernel) else "no")
        return answer.read_text() == "yes"


def _try(kernel: Kernel) -> bool:
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
