# SPDX-License-Identifier: GPL-2.0
"""The kernels that the lab boots: Debian's 6.1 and 6.12, and the sanitizer kernel.

Each lives in a folder of the cache that also serves as the root of its modules (`modprobe -d`).
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from ippfvslab import debian, paths, process, say

NAMES = ("6.1", "6.12", "sanitize")
"""Those that the tests run on; "bench" is for measuring."""

_DEBIAN = {
    "6.1": r"linux-image-6\.1\.0-\d+-amd64",
    "6.12": r"linux-image-6\.12\.\d+\+deb12-amd64",
}


@dataclass(frozen=True)
class Kernel:
    """One bootable kernel and what is needed to build modules for it."""

    name: str
    """How the user calls it: one of NAMES."""
    release: str
    """What `uname -r` says in it."""
    image: Path
    """The file to boot: a bzImage, or the executable of User-Mode Linux."""
    root: Path
    """The folder with lib/modules/RELEASE."""
    build: Path
    """KDIR: the folder to give to `make -C`."""
    arch: str
    """make's ARCH."""
    flags: str = ""
    """More for the compiler, of the kernel and of its modules."""

    @property
    def user_mode(self) -> bool:
        """Whether it is a User-Mode Linux, an ordinary program."""
        return self.arch == "um"

    @property
    def sanitizer(self) -> bool:
        """Whether it is the one with KASAN, lockdep, UBSAN and kmemleak."""
        return self.name == "sanitize"


def get(name: str) -> Kernel:
    """The kernel NAME, fetched or built when the cache has none."""
    with paths.locked(f"kernel-{name}"):
        return _debian(name) if name in _DEBIAN else _user_mode(name)


def _debian(name: str) -> Kernel:
    image = debian.newest(_DEBIAN[name])
    release = image.removeprefix("linux-image-")
    root = paths.KERNELS / f"{image}_{debian.version(image)}"
    headers = f"linux-headers-{release}"
    if not root.exists():
        common = debian.depends(headers, r"linux-headers-.*-common")
        kbuild = debian.depends(headers, r"linux-kbuild-.*")
        with say.step(f"Linux {release}: download", "a minute"):
            part = root.with_name(root.name + ".new")
            debian.unpack([image, headers, common, kbuild], part)
            _mend(part, root)
            process.run(["depmod", "-b", part, release])
            part.rename(root)
    build = root / "usr/src" / headers
    return Kernel(name, release, root / f"boot/vmlinuz-{release}", root, build, "x86_64")


def _mend(folder: Path, home: Path) -> None:
    """Make headers unpacked in FOLDER, to be moved to HOME, point there and not to /usr/src."""
    for makefile in folder.glob("usr/src/linux-headers-*/Makefile"):
        text = makefile.read_text()
        if text.startswith("include /usr/src/"):
            makefile.write_text(text.replace("include /usr/src/", f"include {home}/usr/src/"))
    # The kernel's own BTF is there to make a module's, by pahole; nothing here reads either.
    for vmlinux in folder.glob("usr/src/linux-headers-*/vmlinux"):
        vmlinux.unlink()
    for link in folder.glob("lib/modules/*/[bs]*"):
        if link.is_symlink() and str(link.readlink()).startswith("/usr/src/"):
            target = link.readlink().name
            link.unlink()
            link.symlink_to(f"../../../usr/src/{target}")


def source() -> Path:
    """The unpacked source of Debian's newest 6.12, for User-Mode Linux and checkpatch."""
    package = "linux-source-6.12"
    folder = paths.SOURCES / f"{package}_{debian.version(package)}"
    with paths.locked("source"):
        if not folder.exists():
            _unpack_source(package, folder)
    return folder


def _unpack_source(package: str, folder: Path) -> None:
    with say.step("the source of Linux 6.12: download and unpack", "a minute"):
        # Beside each other: a kernel's source has a folder usr of its own.
        package_part = folder.with_name(folder.name + ".deb")
        part = folder.with_name(folder.name + ".new")
        debian.unpack([package], package_part)
        tarball = package_part / "usr/src" / f"{package}.tar.xz"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        process.run(["tar", "-xf", tarball, "-C", part, "--strip-components=1"])
        shutil.rmtree(package_part)
        part.rename(folder)


def _user_mode(name: str) -> Kernel:
    tree = source()
    fragment = paths.TREE / f"tools/kernels/uml-{name}.config"
    flags = fragment.with_suffix(".flags")
    key = paths.digest([file for file in (fragment, flags) if file.exists()])
    more = flags.read_text().strip() if flags.exists() else ""
    root = paths.KERNELS / f"uml-{name}_{tree.name.partition('_')[2]}_{key}"
    if not (root / "ready").exists():
        with say.step(f"User-Mode Linux ({name}): build", "7 minutes on 2 cores"):
            _build_uml(tree, fragment, root, more)
    release = (root / "build/include/config/kernel.release").read_text().strip()
    return Kernel(name, release, root / "build/linux", root, root / "build", "um", more)


def _build_uml(tree: Path, fragment: Path, root: Path, flags: str) -> None:
    shutil.rmtree(root, ignore_errors=True)
    build = root / "build"
    build.mkdir(parents=True)
    make: list[str | Path] = ["make", "-s", "-C", tree, f"O={build}", "ARCH=um", f"-j{_cores()}"]
    make.append(f"KCFLAGS={flags}")
    process.run([*make, "x86_64_defconfig"], log=root / "config.log")
    merge = tree / "scripts/kconfig/merge_config.sh"
    process.run([merge, "-m", "-O", build, build / ".config", fragment], log=root / "merge.log")
    process.run([*make, "olddefconfig"], log=root / "olddefconfig.log")
    _check_config(build / ".config", fragment)
    process.run([*make, "all"], log=root / "build.log")
    process.run([*make, f"INSTALL_MOD_PATH={root}", "modules_install"], log=root / "install.log")
    _prune(build)
    (root / "ready").touch()


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _check_config(config: Path, fragment: Path) -> None:
    """A sanitizer that a newer kernel silently left out would be a test that tests nothing."""
    have = set(config.read_text().splitlines())
    wanted = re.findall(r"^CONFIG_\w+=[ym]$", fragment.read_text(), re.MULTILINE)
    missing = [word for word in wanted if word not in have and word[:-1] + "y" not in have]
    if missing:
        raise say.Trouble(f"Linux did not take these lines of {fragment}: {' '.join(missing)}")


def _prune(build: Path) -> None:
    """Drop what neither booting nor building modules needs: three quarters of the tree."""
    (build / "vmlinux.o").unlink(missing_ok=True)
    for waste in [*build.glob(".tmp_vmlinux*"), *build.rglob("*.a")]:
        waste.unlink()
    keep = build / "scripts"
    for waste in build.rglob("*.o"):
        if keep not in waste.parents:
            waste.unlink()
