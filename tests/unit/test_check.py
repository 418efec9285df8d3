# SPDX-License-Identifier: GPL-2.0
"""Lines of a build's output that are findings, and lines that are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from ippfvslab import check

HOME = Path("/cache/check-6.12/main")


@pytest.mark.parametrize(
    "line",
    [
        "/cache/check-6.12/main/kernel/net.c:12:3: warning: unused variable 'x' [-Wunused]",
        "kernel/conn/../net.h:12:3: warning: unused variable 'x'",
        "./kernel/compat/include/net/gso.h:3:1: error: expected ';'",
        "kernel/main.c:12: warning: no column",
        "kernel/main.o: warning: objtool: unreachable instruction",
        "WARNING: modpost: missing MODULE_DESCRIPTION() in ippfvs.o",
    ],
)
def test_a_warning_of_compiler_checker_or_linker_is_a_finding(line: str) -> None:
    (found,) = check.warnings(f"  CC [M]  kernel/main.o\n{line}\n", HOME)
    assert found == line.replace(f"{HOME}/", "")


def test_harmless_lines_are_no_findings() -> None:
    output = (
        "  CC [M]  kernel/main.o\n"
        "warning: the compiler differs from the one used to build the kernel\n"
        "Skipping BTF generation for ippfvs.ko due to unavailability of vmlinux\n"
    )
    assert check.warnings(output, HOME) == []
