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
    "ALLOC_WITH_SIZEOF,MACRO_ARG_REUSE,COMPLEX_MACRO,SPDX_LICENSE_TAG,SPLIT_STRING,MULTISTATEMENT_MACRO_USE_DO_WHILE"
)
# Old kernels' names, and what lets user space compile the core.
_NOT_KERNEL_STYLE = ("kernel/compat/", "kernel/core/port.h", "kernel/core/user_port.h")
_PYTHON = ("pylvs", "tools/ippfvslab", "tools/bench", "tests", "setup.py")
_SPARSE = ("C=2", "CF=-D__CHECK_ENDIAN__")
_WARNING = re.compile(r"\b(warning|error): ", re.IGNORECASE)
# The compiler of a build differs by a revision from that of Debian's own; no BTF is wanted.
_INNOCENT = re.compile(r"the compiler differs from the one used|Skipping BTF generation")
_UNDEFINED = re.compile(
    r"modpost: (.* undefined!$|suppressed \d+ unresolved symbol|Symbol info of vmlinux is missing)"
)


def main() -> int:
    """Run every check and show what it found; the number of checks that found something."""
    failed = 0
    for name, check in CHECKS.items():
        try:
            found = check()
        except say.Trouble as trouble:
            found = str(trouble).splitlines()
        say.line(f"== {name}: {'well' if not found else 'not well'}")
        for finding in found:
            say.line(f"   {finding}")
        failed += bool(found)
    return failed


def _compile(name: str, *words: str) -> list[str]:
    """The warnings about our files, compiled for a stock kernel with W=1 and WORDS."""
    kernel = kernels.get(name)
    found = []
    with paths.locked(f"check-{name}"):
        for folder in (paths.TREE, *_helpers()) if name != "6.1" else (paths.TREE,):
            home = paths.MODULES / f"check-{name}" / folder.name
            _lay_out(folder, home)
            found += warnings(module.make(kernel, home, "W=1", *words), home)
    return found


def _cross(arch: str, compiler: str) -> list[str]:
    """The same for another architecture, on which the module cannot be loaded here."""
    tree = kernels.newest_source()
    fragment = paths.TREE / "tools/kernels/cross.config"
    build = paths.CACHE / "cross" / f"{arch}_{tree.name}_{paths.digest([fragment])}"
    words = [f"ARCH={arch}", f"CROSS_COMPILE={compiler}"]
    make = ["make", "-s", f"-j{kernels.cores()}", *words]
    with paths.locked(f"check-{arch}"):
        if not (build / "Module.symvers").exists():
            shutil.rmtree(build, ignore_errors=True)
            build.mkdir(parents=True)
            kernels.configure(tree, build, [fragment], "tinyconfig", *words)
            prepare = [*make, "-C", str(tree), f"O={build}", "modules_prepare"]
            process.run(prepare, log=build / "build.log")
            (build / "Module.symvers").touch()
        home = paths.MODULES / f"check-{arch}"
        _lay_out(paths.TREE, home)
        # Without the kernel itself modpost cannot know which symbols there are.
        link = ["KBUILD_MODPOST_WARN=1", "modules"]
        said = process.run([*make, "-C", str(build), f"M={home}", "W=1", *link])
        lines = [line for line in said.splitlines() if not _UNDEFINED.search(line)]
        return warnings("\n".join(lines), home)


def _helpers() -> list[Path]:
    """The folders of the benchmark's own modules."""
    return sorted(file.parent for file in (paths.TREE / "tools").rglob("Kbuild"))


def _lay_out(folder: Path, home: Path) -> None:
    files = module.sources() if folder == paths.TREE else sorted(folder.glob("*"))
    module.copy([file for file in files if file.is_file()], home, folder)


def warnings(said: str, home: Path) -> list[str]:
    """The lines of a build's output that warn, without the name of the folder HOME."""
    lines = [line.replace(f"{home}/", "") for line in said.splitlines()]
    return [line for line in lines if _WARNING.search(line) and not _INNOCENT.search(line)]


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
    "gcc W=1 and sparse, Linux 6.1": lambda: _compile("6.1", *_SPARSE),
    "gcc W=1 and sparse, Linux 6.12": lambda: _compile("6.12", *_SPARSE),
    # Debian's sparse is too old for the headers of 7.x.
    "gcc W=1, newest Linux": lambda: _compile("newest"),
    "gcc W=1, newest Linux, 32 bits (i386)": lambda: _cross("i386", ""),
    "gcc W=1, newest Linux, big-endian (s390x)": lambda: _cross("s390", "s390x-linux-gnu-"),
}
