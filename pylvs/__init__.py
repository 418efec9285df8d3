# SPDX-License-Identifier: GPL-2.0
"""pylvs: the control of ippfvs, the Linux virtual server.

::

    import pylvs

    with pylvs.Manager() as lvs:
        web = lvs.add_service("tcp", "202.103.106.5:80", scheduler="wrr")
        lvs.add_real(web, "172.16.0.2:80")
        lvs.replace(pylvs.load("rules.txt"))

Names are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .endpoint import Endpoint
    from .errors import (
        AddressNotUsable,
        AlreadyExists,
        BuildFailed,
        Error,
        FamilyMismatch,
        InvalidValue,
        MissingOption,
        ModuleNotLoaded,
        NoSuchNamespace,
        NoSuchReal,
        NoSuchService,
        NotPermitted,
        PortCannotChange,
        Refused,
        TooMany,
        TransportError,
        UnknownScheduler,
        VersionMismatch,
    )
    from .manager import Manager
    from .model import (
        Config,
        ConfigInfo,
        Connection,
        Drops,
        Event,
        Method,
        Protocol,
        Real,
        RealInfo,
        Service,
        ServiceInfo,
        State,
        Stats,
    )
    from .rulefile import load, loads
    from .ruleset import Ruleset, diff

__version__ = "1.0.0"

__all__ = [
    "AddressNotUsable",
    "AlreadyExists",
    "BuildFailed",
    "Config",
    "ConfigInfo",
    "Connection",
    "Drops",
    "Endpoint",
    "Error",
    "Event",
    "FamilyMismatch",
    "InvalidValue",
    "Manager",
    "Method",
    "MissingOption",
    "ModuleNotLoaded",
    "NoSuchNamespace",
    "NoSuchReal",
    "NoSuchService",
    "NotPermitted",
    "PortCannotChange",
    "Protocol",
    "Real",
    "RealInfo",
    "Refused",
    "Ruleset",
    "Service",
    "ServiceInfo",
    "State",
    "Stats",
    "TooMany",
    "TransportError",
    "UnknownScheduler",
    "VersionMismatch",
    "__version__",
    "diff",
    "load",
    "loads",
]

_HOMES = {
    "endpoint": "Endpoint",
    "manager": "Manager",
    "model": (
        "Config ConfigInfo Connection Drops Event Method Protocol "
        "Real RealInfo Service ServiceInfo State Stats"
    ),
    "rulefile": "load loads",
    "ruleset": "Ruleset diff",
}
_MODULES = ("core", "kmod")
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME.get(name, 'errors')}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
