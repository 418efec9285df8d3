# SPDX-License-Identifier: GPL-2.0
"""Both grammars of ippfvsadm: from options to a request; pure.

1999's ``-A -t VIP -R RIP`` and ``-D -t VIP -R RIP`` speak of a real server and are
told by their -R; without it -A and -D speak of a service, as ipvsadm's do. -R
without a value, on its own, restores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .endpoint import Endpoint
from .errors import InvalidValue
from .model import Config, Method, Real, Service
from .options import Option, Word, scan
from .uapi import TIMEOUT_MAX_S
from .words import make_method, make_real, make_service, whole_number

OLD_SCHEDULER = "wrr"  # 1999's default
SCHEDULER = "wlc"  # ipvsadm's


@dataclass(frozen=True, slots=True)
class Request:
    """What a command line asks for.

    :ivar verb: the long name of its command, "add-old-server" for 1999's -A with -R
    :ivar given: the long names of all options given
    :ivar weight: None when not given
    :ivar view: what a listing shows: "rules", "connection", "stats", "rate", "drops"
        or "timeout"
    """

    verb: str
    given: frozenset[str] = frozenset()
    service: Service | None = None
    endpoint: Endpoint | None = None
    weight: int | None = None
    method: Method | None = None
    config: Config = Config()
    view: str = "rules"
    interval_s: float = 1.0
    netns: str | None = None

    @property
    def real(self) -> Real:
        """Return the real server to add."""
        assert self.endpoint is not None
        return Real(self.endpoint, 1 if self.weight is None else self.weight, self.method)


_COMMANDS = (
    "add-service",
    "edit-service",
    "delete-service",
    "add-server",
    "edit-server",
    "delete-server",
    "list",
    "zero",
    "clear",
    "save",
    "restore",
    "set",
    "default-method",
    "conn-max",
    "events",
    "version",
    "help",
)
_SERVICE = ("tcp-service", "udp-service")
_METHODS = {"masquerading": "nat", "ipip": "tun", "gatewaying": "dr"}
_METHOD = (*_METHODS, "method")
_VIEWS = ("connection", "stats", "rate", "drops", "timeout")
_ALWAYS = frozenset({"netns", "debug", "numeric"})
_ALLOWED = {
    "add-service": {*_SERVICE, "scheduler"},
    "add-old-server": {*_SERVICE, "restore", "scheduler", "weight", *_METHOD},
    "edit-service": {*_SERVICE, "scheduler"},
    "delete-service": {*_SERVICE},
    "delete-old-server": {*_SERVICE, "restore"},
    "add-server": {*_SERVICE, "real-server", "weight", *_METHOD},
    "edit-server": {*_SERVICE, "real-server", "weight", *_METHOD},
    "delete-server": {*_SERVICE, "real-server"},
    "list": {*_SERVICE, "real-server", *_VIEWS, "json", "verbose", "exact", "sort", "nosort"},
    "zero": {*_SERVICE},
    "events": {"json"},
    "version": {"json"},
}
_HINTS = {
    ("add-service", "real-server"): "use -a -t ... -r, or 1999's -A -t ... -R",
    ("delete-service", "real-server"): "use -d -t ... -r, or 1999's -D -t ... -R",
    ("add-service", "weight"): "a weight is a real server's: use -a -t ... -r",
    ("add-server", "scheduler"): "a scheduler is a service's: use -A or -E",
    ("add-server", "restore"): "with -a the real server is -r",
    ("edit-server", "restore"): "with -e the real server is -r",
    ("delete-server", "restore"): "with -d the real server is -r",
}


def parse(words: Sequence[str]) -> Request:
    """Read a command line in either grammar.

    :raises InvalidValue: it says nothing that ippfvsadm understands
    """
    given = _by_name(scan(words))
    verb = _verb(given)
    _check_allowed(verb, given)
    _check_needs(verb, given)
    service = _service(given, verb)
    endpoint = _endpoint(given, service)
    return Request(
        "delete-server" if verb == "delete-old-server" else verb,
        frozenset(given),
        service,
        endpoint,
        _weight(given),
        _method(given),
        _config(verb, given),
        _view(given),
        _interval(given),
        given["netns"].values[0] if "netns" in given else None,
    )


def _by_name(words: list[Word]) -> dict[str, Word]:
    given: dict[str, Word] = {}
    for word in words:
        if word.option.name in given and word.option.values:
            raise InvalidValue(f"{word.option} is given twice")
        given[word.option.name] = word
    return given


def _verb(given: dict[str, Word]) -> str:
    if "help" in given:
        return "help"
    old = "restore" in given and bool(given["restore"].values)
    commands = [name for name in given if name in _COMMANDS and not (old and name == "restore")]
    if "restore" in commands and len(commands) > 1:
        raise InvalidValue("-R needs a real server: ADDRESS[:PORT]")
    if len(commands) > 1:
        raise InvalidValue(
            f"{given[commands[0]].option} and {given[commands[1]].option} are two commands",
            "give one",
        )
    if old and commands in (["add-service"], ["delete-service"]):
        return commands[0].replace("service", "old-server")
    if old and not commands:
        raise InvalidValue(
            f"'-R {given['restore'].values[0]}' says neither -A nor -D",
            "a rule set is restored from standard input: ippfvsadm -R < FILE",
        )
    return commands[0] if commands else "list"


def _check_allowed(verb: str, given: dict[str, Word]) -> None:
    allowed = _ALLOWED.get(verb, set())
    for name, word in given.items():
        if name == verb or name in allowed or name in _ALWAYS or verb == "help":
            continue
        if name == verb.replace("old-server", "service"):
            continue
        command = _command_option(verb, given)
        raise InvalidValue(
            f"{word.option} does not go with {command}", _HINTS.get((verb, name), "")
        )


def _command_option(verb: str, given: dict[str, Word]) -> str:
    word = given.get(verb.replace("old-server", "service"))
    return str(word.option) if word is not None else "a listing"


def _check_needs(verb: str, given: dict[str, Word]) -> None:
    command = _command_option(verb, given)
    if "service" in verb or "server" in verb:
        _check_one_service(command, given)
    elif all(name in given for name in _SERVICE):
        raise InvalidValue("-t and -u are two services", "give one")
    if verb in ("add-server", "edit-server", "delete-server") and "real-server" not in given:
        raise InvalidValue(f"{command} needs a real server", "give it with: -r ADDRESS[:PORT]")
    if verb == "edit-service" and "scheduler" not in given:
        raise InvalidValue("-E needs what to change", "give it with: -s SCHEDULER")
    if verb == "edit-server" and not any(name in given for name in ("weight", *_METHOD)):
        raise InvalidValue("-e needs what to change", "give -w WEIGHT or one of -m, -i, -g")
    if verb == "list" and "real-server" in given and "connection" not in given:
        raise InvalidValue("-r goes only with a listing of connections, -c")


def _check_one_service(command: str, given: dict[str, Word]) -> None:
    services = [name for name in _SERVICE if name in given]
    if not services:
        raise InvalidValue(f"{command} needs a service", "give it with: -t ADDRESS[:PORT] or -u")
    if len(services) > 1:
        raise InvalidValue("-t and -u are two services", "give one")


def _service(given: dict[str, Word], verb: str) -> Service | None:
    for name, protocol in zip(_SERVICE, ("tcp", "udp"), strict=True):
        if name in given:
            default = OLD_SCHEDULER if verb == "add-old-server" else SCHEDULER
            scheduler = given["scheduler"].values[0] if "scheduler" in given else default
            return make_service(protocol, given[name].values[0], scheduler)
    return None


def _endpoint(given: dict[str, Word], service: Service | None) -> Endpoint | None:
    word = given.get("real-server") or given.get("restore")
    if word is None or not word.values:
        return None
    if service is None:
        raise InvalidValue(f"{word.option} needs a service", "give it with: -t ADDRESS[:PORT]")
    return make_real(service.protocol, word.values[0]).endpoint


def _weight(given: dict[str, Word]) -> int | None:
    if "weight" not in given:
        return None
    return whole_number(given["weight"].values[0], "-w", "a weight", 0, 65535)


def _method(given: dict[str, Word]) -> Method | None:
    words = [given[name] for name in _METHOD if name in given]
    if len(words) > 1:
        raise InvalidValue(f"{words[0].option} and {words[1].option} are two methods", "give one")
    if not words:
        return None
    return make_method(_METHODS.get(words[0].option.name) or words[0].values[0])


def _config(verb: str, given: dict[str, Word]) -> Config:
    if verb not in given or not given[verb].values:
        return Config()
    option, values = given[verb]
    if verb == "set":
        return Config(None, *(_timeout(option, value) for value in values))
    if verb == "conn-max":
        what = "the number of connections"
        return Config(conn_max=whole_number(values[0], "--conn-max", what, 0, 2**32 - 1))
    if verb == "default-method":
        if values[0].lower() not in _METHODS.values():
            raise InvalidValue(f"'--default-method {values[0]}': give nat, tun or dr")
        return Config(make_method(values[0]))
    return Config()


def _timeout(option: Option, value: str) -> int | None:
    """Return a timeout; 0 leaves it as it is."""
    return whole_number(value, str(option), "a timeout", 0, TIMEOUT_MAX_S, " seconds") or None


def _view(given: dict[str, Word]) -> str:
    views = [name for name in _VIEWS if name in given]
    if len(views) > 1:
        first, second = (given[name].option for name in views[:2])
        raise InvalidValue(f"{first} and {second} are two listings", "give one")
    return views[0] if views else "rules"


def _interval(given: dict[str, Word]) -> float:
    if "rate" not in given or not given["rate"].values:
        return 1.0
    text = given["rate"].values[0]
    try:
        interval = float(text)
    except ValueError:
        interval = 0.0
    if not 0.1 <= interval <= 3600:
        raise InvalidValue(f"'--rate={text}': an interval is from 0.1 to 3600 seconds")
    return interval
