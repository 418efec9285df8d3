# SPDX-License-Identifier: GPL-2.0
"""Build steps that pyproject.toml cannot say: the kernel module and the C core.

``python setup.py build_kmod`` builds ippfvs.ko through Kbuild, for the running
kernel or for the one whose build tree KDIR names. W=1, C=1 and their like are
handed on from the environment.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from setuptools import Command, setup

ROOT = Path(__file__).resolve().parent


class BuildKmod(Command):
    """Build the kernel module."""

    description = "build ippfvs.ko through Kbuild"
    user_options = [  # noqa: RUF012  # setuptools reads it from the class
        ("kdir=", "k", "the kernel's build tree [KDIR, or the running kernel's]"),
    ]

    def initialize_options(self) -> None:
        """Take KDIR from the environment."""
        self.kdir = os.environ.get("KDIR", "")

    def finalize_options(self) -> None:
        """Nothing to reconcile."""

    def run(self) -> None:
        """Run make in the kernel's build tree."""
        sys.path.insert(0, str(ROOT))
        from pylvs import kmod
        from pylvs.errors import Error

        flags = {name: os.environ[name] for name in kmod.MAKE_FLAGS if name in os.environ}
        try:
            built = kmod.build(ROOT, self.kdir or None, flags)
        except Error as error:
            raise SystemExit(f"build_kmod: {error.sentence()}") from None
        self.announce(f"built {built}", level=2)


setup(
    cmdclass={"build_kmod": BuildKmod},
    cffi_modules=["pylvs/_core_build.py:ffibuilder"],
)
