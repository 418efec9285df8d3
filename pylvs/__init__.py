# SPDX-License-Identifier: GPL-2.0
"""pylvs controls ippfvs, the Linux virtual server.

::

    import pylvs

    with pylvs.Manager() as lvs:
        web = lvs.add_service("tcp", "202.103.106.5:80", scheduler="wrr")
        lvs.add_real(web, "172.16.0.2:80")
        lvs.replace(pylvs.load("rules.txt"))

The modules :mod:`pylvs.core` (the kernel's pure C) and :mod:`pylvs.kmod` (building and loading
the module) come with the package.

A name is imported from its module when it is first used, because a command of ippfvsadm needs
few of them: importing all takes longer than a command without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._rulefile import *  # noqa: F403
    from .endpoint import *  # noqa: F403
    from .errors import *  # noqa: F403
    from .manager import *  # noqa: F403
    from .model import *  # noqa: F403
    from .ruleset import *  # noqa: F403

    __version__: str

_NAMES = {
    "_rulefile": "load loads",
    "_version": "__version__",
    "endpoint": "Endpoint",
    "errors": (
        "AddressNotUsable AlreadyExists BuildFailed Error FamilyMismatch InvalidValue "
        "MissingOption ModuleNotLoaded NoSuchNamespace NoSuchReal NoSuchService NotPermitted "
        "PortCannotChange Refused TooMany TransportError UnknownScheduler VersionMismatch"
    ),
    "manager": "Manager",
    "model": (
        "Config ConfigInfo Connection Drops Event Evictions Method Protocol Real RealInfo Service "
        "ServiceInfo State Stats"
    ),
    "ruleset": "Ruleset diff",
}
_HOME = {name: home for home, names in _NAMES.items() for name in names.split()}
_MODULES = ("core", "kmod")

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
