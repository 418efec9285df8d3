# SPDX-License-Identifier: GPL-2.0
"""The parts of the build that pyproject.toml cannot describe.

These are the kernel module, the C core, and the version, which comes from kernel/version.h.
``python setup.py build_kmod`` builds ippfvs.ko through Kbuild, for the running kernel or for
the kernel whose build tree is KDIR. Variables such as W=1 and C=1 are passed on from the
environment.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from setuptools import Command, setup

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))


class BuildKmod(Command):
    """Build the kernel module."""

    description = "build ippfvs.ko through Kbuild"
    user_options = [  # noqa: RUF012  # setuptools reads it from the class
        ("kdir=", "k", "the kernel's build tree [KDIR, or the running kernel's]"),
    ]

    def initialize_options(self) -> None:
        """Get KDIR from the environment."""
        self.kdir = os.environ.get("KDIR", "")

    def finalize_options(self) -> None:
        """Do nothing. Every command must have this method."""

    def run(self) -> None:
        """Run make in the kernel's build tree."""
        from pylvs import kmod
        from pylvs.errors import Error

        flags = {name: os.environ[name] for name in kmod.MAKE_FLAGS if name in os.environ}
        try:
            built = kmod.build(ROOT, self.kdir or None, flags)
        except Error as error:
            raise SystemExit(f"build_kmod: {error.sentence()}") from None
        self.announce(f"built {built}", level=2)


from pylvs._version import __version__  # noqa: E402

setup(
    version=__version__,
    cmdclass={"build_kmod": BuildKmod},
    cffi_modules=["pylvs/_core_build.py:ffibuilder"],
    data_files=[("share/man/man8", ["docs/ippfvsadm.8"])],
)
