# SPDX-License-Identifier: GPL-2.0
"""The kernel module: build it, load it, read its version, unload it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import BuildFailed, MissingOption, NotPermitted

NAME = "ippfvs"
MAKE_FLAGS = ("W", "C", "CF", "V", "CC", "LLVM", "ARCH", "CROSS_COMPILE")
NEEDED = (
    "CONFIG_MODULES",
    "CONFIG_NET",
    "CONFIG_INET",
    "CONFIG_IPV6",
    "CONFIG_NET_NS",
    "CONFIG_NETFILTER",
    "CONFIG_NF_DEFRAG_IPV4",
    "CONFIG_NF_DEFRAG_IPV6",
    "CONFIG_NF_REJECT_IPV4",
    "CONFIG_NF_REJECT_IPV6",
    "CONFIG_NF_TPROXY_IPV4",
    "CONFIG_NF_TPROXY_IPV6",
)

_PERMISSION = "Operation not permitted"
_UNKNOWN_SYMBOL = "Unknown symbol"


def build(
    root: Path, kdir: str | Path | None = None, flags: Mapping[str, str] | None = None
) -> Path:
    """Build ippfvs.ko with Kbuild and return its path.

    :param root: the source tree, which contains Kbuild
    :param kdir: the build tree of a kernel; None means that of the running kernel
    :param flags: variables for make, whose names are in MAKE_FLAGS
    :raises BuildFailed: headers or make are missing, or make failed; the message ends with the
        last lines of make's output
    :raises MissingOption: the kernel lacks options that the module needs; the error names them
    """
    tree = Path(kdir) if kdir is not None else running_kdir()
    if not (tree / "Makefile").exists():
        raise BuildFailed(
            f"no kernel headers at {tree}", f"install them: apt-get install {_headers(tree)}"
        )
    words = ["make", "-C", str(tree), f"M={root}", "modules"]
    words += [f"{name}={value}" for name, value in (flags or {}).items()]
    run = _run(words, "make is not installed", "apt-get install build-essential")
    if lacking := re.search(r"\*\*\* (ippfvs needs a kernel with [\w ]+)\.", run.stderr):
        raise MissingOption(f"no module can be built: {lacking[1]}")
    if run.returncode:
        raise BuildFailed(f"make failed:\n{_tail(run)}")
    return root / f"{NAME}.ko"


def running_kdir() -> Path:
    """Return the path of the running kernel's build tree, which may not be installed."""
    return Path("/lib/modules", os.uname().release, "build")


def load(module: Path | str, parameters: Sequence[str] = ()) -> None:
    """Load a built module, after the modules of the kernel that it needs.

    :param module: the .ko file
    :param parameters: parameters of the module, such as ``conn_tab_bits=16``
    :raises NotPermitted: loading needs CAP_SYS_MODULE
    :raises MissingOption: the running kernel lacks options; the error names them
    :raises BuildFailed: the file is not a module of the running kernel, or it did not load
    """
    module = Path(module)
    for name in dependencies(module):
        _command(["modprobe", name], f"module {name} did not load")
    _command(["insmod", str(module), *parameters], f"{module.name} did not load")


def unload() -> None:
    """Unload ippfvs.

    :raises NotPermitted: unloading needs CAP_SYS_MODULE
    :raises BuildFailed: the module is not loaded, or it is in use
    """
    _command(["rmmod", NAME], f"{NAME} did not unload")


def dependencies(module: Path) -> list[str]:
    """Return the names of the modules that a .ko depends on.

    :raises BuildFailed: the file is not a module
    """
    return [name for name in _field(module, "depends").split(",") if name]


def version(module: Path) -> str:
    """Return the version of a .ko.

    :raises BuildFailed: the file is not a module
    """
    return _field(module, "version")


def missing_options(config: str) -> list[str]:
    """Return the options that the module needs and that a kernel configuration does not have."""
    have = {line.partition("=")[0] for line in config.splitlines() if line[-2:] in ("=y", "=m")}
    return [name for name in NEEDED if name not in have]


def _field(module: Path, field: str) -> str:
    run = _run(["modinfo", "-F", field, str(module)], "modinfo is not installed", _INSTALL_KMOD)
    if run.returncode:
        raise BuildFailed(f"{module} is not a kernel module: {_tail(run)}")
    return run.stdout.strip()


_INSTALL_KMOD = "apt-get install kmod"


def _command(words: list[str], failure: str) -> None:
    run = _run(words, f"{words[0]} is not installed", _INSTALL_KMOD)
    if not run.returncode:
        return
    said = _tail(run)
    if _PERMISSION in said:
        raise NotPermitted(f"{failure}: it needs CAP_SYS_MODULE", "do it as root")
    lacking = missing_options(_running_config()) if _UNKNOWN_SYMBOL in said else []
    if lacking:
        raise MissingOption(f"{failure}: this kernel was built without {', '.join(lacking)}")
    raise BuildFailed(f"{failure}: {said}")


def _running_config() -> str:
    path = Path("/boot", f"config-{os.uname().release}")
    try:
        return path.read_text()
    except OSError:
        return "\n".join(f"{name}=y" for name in NEEDED)  # unknown, so no option is reported


def _run(words: list[str], absent: str, remedy: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise BuildFailed(absent, remedy) from None


def _tail(run: subprocess.CompletedProcess[str]) -> str:
    return "\n".join((run.stderr or run.stdout).strip().splitlines()[-20:])


def _headers(tree: Path) -> str:
    release = tree.parts[-2] if tree.name == "build" and len(tree.parts) > 2 else "$(uname -r)"
    return tree.name if tree.name.startswith("linux-headers-") else f"linux-headers-{release}"
