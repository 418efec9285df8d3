# SPDX-License-Identifier: GPL-2.0
"""`tools/check`: W=1 and sparse with endian checks, checkpatch, kernel-doc, ruff and mypy."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from ippfvslab import kernels, module, paths, say

# checkpatch speaks to patches for the kernel tree; these say nothing about a tree of its own.
_NOT_FOR_US = (
    "FILE_PATH_CHANGES,LINUX_VERSION_CODE,CONFIG_DESCRIPTION,EMBEDDED_FUNCTION_NAME,"
    "MACRO_ARG_REUSE,COMPLEX_MACRO,SPDX_LICENSE_TAG,SPLIT_STRING,MULTISTATEMENT_MACRO_USE_DO_WHILE"
)
# Old kernels' names, and what lets user space compile the core.
_NOT_KERNEL_STYLE = ("kernel/compat/", "kernel/core/port.h", "kernel/core/user_port.h")
_PYTHON = ("pylvs", "tools/ippfvslab", "tests", "setup.py")


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


def _compile(kernel_name: str) -> list[str]:
    """What gcc (W=1) and sparse say of our files, built anew for a kernel."""
    kernel = kernels.get(kernel_name)
    home = paths.MODULES / f"check-{kernel_name}"
    with paths.locked(f"check-{kernel_name}"):
        shutil.rmtree(home, ignore_errors=True)
        module.copy(module.sources(), home)
        said = module.make(kernel, home, "W=1", "C=2", "CF=-D__CHECK_ENDIAN__")
    ours = re.compile(rf"{re.escape(str(home))}/(\S+: (?:warning|error): .*)")
    return [found[1] for line in said.splitlines() if (found := ours.match(line))]


def _checkpatch() -> list[str]:
    program = kernels.source() / "scripts/checkpatch.pl"
    names = [str(file.relative_to(paths.TREE)) for file in module.sources()[1:]]
    files = [name for name in names if not name.startswith(_NOT_KERNEL_STYLE)]
    own = (paths.TREE / "tools/ippfvslab/bench").glob("*/*.c")
    files += sorted(str(file.relative_to(paths.TREE)) for file in own)
    options = ["--no-tree", "--no-summary", "--terse", "--show-types", "--file"]
    return _said(["perl", str(program), *options, "--ignore", _NOT_FOR_US, *files])


def _kernel_doc() -> list[str]:
    program = kernels.source() / "scripts/kernel-doc"
    files = [str(file.relative_to(paths.TREE)) for file in module.sources()[1:]]
    return _said(["perl", str(program), "-none", "-Wall", "-Werror", *files])


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
        command,
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
}
