# SPDX-License-Identifier: GPL-2.0
"""Guests. A guest is a kernel that is booted for one job, under QEMU or as User-Mode Linux."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ippfvslab import klog, log, machine, paths, process
from ippfvslab.debian import busybox
from ippfvslab.kernels import Kernel
from ippfvslab.shell import Relay

INIT = Path(__file__).with_name("guest.sh")
_IPPFVSADM = """\
#!{}
import sys
from pylvs.cli import main
sys.exit(main())
"""
BOOT_LIMIT_S = 180
MAX_BOOTS = 4
KEEP_RUNS = 30


@dataclass(frozen=True)
class Job:
    """The job of a guest: a shell script, run in the source tree with the lab's $PYTHON."""

    name: str
    script: str
    limit_s: int
    memory: str = "3G"
    terminal: bool = False
    """Whether the job uses the user's terminal, through the guest's second serial line."""
    measures: bool = False
    """Whether the job measures time. User-Mode Linux then gets private memory in huge pages."""
    load: bool = True
    """Whether the guest loads the module before the job. Otherwise the job may load it."""


@dataclass(frozen=True)
class Outcome:
    """The result of a guest's job."""

    status: int | None
    """The job's exit status, or None if the guest did not reach its end."""
    seconds: float
    faults: list[klog.Fault]
    """The complaints in the kernel log."""
    folder: Path
    """The folder with the files of the run: out, dmesg, console and others."""

    @property
    def output(self) -> str:
        """The whole output of the job."""
        file = self.folder / "out"
        return file.read_text(errors="replace") if file.exists() else ""


def run(
    kernel: Kernel,
    module: Path | None,
    job: Job,
    show: Callable[[str], None],
    terminal: Relay | None = None,
) -> Outcome:
    """Boot KERNEL, insert MODULE, run JOB, and pass each line of its output to SHOW immediately."""
    began = time.monotonic()
    for attempt in range(1, MAX_BOOTS + 1):
        folder = _prepare(kernel, module, job)
        complaint = _boot(kernel, folder, job, show, terminal)
        booted = _read(folder / "state")
        if booted or attempt == MAX_BOOTS:
            break
        # A race in the emulator during code patching kills one boot in ten before user space.
        # ippfvs has not run by then, so another attempt does not hide a fault of ippfvs.
        log.line(
            f"   the guest died while booting ({complaint or 'see its console'}); booting again"
        )
    return _outcome(folder, complaint, time.monotonic() - began)


def _prepare(kernel: Kernel, module: Path | None, job: Job) -> Path:
    paths.RUNS.mkdir(parents=True, exist_ok=True)
    _remove_old_runs()
    stamp = time.strftime("%Y%m%d-%H%M%S")
    folder = Path(tempfile.mkdtemp(prefix=f"{stamp}-{job.name}-{kernel.name}-", dir=paths.RUNS))
    environment = {
        "PYTHON": str(paths.PYTHON),
        "PYTHONPATH": f"{paths.TREE}:{paths.TREE}/tools",
        "IPPFVS_RUN": str(folder),
        "IPPFVS_KERNEL": kernel.name,
        "IPPFVS_CHECKS": "1" if kernel.sanitizer else "0",
        "IPPFVS_CPUS": str(kernel.cpus),
        "IPPFVS_LOADED": "1" if module and job.load else "0",
        "IPPFVS_MODULE": str(module or ""),
        "IPPFVS_CACHE": str(paths.CACHE),
        "XDG_CACHE_HOME": str(paths.CACHE.parent),
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }
    if job.terminal:
        size = shutil.get_terminal_size()
        environment["IPPFVS_SCREEN"] = f"rows {size.lines} cols {size.columns}"
    write_command(folder)
    exports = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in environment.items())
    (folder / "job").write_text(f"{exports}cd {shlex.quote(str(paths.TREE))}\n{job.script}\n")
    (folder / "modules").write_text(f"{kernel.root}\n")
    (folder / "module").write_text(f"{module}\n" if module and job.load else "")
    (folder / "state").write_text("")
    (folder / "marker").write_text(f"{klog.JOB_BEGINS}\n")
    (folder / "needed").write_text(f"{paths.TREE}\n{paths.CACHE}\n")
    shutil.copy(INIT, folder)
    return folder


def _remove_old_runs() -> None:
    """Keep the newest runs. A run younger than a day may still be in use and is kept, too."""
    limit = time.time() - 86400
    for folder in sorted(paths.RUNS.iterdir())[:-KEEP_RUNS]:
        if folder.stat().st_mtime < limit:
            shutil.rmtree(folder, ignore_errors=True)


def write_command(folder: Path) -> None:
    """Create FOLDER/bin/ippfvsadm, the command that pip would install from this tree."""
    command = folder / "bin/ippfvsadm"
    command.parent.mkdir()
    command.write_text(_IPPFVSADM.format(paths.PYTHON))
    command.chmod(0o755)


# The memory of User-Mode Linux is a file. If the file were on a disk, the host would write it back
# during the run. With pages of 4 KiB, accesses would also need page walks of the host, which a
# kernel on bare metal does not need.
_RUN_IN_TMPFS = """
mount -t tmpfs -o size=100%,huge=always tmpfs "$TMPDIR" 2> /dev/null && echo huge > "$0/pages" ||
	{ mount -t tmpfs -o size=100% tmpfs "$TMPDIR" && echo small > "$0/pages"; } || exit
exec "$@"
"""


