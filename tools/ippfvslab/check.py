# SPDX-License-Identifier: GPL-2.0
"""`tools/lab check` runs compilers with all warnings, and checkers of C and Python."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from ippfvslab import kernels, log, module, paths, process

# checkpatch is made for patches to the kernel tree. These of its types do not apply to a tree
# outside of it.
_NOT_APPLICABLE = (
    "FILE_PATH_CHANGES,LINUX_VERSION_CODE,CONFIG_DESCRIPTION,EMBEDDED_FUNCTION_NAME,"
    "ALLOC_WITH_SIZEOF,MACRO_ARG_REUSE,COMPLEX_MACRO,SPDX_LICENSE_TAG,SPLIT_STRING,MULTISTATEMENT_MACRO_USE_DO_WHILE"
)
# These files have names of old kernels, or let user space compile the core.
_NOT_KERNEL_STYLE = ("kernel/compat/", "kernel/core/port.h")
_PYTHON = ("pylvs", "tools/ippfvslab", "tools/bench", "tests", "setup.py")
_SPARSE = ("C=2", "CF=-D__CHECK_ENDIAN__")
_WARNING = re.compile(r"\b(warning|error): ", re.IGNORECASE)
# A difference between the revisions of the compilers is harmless, and BTF is not needed.
_HARMLESS = re.compile(r"the compiler differs from the one used|Skipping BTF generation")
_UNDEFINED = re.compile(
    r"modpost: (.* undefined!$|suppressed \d+ unresolved symbol|Symbol info of vmlinux is missing)"
)


def main() -> int:
    """Run every check and print its findings. Return the number of checks that found something."""
    failed = 0
    for name, check in CHECKS.items():
        try:
            found = check()
        except log.LabError as error:
            found = str(error).splitlines()
        log.line(f"== {name}: {'passed' if not found else 'failed'}")
        for finding in found:
            log.line(f"   {finding}")
        failed += bool(found)
    return failed


def _compile(name: str, *options: str) -> list[str]:
    """Return the warnings about our files, compiled for a stock kernel with W=1 and the OPTIONS."""
    kernel = kernels.get(name)
    found = []
    with paths.locked(f"check-{name}"):
        for folder in (paths.TREE, *_helpers()) if name != "6.1" else (paths.TREE,):
            home = paths.MODULES / f"check-{name}" / folder.name
            _lay_out(folder, home)
            found += warnings(module.make(kernel, home, "W=1", *options), home)
    return found


def _cross(arch: str, compiler: str) -> list[str]:
    """Return the warnings of a build for another architecture, which cannot be loaded here."""
    tree = kernels.newest_source()
    fragment = paths.TREE / "tools/kernels/cross.config"
    build = paths.CACHE / "cross" / f"{arch}_{tree.name}_{paths.digest([fragment])}"
    options = [f"ARCH={arch}", f"CROSS_COMPILE={compiler}"]
    make = ["make", "-s", f"-j{kernels.cores()}", *options]
    with paths.locked(f"check-{arch}"):
        if not (build / "Module.symvers").exists():
            shutil.rmtree(build, ignore_errors=True)
            build.mkdir(parents=True)
            kernels.configure(tree, build, [fragment], "tinyconfig", *options)
            prepare = [*make, "-C", str(tree), f"O={build}", "modules_prepare"]
            process.run(prepare, log=build / "build.log")
            (build / "Module.symvers").touch()
        home = paths.MODULES / f"check-{arch}"
        _lay_out(paths.TREE, home)
        # The kernel itself is not built, so modpost cannot know its symbols.
        link = ["KBUILD_MODPOST_WARN=1", "modules"]
        output = process.run([*make, "-C", str(build), f"M={home}", "W=1", *link])
        lines = [line for line in output.splitlines() if not _UNDEFINED.search(line)]
        return warnings("\n".join(lines), home)


def _helpers() -> list[Path]:
    """Return the folders of the modules that the benchmark needs."""
    return sorted(file.parent for file in (paths.TREE / "tools").rglob("Kbuild"))


def _lay_out(folder: Path, home: Path) -> None:
    files = module.sources() if folder == paths.TREE else sorted(folder.glob("*"))
    module.copy([file for file in files if file.is_file()], home, folder)


def warnings(output: str, home: Path) -> list[str]:
    """Return the lines of a build's OUTPUT that warn, without the name of the folder HOME."""
    lines = [line.replace(f"{home}/", "") for line in output.splitlines()]
    return [line for line in lines if _WARNING.search(line) and not _HARMLESS.search(line)]


def _checkpatch() -> list[str]:
    program = kernels.newest_source() / "scripts/checkpatch.pl"
    names = [str(file.relative_to(paths.TREE)) for file in module.sources()[1:]]
    files = [name for name in names if not name.startswith(_NOT_KERNEL_STYLE)]
    own = (file for folder in _helpers() for file in folder.glob("*.[ch]"))
    files += sorted(str(file.relative_to(paths.TREE)) for file in own)
    options = ["--no-tree", "--no-summary", "--terse", "--show-types", "--file"]
    return _findings(["perl", str(program), *options, "--ignore", _NOT_APPLICABLE, *files])


def _kernel_doc() -> list[str]:
    program = kernels.newest_source() / "scripts/kernel-doc"
    files = [str(file.relative_to(paths.TREE)) for file in module.sources()[1:]]
    return _findings([sys.executable, str(program), "-none", "-Wall", "-Werror", *files])


def _ruff() -> list[str]:
    return _findings([_tool("ruff"), "check", "--output-format=concise", "--quiet", *_PYTHON])


def _ruff_format() -> list[str]:
    return _findings([_tool("ruff"), "format", "--check", "--quiet", *_PYTHON])


def _mypy() -> list[str]:
    command = [_tool("mypy"), "--strict", "--no-error-summary", *_PYTHON]
    return _findings(command, MYPYPATH=f"{paths.TREE}:{paths.TREE / 'tools'}")


def _tool(name: str) -> str:
    return str(paths.PYTHON.with_name(name))


def _findings(command: list[str], **environment: str) -> list[str]:
    """Run a checker. Return its output if it fails; a failure without output is a finding, too."""
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
    # Debian's sparse is too old for the headers of Linux 7.x.
    "gcc W=1, newest Linux": lambda: _compile("newest"),
    "gcc W=1, newest Linux, 32 bits (i386)": lambda: _cross("i386", ""),
    "gcc W=1, newest Linux, big-endian (s390x)": lambda: _cross("s390", "s390x-linux-gnu-"),
}
