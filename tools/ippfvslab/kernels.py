# SPDX-License-Identifier: GPL-2.0
"""The kernels that the lab boots: Debian's stock kernels, and User-Mode Linux built from source.

Each kernel has a folder in the cache, which is also the root of its modules (`modprobe -d`).
"""

from __future__ import annotations

import functools
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ippfvslab import debian, log, paths, process

_CONFIGS = paths.TREE / "tools/kernels"
_NEWEST_SOURCE = r"linux-source-\d+\.\d+"


@dataclass(frozen=True)
class Stock:
    """The description of a stock kernel."""

    package: str
    """A regular expression for the whole name of its image. The newest match is used."""
    trixie: bool = False
    """Whether the programs in its headers need the C library and the compiler of trixie."""


@dataclass(frozen=True)
class UserMode:
    """The description of a User-Mode Linux."""

    source: str = _NEWEST_SOURCE
    """A regular expression for the name of the source package."""
    configs: Sequence[str] = ("base",)
    """The files of tools/kernels that are merged into its configuration."""
    flags: str = ""
    """Additional options for the compiler of the kernel and of its modules."""
    patches: Sequence[str] = ()
    """The files of tools/kernels that are applied to the source."""
    cpus: int = 1
    boots: str = ""
    """The name of the kernel whose build is booted. It is empty if the kernel has its own build."""


# ARCH=um disables the compiler's built-in memcpy() of a few bytes, which x86 kernels use.
_FAST = "-fbuiltin"
_PATCHES = ("um-smp-irq.patch", "um-stack-trace.patch")
_STOCK = {
    "6.1": Stock(r"linux-image-6\.1\.0-\d+-amd64"),
    "6.12": Stock(r"linux-image-6\.12\.\d+\+deb12-amd64"),
    "newest": Stock(r"linux-image-\d+\.\d+\.\d+\+deb13-amd64", trixie=True),
    "6.12-rt": Stock(r"linux-image-6\.12\.\d+\+deb12-rt-amd64"),
    "newest-rt": Stock(r"linux-image-\d+\.\d+\.\d+\+deb13-rt-amd64", trixie=True),
}
_USER_MODE = {
    "uml": UserMode(configs=("base", "smp", "trace"), flags=_FAST, patches=_PATCHES, cpus=2),
    # lockdep makes two CPUs wait for each other, so only the tests of races use two CPUs.
    "sanitize": UserMode(configs=("base", "smp", "trace", "sanitize"), patches=_PATCHES),
    "races": UserMode(
        configs=("base", "smp", "trace", "sanitize"), patches=_PATCHES, cpus=2, boots="sanitize"
    ),
    "6.1-uml": UserMode("linux-source-6\\.1", configs=("base", "trace", "old")),
    "bench-6.12": UserMode("linux-source-6\\.12", flags=_FAST),
    "bench-newest": UserMode(flags=_FAST, patches=_PATCHES),
}
STOCK = tuple(_STOCK)
USER_MODE = tuple(name for name in _USER_MODE if not name.startswith("bench"))
NAMES = (*STOCK, *USER_MODE)
"""The kernels on which tests run. The kernels of the benchmark are not among them."""


@dataclass(frozen=True)
class Kernel:
    """A bootable kernel and what is needed to build modules for it."""

    name: str
    """The name on the command line, one of NAMES."""
    release: str
    """The output of `uname -r` in a guest with this kernel."""
    image: Path
    """The file to boot: a bzImage, or the executable of User-Mode Linux."""
    root: Path
    """The folder with lib/modules/RELEASE."""
    build: Path
    """The folder for `make -C`."""
    arch: str
    """The value of ARCH for make."""
    flags: str = ""
    """Additional options for the compiler of modules."""
    cpus: int = 2
    chroot: Path | None = None
    """The root folder of the system whose compiler and make build its modules."""

    @property
    def user_mode(self) -> bool:
        """Whether this kernel is a User-Mode Linux, which is an ordinary program."""
        return self.arch == "um"

    @property
    def seccomp(self) -> bool:
        """Whether User-Mode Linux uses seccomp for its processes. Two CPUs need it."""
        return self.user_mode and not self.release.startswith("6.")

    @property
    def sanitizer(self) -> bool:
        """Whether this kernel was built with KASAN, lockdep, UBSAN and kmemleak."""
        return self.name in ("sanitize", "races")

    def make(self, *options: str | Path, log: Path) -> str:
        """Run make with the compiler that fits this kernel, and return the output."""
        command: list[str | Path] = ["make", "-C", self.build, f"-j{cores()}", f"ARCH={self.arch}"]
        command += [f"KCFLAGS={self.flags}", *options]
        return process.run(process.in_root(self.chroot, command, paths.CACHE), log=log)


def cores() -> int:
    """Return the number of CPUs that the lab may use."""
    return len(os.sched_getaffinity(0))


