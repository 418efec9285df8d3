# SPDX-License-Identifier: GPL-2.0
"""The build of ippfvs.ko, which is cached under a hash of its sources, and of Python byte code."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from ippfvslab import paths
from ippfvslab.kernels import Kernel
from ippfvslab.log import LabError, step

KEEP = 4
# User-Mode Linux does not remove the KASAN red zones of a module's globals when the module is
# unloaded. A module that is loaded there later would cause false reports. So globals get no red
# zones.
_KASAN = (
    "CFLAGS_KASAN=-fsanitize=kernel-address -fasan-shadow-offset=$(CONFIG_KASAN_SHADOW_OFFSET)"
    " --param asan-globals=0 --param asan-stack=1"
    " --param asan-instrumentation-with-call-threshold=0"
)


def sources() -> list[Path]:
    """Return every file that Kbuild reads."""
    kernel = paths.TREE / "kernel"
    kbuild = paths.TREE / "Kbuild"
    if not kbuild.exists():
        raise LabError(f"{kbuild} is missing: this is not the whole source tree of ippfvs")
    return [kbuild, *(f for f in kernel.rglob("*") if f.suffix in (".c", ".h") and f.is_file())]


def build(kernel: Kernel) -> Path:
    """Return the module for KERNEL. It is built if the cache does not have it for these sources."""
    return _build(kernel, "ippfvs", paths.TREE, sources())


def build_other(kernel: Kernel, folder: Path) -> Path:
    """Return the module for KERNEL whose sources are in FOLDER and which has FOLDER's name."""
    files = [folder / "Kbuild", *sorted(folder.glob("*.c"))]
    return _build(kernel, folder.name, folder, files)


def _build(kernel: Kernel, name: str, tree: Path, files: list[Path]) -> Path:
    key = paths.digest([*files, Path(__file__), kernel.build / "Module.symvers"])
    stem = kernel.name if name == "ippfvs" else f"{name}-{kernel.name}"
    home = paths.MODULES / f"{stem}-{key}"
    with paths.locked(f"module-{stem}"):
        if not paths.use(home / paths.READY):
            with step(f"{name}.ko for {kernel.release}: build", "20 seconds"):
                _remove_old_builds(stem)
                copy(files, home, tree)
                make(kernel, home)
                (home / paths.READY).touch()
            paths.remove_unused()
    return home / f"{name}.ko"


def _remove_old_builds(stem: str) -> None:
    """Keep only the newest KEEP builds."""
    own = f"{stem}-{'[0-9a-f]' * 16}"
    homes = sorted(paths.MODULES.glob(own), key=lambda home: home.stat().st_mtime)
    for home in homes[:-KEEP]:
        shutil.rmtree(home)


def make(kernel: Kernel, home: Path, *arguments: str) -> str:
    """Run Kbuild for KERNEL on the sources in HOME and return its output."""
    kasan = [_KASAN] if kernel.sanitizer else []
    return kernel.make(f"M={home}", *kasan, *arguments, "modules", log=home / "build.log")


def copy(files: list[Path], home: Path, tree: Path = paths.TREE) -> None:
    """Empty the folder HOME and copy FILES into it, with the same layout as in TREE."""
    shutil.rmtree(home, ignore_errors=True)
    for file in files:
        copy = home / file.relative_to(tree)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)


def compile_tree() -> None:
    """Byte-compile the Python that guests will run. They cannot store byte code themselves."""
    folders = [
        str(paths.TREE / name) for name in ("pylvs", "tools/ippfvslab", "tools/bench", "tests/live")
    ]
    subprocess.run([sys.executable, "-m", "compileall", "-q", *folders], check=True)
