# SPDX-License-Identifier: GPL-2.0
"""`tools/lab check`: compilers with all warnings, and checkers of C and Python."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from ippfvslab import kernels, module, paths, process, say

# checkpatch speaks to patches for the kernel tree; these say nothing about a tree of its own.
_NOT_FOR_US = (
    "FILE_PATH_CHANGES,LINUX_VERSION_CODE,CONFIG_DESCRIPTION,EMBEDDED_FUNCTION_NAME,"
    "MACRO_ARG_REUSE,COMPLEX_MACRO,SPDX_LICENSE_TAG,SPLIT_STRING,MULTISTATEMENT_MACRO_USE_DO_WHILE"
)
# Old kernels' names, and what lets user space compile the core.
_NOT_KERNEL_STYLE = ("kernel/compat/", "kernel/core/port.h", "kernel/core/user_port.h")
_PYTHON = ("pylvs", "tools/ippfvslab", "tools/bench", "tests", "setup.py")
_WARN = ("W=1", "C=2", "CF=-D__CHECK_ENDIAN__")


def main() -> int:
    """Run every check and show what they found; 0 when that is nothing."""
    findings = 0
    for name, check in CHECKS.items():
        found = check()
        say.line(f"== {name}: {'well' if not found else f'{len(found)} findings'}")
        for finding in found:
            say.line(f"   {finding}")
        findings += len(found)
    return findings


def _compile(name: str) -> list[str]:
    """The warnings of gcc (W=1) and sparse about our files, compiled for a stock kernel."""
    kernel = kernels.get(name)
    found = []
    for folder in (paths.TREE, *_helpers()) if name != "6.1" else (paths.TREE,):
        home = paths.MODULES / f"check-{name}-{folder.name}"
        _lay_out(folder, home)
        said = module.make(kernel, home, *_WARN)
        found += _warnings(said, home)
    return found


def _cross(arch: str, compiler: str) -> list[str]:
    """The same for another architecture: the module is compiled for it but cannot be loaded."""
    tree = kernels.newest_source()
    fragment = paths.TREE / "tools/kernels/cross.config"
    build = paths.CACHE / "cross" / f"{arch}_{tree.name}_{paths.digest([fragment])}"
    words = [f"ARCH={arch}", f"CROSS_COMPILE={compiler}"]
    make = ["make", "-s", f"-j{kernels.cores()}", *words]
    if not (build / "Module.symvers").exists():
        shutil.rmtree(build, ignore_errors=True)
        build.mkdir(parents=True)
        kernels.configure(tree, build, [fragment], "tinyconfig", *words)
        process.run([*make, "-C", tree, f"O={build}", "modules_prepare"], log=build / "build.log")
        (build / "Module.symvers").touch()
    home = paths.MODULES / f"check-{arch}"
    _lay_out(paths.TREE, home)
    # Without the kernel itself nothing tells modpost which symbols there are.
    link = ["KBUILD_MODPOST_WARN=1", "modules"]
    said = process.run([*make, "-C", build, f"M={home}", *_WARN, *link], log=home / "build.log")
    return _warnings(said, home)


def _helpers() -> list[Path]:
    """The folders of the benchmark's own modules."""
    return sorted(file.parent for file in (paths.TREE / "tools").rglob("Kbuild"))


def _lay_out(folder: Path, home: Path) -> None:
    files = module.sources() if folder == paths.TREE else sorted(folder.glob("*"))
    module.copy([file for file in files if file.is_file()], home, folder)


def _warnings(said: str, home: Path) -> list[str]:
    ours = re.compile(rf"{re.escape(str(home))}/(\S+: (?:warning|error): .*)")
    relative = re.compile(r"((?:kernel/)?[\w/]+\.[ch]:\d+:\d+: (?:warning|error): .*)")
    lines = said.splitlines()
    return [found[1] for line in lines if (found := ours.match(line) or relative.match(line))]


def _checkpatch() -> list[str]:
    program = kernels.newest_source() / "scripts/checkpatch.pl"
    names = [str(file.relative_to(paths.TREE)) for file in module.sources()[1:]]
    files = [name for name in names if not name.startswith(_NOT_KERNEL_STYLE)]
    own = (file for folder in _helpers() for file in folder.glob("*.[ch]"))
    files += sorted(str(file.relative_to(paths.TREE)) for file in own)
    options = ["--no-tree", "--no-summary", "--terse", "--show-types", "--file"]
    return _said(["perl", str(program), *options, "--ignore", _NOT_FOR_US, *files])


def _kernel_doc() -> list[str]:
    program = kernels.newest_source() / "scripts/kernel-doc"
    files = [str(file.relative_to(paths.TREE)) for file in module.sources()[1:]]
    return _said([sys.executable, str(program), "-none", "-Wall", "-Werror", *files])


def _ruff() -> list[str]:
    return _said([_tool("ruff"), "check", "--output-format=concise", "--quiet", *_PYTHON])


def _ruff_format() -> list[str]:
    return _said([_tool("ruff"), "format", "--check", "--quiet", *_PYTHON])


def _mypy() -> list[str]:
    command = [_tool("mypy"), "--strict", "--no-error-summary", *_PYTHON]
    return _said(command, MYPYPATH=f"{paths.TREE}:{paths.TREE / 'tools'}")


def _tool(name: str) -> str:
    return str(paths.PYTHON.with_name(name))


def _said(command: list[str], **environment: str) -> list[str]:
    """The lines that a checker printed; a failure without a word is a finding too."""
    done = subprocess.run(
        process.cage(command),
        preexec_fn=process.die_with_parent,
        cwd=paths.TREE,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    if done.returncode and not lines:
        lines.append(f"{Path(command[0]).name} ended with {done.returncode}")
    return lines if done.returncode else []


CHECKS: dict[str, Callable[[], list[str]]] = {
    "ruff": _ruff,
    "ruff format": _ruff_format,
    "mypy --strict": _mypy,
    "checkpatch": _checkpatch,
    "kernel-doc": _kernel_doc,
    "gcc W=1 and sparse, Linux 6.1": lambda: _compile("6.1"),
    "gcc W=1 and sparse, Linux 6.12": lambda: _compile("6.12"),
    "gcc W=1 and sparse, newest Linux": lambda: _compile("newest"),
    "gcc W=1 and sparse, newest Linux, 32 bits (i386)": lambda: _cross("i386", ""),
    "gcc W=1 and sparse, newest Linux, big-endian (s390x)": lambda: _cross(
        "s390", "s390x-linux-gnu-"
    ),
}