def validate(word: str, what: str, names: Sequence[str] = NAMES) -> None:
    """Raise LabError if WORD is not in NAMES and cannot be the version of the newest kernel."""
    if word not in names and not re.fullmatch(r"([7-9]|\d\d+)\.\d+(-rt)?", word):
        raise log.LabError(
            f"{what} cannot run on a kernel {word}; the kernels are {', '.join(names)}"
        )


def resolve(word: str) -> str:
    """Return the name of the kernel WORD, which is a name or the version of the newest kernel."""
    if word in NAMES:
        return word
    name = "newest-rt" if word.endswith("-rt") else "newest"
    newest = debian.kernels().newest(_STOCK[name].package).removeprefix("linux-image-")
    if newest.startswith(f"{word.removesuffix('-rt')}."):
        return name
    raise log.LabError(f"there is no kernel {word}; the newest is {newest}")


def get(name: str) -> Kernel:
    """Return the kernel NAME. It is downloaded or built if the cache does not have it."""
    if name in _STOCK:
        with paths.locked(f"kernel-{name}"):
            return _stock(name)
    with paths.locked(f"kernel-{_USER_MODE[name].boots or name}"):
        return _user_mode(name)


def _stock(name: str) -> Kernel:
    wanted, archive = _STOCK[name], debian.kernels()
    image = archive.newest(wanted.package)
    release = image.removeprefix("linux-image-")
    headers = f"linux-headers-{release}"
    root = paths.KERNELS / f"{image}_{archive.version(image)}"
    if not paths.use(root):
        with log.step(f"Linux {release}: download", "a minute"):
            # From 7.x on the image only depends on the packages with the kernel and with its
            # modules.
            parts = (
                [f"linux-binary-{release}", f"linux-modules-{release}"]
                if wanted.trixie
                else [image]
            )
            common = archive.depends(headers, r"linux-headers-.*-common(-rt)?")
            kbuild = archive.depends(headers, r"linux-kbuild-.*")
            part = root.with_name(root.name + ".new")
            archive.unpack([*parts, headers, common, kbuild], part)
            _relocate(part, root)
            process.run(["depmod", "-b", part, release])
            part.rename(root)
        paths.remove_unused()
    boot = root / f"boot/vmlinuz-{release}"
    return Kernel(
        name,
        release,
        boot if boot.exists() else root / f"usr/lib/modules/{release}/vmlinuz",
        root,
        root / "usr/src" / headers,
        "x86_64",
        chroot=_trixie() if wanted.trixie else None,
    )


def _relocate(folder: Path, home: Path) -> None:
    """Make the headers in FOLDER refer to HOME, where they will be, instead of to /usr/src."""
    if not (folder / "lib").exists():
        (folder / "lib").symlink_to("usr/lib")
    for makefile in folder.glob("usr/src/linux-headers-*/Makefile"):
        text = makefile.read_text()
        makefile.write_text(re.sub(r"(?<=[ =])/usr/src/(?=linux-)", f"{home}/usr/src/", text))
    # The BTF of a module needs pahole and the BTF of the kernel. Nothing in the lab reads it.
    for vmlinux in folder.glob("usr/src/linux-headers-*/vmlinux"):
        vmlinux.unlink()
    for link in folder.glob("lib/modules/*/[bs]*"):
        if link.is_symlink() and str(link.readlink()).startswith("/usr/src/"):
            target = link.readlink().name
            link.unlink()
            link.symlink_to(f"{home}/usr/src/{target}")


def _trixie() -> Path:
    """Return the root folder of a minimal Debian 13 that can build against its kernel headers."""
    root = paths.CACHE / "trixie"
    with paths.locked("trixie"):
        if not root.exists():
            with log.step("a minimal Debian 13 to build modules in", "2 minutes"):
                part = root.with_name("trixie.new")
                process.run(["rm", "-rf", part])
                packages = "gcc-14,make,libelf1t64,pahole,sparse"
                command = ["debootstrap", "--variant=minbase", f"--include={packages}", "trixie"]
                process.run([*command, part, debian.mirror()], log=paths.CACHE / "debootstrap.log")
                shutil.rmtree(part / "var/cache/apt/archives", ignore_errors=True)
                part.rename(root)
    return root


@functools.cache
def source(pattern: str = _NEWEST_SOURCE, patches: Sequence[str] = ()) -> Path:
    """Return the folder of a kernel's source with PATCHES of tools/kernels applied to it."""
    archive = debian.kernels()
    package = archive.newest(pattern)
    folder = paths.SOURCES / f"{package}_{archive.version(package)}"
    files = [_CONFIGS / patch for patch in patches]
    if files:
        folder = folder.with_name(f"{folder.name}_{paths.digest(files)}")
    with paths.locked("source"):
        if not paths.use(folder):
            with log.step(f"{package}: download and unpack", "a minute"):
                _unpack_source(archive, package, folder, files)
            paths.remove_unused()
    return folder


