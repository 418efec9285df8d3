# SPDX-License-Identifier: GPL-2.0
"""Guests: a kernel booted for one job, under QEMU or as User-Mode Linux, and always ended."""

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

from ippfvslab import cpu, klog, kvm, paths, process, say
from ippfvslab.debian import busybox
from ippfvslab.kernels import Kernel
from ippfvslab.shell import Relay

INIT = Path(__file__).with_name("guest.sh")
_COMMAND = """\
#!{}
import sys
from pylvs.cli import main
sys.exit(main())
"""
BEGIN = "ippfvs lab: the job begins"
"""The line of the kernel log after which complaints count."""
BOOT_LIMIT_S = 180
BOOTS = 4
KEEP = 30


@dataclass(frozen=True)
class Job:
    """What a guest does: shell text, run in the source tree with the lab's Python in $PYTHON."""

    name: str
    script: str
    limit_s: int
    memory: str = "3G"
    terminal: bool = False
    """Whether it talks to the user on its second serial line."""
    measures: bool = False
    """Whether its figures count: User-Mode Linux then gets memory of its own, in huge pages."""
    load: bool = True
    """Whether the guest loads the module before the job; otherwise the job may."""


@dataclass(frozen=True)
class Outcome:
    """How a guest's job ended."""

    status: int | None
    """The job's exit status; None when the guest never got to its end."""
    seconds: float
    faults: list[klog.Fault]
    """What the kernel complained of."""
    folder: Path
    """All that the run left: out, dmesg, console …"""

    @property
    def output(self) -> str:
        """All that the job printed."""
        file = self.folder / "out"
        return file.read_text(errors="replace") if file.exists() else ""


def run(
    kernel: Kernel,
    module: Path | None,
    job: Job,
    show: Callable[[str], None],
    terminal: Relay | None = None,
) -> Outcome:
    """Boot KERNEL, insert MODULE, do JOB, passing each line of its output to SHOW as it comes."""
    began = time.monotonic()
    for attempt in range(1, BOOTS + 1):
        folder = _prepare(kernel, module, job)
        complaint = _boot(kernel, folder, job, show, terminal)
        stage = _read(folder / "stage")
        if stage or attempt == BOOTS:
            break
        # The emulator's race in code patching kills one boot in ten before user space. Nothing
        # of ours has run, so it says nothing about ippfvs.
        say.line(f"   the guest died while booting ({complaint or 'see its console'}); again")
    return _judge(kernel, folder, complaint, time.monotonic() - began)


def _prepare(kernel: Kernel, module: Path | None, job: Job) -> Path:
    paths.RUNS.mkdir(parents=True, exist_ok=True)
    _forget_old()
    stamp = time.strftime("%Y%m%d-%H%M%S")
    folder = Path(tempfile.mkdtemp(prefix=f"{stamp}-{job.name}-{kernel.name}-", dir=paths.RUNS))
    environment = {
        "PYTHON": str(paths.PYTHON),
        "PYTHONPATH": f"{paths.TREE}:{paths.TREE}/tools",
        "IPPFVS_RUN": str(folder),
        "IPPFVS_KERNEL": kernel.name,
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
    (folder / "stage").write_text("")
    (folder / "needed").write_text(f"{paths.TREE}\n{paths.CACHE}\n")
    shutil.copy(INIT, folder)
    return folder


def _forget_old() -> None:
    """Keep what the last runs left; a run younger than a day may still be somebody's."""
    limit = time.time() - 86400
    for folder in sorted(paths.RUNS.iterdir())[:-KEEP]:
        if folder.stat().st_mtime < limit:
            shutil.rmtree(folder, ignore_errors=True)


def write_command(folder: Path) -> None:
    """Make FOLDER/bin/ippfvsadm: what pip would install, of this tree."""
    command = folder / "bin/ippfvsadm"
    command.parent.mkdir()
    command.write_text(_COMMAND.format(paths.PYTHON))
    command.chmod(0o755)


# The memory of User-Mode Linux is a file. On a disk it would be written back meanwhile; in pages of
# 4 KiB each access would cost the host's page walk, too, which a kernel on bare metal does not pay.
_OWN_MEMORY = """
mount -t tmpfs -o size=100%,huge=always tmpfs "$TMPDIR" 2> /dev/null && echo huge > "$0/pages" ||
	{ mount -t tmpfs -o size=100% tmpfs "$TMPDIR" && echo small > "$0/pages"; } || exit
exec "$@"
"""


def _command(kernel: Kernel, folder: Path, job: Job) -> list[str]:
    if kernel.user_mode:
        return [
            *(["sh", "-c", _OWN_MEMORY, str(folder)] if job.measures else []),
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
        *([] if kvm.usable(kernel) else ["--disable-kvm"]),
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
    """Run the guest to its end or to a time limit; answer what was wrong, or nothing."""
    path = f"{paths.PYTHON.parent}:{os.environ['PATH']}"
    (folder / "tmp").mkdir(exist_ok=True)
    alone = kernel.user_mode and kernel.cpus == 1
    place = cpu.own() if alone else contextlib.nullcontext()
    with (folder / "console").open("wb") as console, place as own:
        guest = subprocess.Popen(
            process.cage([*cpu.keep_on(own), *_command(kernel, folder, job)]),
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
    tail = _Tail(folder / "out", show)
    while guest.poll() is None:
        tail.pump()
        waited = time.monotonic() - began
        if waited > BOOT_LIMIT_S and not _read(folder / "stage"):
            return f"not up after {BOOT_LIMIT_S} s"
        if waited > BOOT_LIMIT_S + job.limit_s:
            return f"the job {job.name} did not end within {job.limit_s} s"
        if terminal and (folder / "shell-ready").exists():
            terminal.pump(folder)
        else:
            time.sleep(0.2)
    tail.pump(last=True)
    return "" if _read(folder / "stage") == "over" else "the guest ended before its job was over"


class _Tail:
    """Hands the lines that are added to a file to a function."""

    def __init__(self, file: Path, show: Callable[[str], None]) -> None:
        self.file = file
        self.show = show
        self.position = 0
        self.rest = ""

    def pump(self, *, last: bool = False) -> None:
        """Hand on what is new; when it is the LAST call, an unfinished line too."""
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


def _judge(kernel: Kernel, folder: Path, complaint: str, seconds: float) -> Outcome:
    log = folder / "dmesg"
    text = _read(log if log.exists() else folder / "console")
    # What a kernel complains of while it boots is not ours: User-Mode Linux does with two CPUs.
    faults = klog.scan(text.partition(BEGIN)[2] or text)
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
