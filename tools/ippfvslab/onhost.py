# SPDX-License-Identifier: GPL-2.0
"""The demo on the running kernel, for people whose kernel loads modules."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ippfvslab import paths, process, say
from ippfvslab.guest import write_command
from ippfvslab.kernels import Kernel
from ippfvslab.module import build


def play(arguments: list[str], *, interactive: bool) -> int:
    """Load the module, play the acts in namespaces nobody else sees, remove the module again."""
    kernel = _running()
    loaded_before = Path("/sys/module/ippfvs").exists()
    if not loaded_before:
        ko = build(kernel)
        say.line(f"-- loading {ko.name} into the running kernel, for as long as the demo lasts")
        _load(ko)
    try:
        with tempfile.TemporaryDirectory(prefix="ippfvs-") as folder:
            return _play(arguments + (["--shell", "-"] if interactive else []), Path(folder))
    finally:
        if not loaded_before:
            process.run(["rmmod", "ippfvs"])


def _running() -> Kernel:
    release = os.uname().release
    kdir = Path(f"/lib/modules/{release}/build")
    if not kdir.exists():
        raise say.Trouble(
            f"{kdir} is missing, so no module can be built for the running kernel; "
            f"install linux-headers-{release}, or run the demo in a guest, without --host"
        )
    return Kernel("host", release, Path(), Path("/"), kdir.resolve(), "x86_64")


def _load(ko: Path) -> None:
    needs = process.run(["modinfo", "-F", "depends", ko]).strip().split(",")
    if names := [name for name in needs if name]:
        process.run(["modprobe", "-a", *names])
    process.run(["insmod", ko])


def _play(arguments: list[str], folder: Path) -> int:
    write_command(folder)
    Path("/run/netns").mkdir(exist_ok=True)
    player = [str(paths.PYTHON), "-m", "ippfvslab.play", *arguments]
    # A mount namespace of its own: the farm's names are nobody else's, and vanish with it.
    hidden = ["sh", "-c", 'mount -t tmpfs tmpfs /run/netns && exec "$@"', "sh", *player]
    child = subprocess.Popen(
        process.cage(hidden),
        env={
            **os.environ,
            "IPPFVS_RUN": str(folder),
            "PYTHONPATH": f"{paths.TREE}:{paths.TREE}/tools",
            "PATH": f"{folder}/bin:{os.environ['PATH']}",
        },
        cwd=paths.TREE,
        stdin=sys.stdin if "--shell" in arguments else subprocess.DEVNULL,
        preexec_fn=process.die_with_parent,
    )
    try:
        return child.wait()
    finally:
        child.kill()
        child.wait()
