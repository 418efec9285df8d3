# SPDX-License-Identifier: GPL-2.0
"""What of the tree is built for guests: ippfvs.ko, kept by its contents, and byte code."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from ippfvslab import paths
from ippfvslab.kernels import Kernel
from ippfvslab.say import Trouble, step

KEEP = 4
# User-Mode Linux forgets to take the red zones of globals from the memory of an unloaded module:
# the next one that is loaded there would trip over them. So globals have none.
_KASAN = (
    "CFLAGS_KASAN=-fsanitize=kernel-address -fasan-shadow-offset=$(CONFIG_KASAN_SHADOW_OFFSET)"
    " --param asan-globals=0 --param asan-stack=1"
    " --param asan-instrumentation-with-call-threshold=0"
)


def sources() -> list[Path]:
    """Every file that Kbuild reads."""
    kernel = paths.TREE / "kernel"
    kbuild = paths.TREE / "Kbuild"
    if not kbuild.exists():
        raise Trouble(f"{kbuild} is missing: this is not the whole source tree of ippfvs")
    return [kbuild, *(f for f in kernel.rglob("*") if f.suffix in (".c", ".h") and f.is_file())]


def build(kernel: Kernel) -> Path:
    """The module for KERNEL, built when the cache has none of these very sources."""
    return _build(kernel, "ippfvs", paths.TREE, sources())


def build_other(kernel: Kernel, folder: Path) -> Path:
    """The module for KERNEL whose sources are in FOLDER, and that is called like it."""
    files = [folder / "Kbuild", *sorted(folder.glob("*.c"))]
    return _build(kernel, folder.name, folder, files)


def _build(kernel: Kernel, name: str, tree: Path, files: list[Path]) -> Path:
    key = paths.digest([*files, Path(__file__), kernel.build / "Module.symvers"])
    stem = kernel.name if name == "ippfvs" else f"{name}-{kernel.name}"
    home = paths.MODULES / f"{stem}-{key}"
    with paths.locked(f"module-{stem}"):
        if not (home / "ready").exists():
            with step(f"{name}.ko for {kernel.release}: build", "20 seconds"):
                _forget_old(stem)
                copy(files, home, tree)
                make(kernel, home)
                (home / "ready").touch()
    return home / f"{name}.ko"


def _forget_old(stem: str) -> None:
    """Keep the newest few builds only."""
    own = f"{stem}-{'[0-9a-f]' * 16}"
    homes = sorted(paths.MODULES.glob(own), key=lambda home: home.stat().st_mtime)
    for home in homes[:-KEEP]:
        shutil.rmtree(home)


def make(kernel: Kernel, home: Path, *words: str) -> str:
    """Run Kbuild for KERNEL on the sources in HOME and return its output."""
    kasan = [_KASAN] if kernel.sanitizer else []
    return kernel.make(f"M={home}", *kasan, *words, "modules", log=home / "build.log")


def copy(files: list[Path], home: Path, tree: Path = paths.TREE) -> None:
    """Lay the sources out anew in HOME as they are in TREE."""
    shutil.rmtree(home, ignore_errors=True)
    for file in files:
        copy = home / file.relative_to(tree)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)


def compile_tree() -> None:
    """Byte-compile the Python that guests will run: they cannot keep what they compile."""
    folders = [
        str(paths.TREE / name) for name in ("pylvs", "tools/ippfvslab", "tools/bench", "tests/live")
    ]
    subprocess.run([sys.executable, "-m", "compileall", "-q", *folders], check=True)