def _command(kernel: Kernel, folder: Path, job: Job) -> list[str]:
    if kernel.user_mode:
        return [
            *(["sh", "-c", _RUN_IN_TMPFS, str(folder)] if job.measures else []),
            str(kernel.image),
            f"mem={job.memory}",
            f"uml_dir={folder}/tmp/",
            *["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro"],
            *["con=null", "con0=fd:0,fd:1", "quiet", "log_buf_len=8M"],
            *([f"ncpus={kernel.cpus}", "seccomp=on"] if kernel.seccomp else []),
            *(["kasan_multi_shot"] if kernel.sanitizer else []),
            f"init={folder}/{INIT.name}",
            f"ippfvs_run={folder}",
        ]
    share = "local,id=lab,path=/,security_model=none,readonly=on,multidevs=remap"
    device = "virtio-9p-pci,fsdev=lab,mount_tag=lab"
    second = f" -serial unix:{folder}/shell,server=on,wait=off" if job.terminal else ""
    return [
        str(paths.PYTHON.with_name("vng")),
        *["--run", str(kernel.image), "--verbose", "--force-9p", "--disable-microvm"],
        *["--busybox", str(busybox())],
        *["--user", "root"],
        *["--cpus", "2", "--memory", job.memory, f"--rwdir={folder}", "--cwd", str(folder)],
        *([] if machine.kvm_usable(kernel) else ["--disable-kvm"]),
        f"--qemu-opts=-fsdev {share} -device {device}{second}",
        "--append=log_buf_len=8M",
        *["--", f"sh {folder}/{INIT.name} prepare {folder}"],
    ]


def _boot(
    kernel: Kernel,
    folder: Path,
    job: Job,
    show: Callable[[str], None],
    terminal: Relay | None,
) -> str:
    """Run the guest to its end or to a time limit. Return what went wrong, or an empty string."""
    path = f"{paths.PYTHON.parent}:{os.environ['PATH']}"
    (folder / "tmp").mkdir(exist_ok=True)
    alone = kernel.user_mode and kernel.cpus == 1
    reserved = machine.reserve_cpu() if alone else contextlib.nullcontext()
    with (folder / "console").open("wb") as console, reserved as cpu:
        guest = subprocess.Popen(
            process.cage([*machine.pin_to(cpu), *_command(kernel, folder, job)]),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": path, "TMPDIR": str(folder / "tmp")},
            preexec_fn=process.die_with_parent,
            start_new_session=True,
        )
        try:
            return _watch(guest, folder, job, show, terminal)
        finally:
            if terminal:
                terminal.close()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(guest.pid, signal.SIGKILL)
            guest.wait()


def _watch(
    guest: subprocess.Popen[bytes],
    folder: Path,
    job: Job,
    show: Callable[[str], None],
    terminal: Relay | None,
) -> str:
    began = time.monotonic()
    output = _Follower(folder / "out", show)
    while guest.poll() is None:
        output.pump()
        waited = time.monotonic() - began
        if waited > BOOT_LIMIT_S and not _read(folder / "state"):
            return f"the guest was not up after {BOOT_LIMIT_S} s"
        if waited > BOOT_LIMIT_S + job.limit_s:
            return f"the job {job.name} did not end within {job.limit_s} s"
        if terminal and (folder / "shell-ready").exists():
            terminal.pump(folder)
        else:
            time.sleep(0.2)
    output.pump(last=True)
    return "" if _read(folder / "state") == "over" else "the guest ended before its job was over"


class _Follower:
    """A follower of a file, which passes appended lines to a function."""

    def __init__(self, file: Path, show: Callable[[str], None]) -> None:
        self.file = file
        self.show = show
        self.position = 0
        self.rest = ""

    def pump(self, *, last: bool = False) -> None:
        """Pass on the new lines and, in the LAST call, also an unfinished line."""
        if not self.file.exists():
            return
        with self.file.open("rb") as stream:
            stream.seek(self.position)
            new = stream.read()
        self.position += len(new)
        *lines, self.rest = (self.rest + new.decode(errors="replace")).split("\n")
        if last and self.rest:
            lines.append(self.rest)
        for line in lines:
            self.show(line)


def _outcome(folder: Path, complaint: str, seconds: float) -> Outcome:
    dmesg = folder / "dmesg"
    text = _read(dmesg if dmesg.exists() else folder / "console")
    # Complaints during the boot do not concern ippfvs: User-Mode Linux with two CPUs has some.
    faults = klog.scan(klog.since_job(text) or text)
    if complaint:
        faults.insert(0, klog.Fault(complaint, _read(folder / "console")[-3000:]))
    if (loading := _read(folder / "load")) and not (folder / "rc").exists():
        faults.insert(0, klog.Fault("the module could not be loaded", loading))
    if unloading := _read(folder / "unload"):
        faults.append(klog.Fault("the module could not be removed", unloading))
    if leaks := _read(folder / "leaks"):
        faults.append(klog.Fault("kmemleak found leaks", leaks[:6000]))
    status = _read(folder / "rc")
    return Outcome(int(status) if status else None, seconds, faults, folder)


def _read(file: Path) -> str:
    return file.read_text(errors="replace").strip() if file.exists() else ""
