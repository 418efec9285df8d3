# SPDX-License-Identifier: GPL-2.0
"""The version. Its only source is kernel/version.h, which setup.py reads, too."""

from __future__ import annotations

import re
from pathlib import Path

_HEADER = Path(__file__).resolve().parent.parent / "kernel" / "version.h"


def _read() -> str:
    """Return the version of a source tree, or of the installed package."""
    try:
        found = re.search(r'#define IPPFVS_VERSION "(.+)"', _HEADER.read_text())
    except OSError:
        from importlib.metadata import version

        return version("pylvs")
    assert found, f"{_HEADER} has no version"
    return found[1]


__version__ = _read()
