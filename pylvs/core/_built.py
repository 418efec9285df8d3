# SPDX-License-Identifier: GPL-2.0
"""The module that cffi made of the kernel module's pure C."""

from __future__ import annotations

try:
    from .._core import ffi, lib
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "the C core is not built beside these sources; leave their folder if pylvs is installed,"
        " else build it with: python3 -m pylvs._core_build",
        name=missing.name,
    ) from None

__all__ = ["ffi", "lib"]
