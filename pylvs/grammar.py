# SPDX-License-Identifier: GPL-2.0
"""Both grammars of ippfvsadm: from options to a request; pure.

1999's ``-A -t VIP -R RIP`` and ``-D -t VIP -R RIP`` speak of a real server and are
told by their -R; without it -A and -D speak of a service, as ipvsadm's do. -R
without a value, on its own, restores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .endpoint import Endpoint
from .errors import InvalidValue
from .model import Config, Method, Real, Service
from .options import Option, Word, scan
from .uapi import TIMEOUT_MAX_S, WEIGHT_MAX
from .words import UINT32_MAX, make_method, make_real, make_service, whole_number


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


_SERVICE = ("tcp-service", "udp-service")
_METHODS = {"masquerading": "nat", "ipip": "tun", "gatewaying": "dr"}
_METHOD = (*_METHODS, "method")
_HOW = ("weight", *_METHOD)  # a real server serves
_VIEWS = ("connection", "stats", "rate", "drops", "timeout")
_LISTING = (*_SERVICE, *_VIEWS, "json", "verbose", "exact", "sort", "nosort")
_ALWAYS = ("netns", "debug", "numeric")


class Need(NamedTuple):
    """What a command cannot do without: one of these options."""

    what: str
    options: tuple[str, ...]
    remedy: str


class Verb(NamedTuple):
    """What a command line may ask for.

    :ivar name: as Request.verb says it
    :ivar option: the command that asks for it
    :ivar real: the option by which its real server comes; "restore" is 1999's -R
    :ivar needs: what it must be given
    :ivar takes: what else it may be given
    :ivar scheduler: of its service, when none is given: ipvsadm's default, or 1999's
    """

    name: str
    option: str
    real: str = ""
    needs: tuple[Need, ...] = ()
    takes: tuple[str, ...] = ()
    scheduler: str = "wlc"

    @property
    def options(self) -> set[str]:
        """Return all options that go with it."""
        needed = (name for need in self.needs for name in need.options)
        return {self.option, self.real, *needed, *self.takes, *_ALWAYS}


_A_SERVICE = Need("a service", _SERVICE, "give it with: -t ADDRESS[:PORT] or -u")
_A_REAL = Need("a real server", ("real-server",), "give it with: -r ADDRESS[:PORT]")
_A_SCHEDULER = Need("what to change", ("scheduler",), "give it with: -s SCHEDULER")
_A_CHANGE = Need("what to change", _HOW, "give -w WEIGHT or one of -m, -i, -g")
_BOTH = (_A_SERVICE, _A_REAL)
_VERBS = (
    Verb("add-service", "add-service", "", (_A_SERVICE,), ("scheduler",)),
    Verb("add-old-server", "add-service", "restore", (_A_SERVICE,), ("scheduler", *_HOW), "wrr"),
    Verb("edit-service", "edit-service", "", (_A_SERVICE, _A_SCHEDULER)),
    Verb("delete-service", "delete-service", "", (_A_SERVICE,)),
    Verb("delete-server", "delete-service", "restore", (_A_SERVICE,)),
    Verb("add-server", "add-server", "real-server", _BOTH, _HOW),
    Verb("edit-server", "edit-server", "real-server", (*_BOTH, _A_CHANGE)),
    Verb("delete-server", "delete-server", "real-server", _BOTH),
    Verb("list", "list", "real-server", takes=_LISTING),
    Verb("zero", "zero", takes=_SERVICE),
    Verb("clear", "clear"),
    Verb("save", "save"),
    Verb("restore", "restore"),
    Verb("set", "set"),
    Verb("default-method", "default-method"),
    Verb("conn-max", "conn-max"),
    Verb("events", "events", takes=("json",)),
    Verb("version", "version", takes=("json",)),
)
_COMMANDS = frozenset(verb.option for verb in _VERBS)
_HOW_IT_SERVES = "it is a real server's: use -a -t ... -r, or 1999's -A -t ... -R"
_HINTS = {
    ("add-service", "real-server"): "use -a -t ... -r, or 1999's -A -t ... -R",
    ("delete-service", "real-server"): "use -d -t ... -r, or 1999's -D -t ... -R",
    **{("add-service", name): _HOW_IT_SERVES for name in _HOW},
    ("add-server", "scheduler"): "a scheduler is a service's: use -A or -E",
    ("add-server", "restore"): "with -a the real server is -r",
    ("edit-server", "restore"): "with -e the real server is -r",
    ("delete-server", "restore"): "with -d the real server is -r",
}


def parse(words: Sequence[str]) -> Request:
    """Read a command line in either grammar.

    :raises InvalidValue: it says nothing that ippfvsadm understands
    """
    if "--help" in words:  # whatever stands beside it: whoever asks for help needs it
        return Request("help")
    given = _by_name(scan(words))
    if "help" in given:
        return Request("help")
    verb = _verb(given)
    _check(verb, given)
    service = _service(verb, given)
    return Request(
        verb.name,
        frozenset(given),
        service,
        _endpoint(verb, given, service),
        _weight(given),
        _method(given),
        _config(given),
        _view(given),
        _interval(given),
        _value(given, "netns"),
    )


def _by_name(words: list[Word]) -> dict[str, Word]:
    given: dict[str, Word] = {}
    for word in words:
        if word.option.name in given and word.option.values:
            raise InvalidValue(f"{word.option} is given twice")
        given[word.option.name] = word
    return given


def _value(given: dict[str, Word], name: str) -> str | None:
    """Return the first value of an option, None when it has none."""
    word = given.get(name)
    return word.values[0] if word is not None and word.values else None


def _verb(given: dict[str, Word]) -> Verb:
    """Return the row of the command; among several, that of the real server's option."""
    real = _value(given, "restore")
    commands = [name for name in given if name in _COMMANDS and (name != "restore" or real is None)]
    if "restore" in commands and len(commands) > 1:
        raise InvalidValue("-R needs a real server: ADDRESS[:PORT]")
    if len(commands) > 1:
        raise InvalidValue(
            f"{given[commands[0]].option} and {given[commands[1]].option} are two commands",
            "give one",
        )
    if not commands and real is not None:
        raise InvalidValue(
            f"'-R {real}' says neither -A nor -D",
            "a rule set is restored from standard input: ippfvsadm -R < FILE",
        )
    command = commands[0] if commands else "list"
    rows = [verb for verb in _VERBS if verb.option == command]
    return next((verb for verb in rows if verb.real in given), rows[0])