def newest_source() -> Path:
    """Return the folder of the newest kernel's source, with patches for User-Mode Linux."""
    return source(patches=_PATCHES)


def _unpack_source(
    archive: debian.Archive, package: str, folder: Path, patches: Sequence[Path]
) -> None:
    # The two folders are siblings, because the source of a kernel has a folder usr, too.
    deb, part = folder.with_name(folder.name + ".deb"), folder.with_name(folder.name + ".new")
    archive.unpack([package], deb)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    tarball = deb / "usr/src" / f"{package}.tar.xz"
    process.run(["tar", "-xf", tarball, "-C", part, "--strip-components=1"])
    shutil.rmtree(deb)
    for patch in patches:
        _apply(patch, part)
    part.rename(folder)


def _apply(patch: Path, tree: Path) -> None:
    """Apply PATCH if it fits. It only makes tests faster, and a newer kernel may contain it."""
    command: list[str | Path] = ["patch", "-s", "-F0", "-p1", "-d", tree, "-i", patch]
    try:
        process.run([*command, "--dry-run"])
    except log.LabError:
        log.line(f"!! {patch.name} does not fit {tree.name}; built without it, tests take longer")
    else:
        process.run(command)


def _user_mode(name: str) -> Kernel:
    wanted = _USER_MODE[name]
    tree = source(wanted.source, tuple(wanted.patches))
    fragments = [_CONFIGS / f"{config}.config" for config in wanted.configs]
    key = paths.digest(fragments)
    home = f"{wanted.boots or name}_{tree.name.partition('_')[2]}_{key}{wanted.flags}"
    root = paths.KERNELS / home
    kernel = Kernel(
        name,
        "",
        root / "build/linux",
        root,
        root / "build",
        "um",
        wanted.flags,
        cpus=wanted.cpus,
    )
    if not paths.use(root / paths.READY):
        with log.step(f"User-Mode Linux ({name}): build", "10 to 20 minutes on 2 cores"):
            _build_user_mode(kernel, tree, fragments)
        paths.remove_unused()
    release = (root / "build/include/config/kernel.release").read_text().strip()
    return Kernel(**{**vars(kernel), "release": release})


def _build_user_mode(kernel: Kernel, tree: Path, fragments: Sequence[Path]) -> None:
    shutil.rmtree(kernel.root, ignore_errors=True)
    kernel.build.mkdir(parents=True)
    configure(tree, kernel.build, fragments, "x86_64_defconfig", "ARCH=um")
    kernel.make("-s", "all", log=kernel.root / "build.log")
    install = ["-s", f"INSTALL_MOD_PATH={kernel.root}", "modules_install"]
    kernel.make(*install, log=kernel.root / "install.log")
    _prune(kernel.build)
    (kernel.root / paths.READY).touch()


def configure(
    tree: Path, build: Path, fragments: Sequence[Path], defconfig: str, *options: str
) -> None:
    """Create BUILD/.config for the source TREE from a default configuration and FRAGMENTS."""
    make = ["make", "-s", "-C", str(tree), f"O={build}", *options]
    process.run([*make, defconfig], log=build / "defconfig.log")
    merge: list[str | Path] = [
        tree / "scripts/kconfig/merge_config.sh",
        "-m",
        "-O",
        build,
        build / ".config",
    ]
    process.run([*merge, *fragments], log=build / "merge.log")
    process.run([*make, "olddefconfig"], log=build / "olddefconfig.log")
    have = set((build / ".config").read_text().splitlines())
    text = "".join(fragment.read_text() for fragment in fragments)
    wanted = re.findall(r"^(CONFIG_\w+)=[ym]$", text, re.MULTILINE)
    missing = [word for word in wanted if not {f"{word}=y", f"{word}=m"} & have]
    # An old kernel does not have all options of new kernels. Any other missing option is an error.
    new = tree == newest_source()
    if missing and (refused := [word for word in missing if new or _knows(tree, word)]):
        raise log.LabError(f"{tree.name} did not take these options: {' '.join(refused)}")


def _knows(tree: Path, option: str) -> bool:
    name = re.escape(option.removeprefix("CONFIG_"))
    pattern = re.compile(rf"^(menu)?config {name}$", re.MULTILINE)
    return any(pattern.search(file.read_text()) for file in tree.rglob("Kconfig*"))


def _prune(build: Path) -> None:
    """Remove files that are not needed to boot or to build modules: 3/4 of the folder."""
    (build / "vmlinux.o").unlink(missing_ok=True)
    for waste in [*build.glob(".tmp_vmlinux*"), *build.rglob("*.a")]:
        waste.unlink()
    keep = build / "scripts"
    for waste in build.rglob("*.o"):
        if keep not in waste.parents:
            waste.unlink()
