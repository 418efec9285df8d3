# SPDX-License-Identifier: GPL-2.0
"""`tools/lab demo` runs the scenes in a guest or, with --host, on the running kernel."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ippfvslab import guest, kernels, log, machine, module, nginx, paths, process, shell

LIMIT_S = 600
SHELL_LIMIT_S = 24 * 3600


def main(args: argparse.Namespace) -> int:
    """Run the demo and return the exit status.

    It is 0 only if every row and every share is right and the kernel reports no fault.
    """
    nginx.program()
    arguments = ["--method", args.method] if args.method else []
    if args.host:
        return _run_on_host(arguments, interactive=args.shell)
    kernel = kernels.get(kernels.resolve(args.kernel))
    ko = module.build(kernel)
    module.compile_tree()
    if args.shell:
        arguments += ["--shell", "/dev/ttyS1"]
    script = f"$PYTHON -m ippfvslab.run_scenes {' '.join(arguments)}"
    limit = SHELL_LIMIT_S if args.shell else LIMIT_S
    job = guest.Job("demo", script, limit, terminal=args.shell)
    how = "with KVM" if machine.kvm_usable(kernel) else "emulated"
    usual = "10 seconds" if machine.kvm_usable(kernel) else "half a minute"
    log.line(f"-- Linux {kernel.release} boots {how} (usually {usual})")
    terminal = shell.Relay() if args.shell else None
    outcome = guest.run(kernel, ko, job, log.line, terminal)
    for fault in outcome.faults:
        log.line(f"✗ the kernel: {fault.what}\n{fault.context}")
    if outcome.status or outcome.faults:
        log.line(f"tools/lab: the demo failed; the files of this run are in {outcome.folder}")
    return 1 if outcome.status != 0 or outcome.faults else 0


def _run_on_host(arguments: list[str], *, interactive: bool) -> int:
    """Run the scenes in private namespaces of the running kernel.

    The module is loaded first and removed afterwards, unless it was loaded before.
    """
    kernel = _running_kernel()
    loaded_before = Path("/sys/module/ippfvs").exists()
    if not loaded_before:
        ko = module.build(kernel)
        log.line(f"-- loading {ko.name} into the running kernel until the demo ends")
        _insert(ko)
    try:
        with tempfile.TemporaryDirectory(prefix="ippfvs-") as folder:
            return _run_scenes(arguments + (["--shell", "-"] if interactive else []), Path(folder))
    finally:
        if not loaded_before:
            process.run(["rmmod", "ippfvs"])


def _running_kernel() -> kernels.Kernel:
    release = os.uname().release
    kdir = Path(f"/lib/modules/{release}/build")
    if not kdir.exists():
        raise log.LabError(
            f"no module can be built for the running kernel, because {kdir} is missing; "
            f"install linux-headers-{release}, or run the demo in a guest, without --host"
        )
    return kernels.Kernel("host", release, Path(), Path("/"), kdir.resolve(), "x86_64")


def _insert(ko: Path) -> None:
    needs = process.run(["modinfo", "-F", "depends", ko]).strip().split(",")
    if names := [name for name in needs if name]:
        process.run(["modprobe", "-a", *names])
    process.run(["insmod", ko])


def _run_scenes(arguments: list[str], folder: Path) -> int:
    guest.write_command(folder)
    Path("/run/netns").mkdir(exist_ok=True)
    scenes = [str(paths.PYTHON), "-m", "ippfvslab.run_scenes", *arguments]
    # A separate mount namespace prevents collisions of the farm's names, which vanish at exit.
    hidden = ["sh", "-c", 'mount -t tmpfs tmpfs /run/netns && exec "$@"', "sh", *scenes]
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