def _check(verb: Verb, given: dict[str, Word]) -> None:
    command = str(given[verb.option].option) if verb.option in given else "a listing"
    options = verb.options
    for name, word in given.items():
        if name not in options:
            raise InvalidValue(
                f"{word.option} does not go with {command}", _HINTS.get((verb.name, name), "")
            )
    if all(name in given for name in _SERVICE):
        raise InvalidValue("-t and -u are two services", "give one")
    for need in verb.needs:
        if given.keys().isdisjoint(need.options):
            raise InvalidValue(f"{command} needs {need.what}", need.remedy)
    if verb.name == "list" and "real-server" in given and "connection" not in given:
        raise InvalidValue("-r goes only with a listing of connections, -c")
    for view in ("drops", "timeout"):
        if view in given and not given.keys().isdisjoint(_SERVICE):
            raise InvalidValue(f"{given[view].option} is of all services", "leave out -t and -u")


def _service(verb: Verb, given: dict[str, Word]) -> Service | None:
    scheduler = _value(given, "scheduler")
    for name, protocol in zip(_SERVICE, ("tcp", "udp"), strict=True):
        if name in given:
            end = given[name].values[0]
            return make_service(protocol, end, verb.scheduler if scheduler is None else scheduler)
    return None


def _endpoint(verb: Verb, given: dict[str, Word], service: Service | None) -> Endpoint | None:
    text = _value(given, verb.real)
    if text is None:
        return None
    if service is None:
        option = given[verb.real].option
        raise InvalidValue(f"{option} needs a service", "give it with: -t ADDRESS[:PORT]")
    return make_real(service.protocol, text).endpoint


def _weight(given: dict[str, Word]) -> int | None:
    text = _value(given, "weight")
    return None if text is None else whole_number(text, "-w", "a weight", 0, WEIGHT_MAX)


def _method(given: dict[str, Word]) -> Method | None:
    words = [given[name] for name in _METHOD if name in given]
    if len(words) > 1:
        raise InvalidValue(f"{words[0].option} and {words[1].option} are two methods", "give one")
    if not words:
        return None
    return make_method(_METHODS.get(words[0].option.name) or words[0].values[0])


def _config(given: dict[str, Word]) -> Config:
    if "set" in given:
        option, values = given["set"]
        return Config(None, *(_timeout(option, value) for value in values))
    if (text := _value(given, "conn-max")) is not None:
        what = "the number of connections"
        return Config(conn_max=whole_number(text, "--conn-max", what, 0, UINT32_MAX))
    if (text := _value(given, "default-method")) is not None:
        if text.lower() not in _METHODS.values():
            raise InvalidValue(f"'--default-method {text}': give nat, tun or dr")
        return Config(make_method(text))
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
    text = _value(given, "rate")
    if text is None:
        return 1.0
    try:
        interval = float(text)
    except ValueError:
        interval = 0.0
    if not 0.1 <= interval <= 3600:
        raise InvalidValue(f"'--rate={text}': an interval is from 0.1 to 3600 seconds")
    return interval
