# SPDX-License-Identifier: GPL-2.0
"""Build pylvs._core: the kernel's pure C (core and schedulers) as a Python extension.

setup.py names ``ffibuilder``. ``python -m pylvs._core_build`` builds the extension next to this
file, for tests and simulations from a source tree. The preprocessor takes the declarations for
cffi from the headers, so the headers are their only source.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from cffi import FFI  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent.parent


def _files(pattern: str) -> tuple[str, ...]:
    """Return the files of the pure C, as paths below the source tree."""
    found = (
        path for folder in ("core", "sched") for path in (ROOT / "kernel" / folder).glob(pattern)
    )
    return tuple(
        sorted(str(path.relative_to(ROOT)) for path in found if not path.name.endswith(".mod.c"))
    )


SOURCES = _files("*.c")
HEADERS = (*_files("*.h"), "kernel/uapi/ippfvs.h")

INCLUDES = "".join(f'#include "{name.removeprefix("kernel/")}"\n' for name in HEADERS)

# The types from system headers that our headers use. The compiler replaces "...".
SYSTEM = """
typedef uint16_t __be16;
typedef uint32_t __be32;
struct in6_addr {
    uint8_t s6_addr[16];
    ...;
};
"""


def declarations() -> str:
    """Return the declarations of the headers, in the subset of C that cffi reads.

    :raises SystemExit: there is no C compiler, or it refuses a header
    """
    command = [*shlex.split(os.environ.get("CC", "cc")), "-E", "-dD", "-std=gnu11", "-Ikernel", "-"]
    try:
        run = subprocess.run(
            command, input=INCLUDES, capture_output=True, text=True, cwd=ROOT, check=True
        )
    except FileNotFoundError:
        raise SystemExit(
            f"{command[0]} is not installed: apt-get install build-essential"
        ) from None
    except subprocess.CalledProcessError as failed:
        raise SystemExit(f"the headers of kernel/ do not compile:\n{failed.stderr}") from None
    macros, code = _ours(run.stdout)
    return SYSTEM + "".join(macros) + "".join(_external_declarations(code))


def _ours(preprocessed: str) -> tuple[list[str], str]:
    """Return the numeric macros and the code of the headers below kernel/."""
    number = re.compile(r"#define (IPPFVS_\w+) +\(?(?:0x)?[0-9a-fA-F]+\)?$")
    macros: list[str] = []
    code: list[str] = []
    ours = False
    for line in preprocessed.splitlines():
        if marker := re.match(r'# \d+ "([^"]*)"', line):
            ours = "kernel/" in marker[1] and not marker[1].startswith("/")
        elif ours and (macro := number.match(line)):
            macros.append(f"#define {macro[1]} ...\n")
        elif ours and not line.startswith("#"):
            code.append(line)
    return macros, "\n".join(code)


def _external_declarations(code: str) -> list[str]:
    """Return the declarations of a file. A function with a body becomes its prototype."""
    code = re.sub(r"__attribute__\s*\(\(.*?\)\)", "", code)
    code = re.sub(r"\b(?:static|inline|__inline__|__inline)\b", "", code)
    found: list[str] = []
    start = depth = 0
    body = -1  # where the body of a function begins
    for at, letter in enumerate(code):
        if letter == "{":
            if not depth and code[start:at].rstrip().endswith(")"):
                body = at
            depth += 1
        elif letter == "}":
            depth -= 1
            if not depth and body >= 0:
                found.append(f"{code[start:body].strip()};\n")
                start, body = at + 1, -1
        elif letter == ";" and not depth:
            found.append(f"{code[start : at + 1].strip()}\n")
            start = at + 1
    return found


def builder(root: str = "") -> FFI:
    """Return the cffi builder.

    :param root: the source tree, with a slash at its end. If it is empty, the sources are in the
        current folder. An sdist needs this, because setup.py runs in its own folder.
    """
    ffi = FFI()
    ffi.cdef(declarations())
    ffi.set_source(
        "pylvs._core",
        INCLUDES,
        sources=[root + source for source in SOURCES],
        depends=[root + header for header in HEADERS],
        include_dirs=[f"{root}kernel"],
        extra_compile_args=["-std=gnu11", "-O2", "-Wall"],
    )
    return ffi


def build_in_place() -> Path:
    """Build the extension into the source tree and return its path.

    The objects are written to a temporary folder, because Kbuild writes files with the same names.
    An extension from another build tool is removed, because it might be imported instead.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = Path(builder(f"{ROOT}/").compile(tmpdir=folder))
        target = ROOT / "pylvs" / made.name
        fresh = target.with_suffix(".new")
        shutil.copy(made, fresh)
        fresh.replace(target)
    for other in target.parent.glob("_core.*.so"):
        if other != target:
            other.unlink()
    return target


ffibuilder = builder()

if __name__ == "__main__":
    print(build_in_place())
