# SPDX-License-Identifier: GPL-2.0
"""--version: of the command, and of the module when it is loaded."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from .. import __version__
from ..errors import ModuleNotLoaded, VersionMismatch
from ..jsonview import SCHEMA

if TYPE_CHECKING:
    from ..grammar import Request
    from .program import Connect


def show(request: Request, connect: Connect) -> int:
    """Print both versions.

    :raises VersionMismatch: after printing, when major or minor differ
    """
    module = _module(request, connect)
    if "json" in request.given:
        text = json.dumps({"schema": SCHEMA, "version": __version__, "module_version": module})
    else:
        text = f"ippfvsadm {__version__} (module {module or 'not loaded'})"
    sys.stdout.write(text + "\n")
    if module is not None and module.split(".")[:2] != __version__.split(".")[:2]:
        raise VersionMismatch(
            f"the ippfvs module is version {module}, ippfvsadm {__version__}",
            "install both of one release",
        )
    return 0


def _module(request: Request, connect: Connect) -> str | None:
    try:
        with connect(request.netns) as lvs:
            return lvs.config().version
    except ModuleNotLoaded:
        return None
