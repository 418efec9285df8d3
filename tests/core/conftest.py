# SPDX-License-Identifier: GPL-2.0
"""Build the extension again if its C code has changed."""

from __future__ import annotations

from hypothesis import settings

from pylvs import _core_build

settings.register_profile("core", deadline=None)  # tests must pass on a busy machine, too
settings.load_profile("core")


def _stale() -> bool:
    built = list((_core_build.ROOT / "pylvs").glob("_core.*.so"))
    if not built:
        return True
    made_of = (*_core_build.SOURCES, *_core_build.HEADERS, "pylvs/_core_build.py")
    newest = max((_core_build.ROOT / part).stat().st_mtime for part in made_of)
    return min(so.stat().st_mtime for so in built) < newest


if _stale():
    _core_build.build_in_place()
