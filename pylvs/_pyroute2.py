# SPDX-License-Identifier: GPL-2.0
"""pyroute2's netlink classes without the rest of pyroute2.

``import pyroute2.netlink`` runs pyroute2/__init__.py first, which imports all of
its sockets and databases: some 170 ms, more than a whole ippfvsadm may take. The
message classes alone need 20 ms. So a bare package stands in for pyroute2 while
they are loaded, and is taken away afterwards with what was loaded beneath it: a
program that imports pyroute2 itself, before or after, gets it whole.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_NAME = "pyroute2"


def _ours(name: str) -> bool:
    return name == _NAME or name.startswith(_NAME + ".")


def _bare_package() -> ModuleType:
    spec = PathFinder.find_spec(_NAME)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError("pylvs needs pyroute2: pip install pyroute2", name=_NAME)
    package = ModuleType(_NAME)
    package.__path__ = list(spec.submodule_search_locations)
    package.__spec__ = ModuleSpec(_NAME, None, is_package=True)
    return package


def _load() -> Any:
    if _NAME in sys.modules:
        return import_module(f"{_NAME}.netlink")
    sys.modules[_NAME] = _bare_package()
    try:
        return import_module(f"{_NAME}.netlink")
    finally:
        for name in [name for name in sys.modules if _ours(name)]:
            del sys.modules[name]


# Kept whole: the classes look up their globals in it.
_netlink = _load()

ctrlmsg: Any = _netlink.ctrlmsg
genlmsg: Any = _netlink.genlmsg
nla: Any = _netlink.nla
