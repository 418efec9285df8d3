# SPDX-License-Identifier: GPL-2.0
"""The grammars of ippfvsadm, which turn words into a request. No I/O.

One tokenizer and one grammar serve command lines and the lines of save files.

The 1999 grammar adds a real server with ``-A -t VIP -R RIP`` and removes it with
``-D -t VIP -R RIP``. Without -R, -A and -D add and remove a service, as in ipvsadm. -R without a
value is a command of its own, which restores a rule set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple, TypeVar

from .endpoint import Endpoint
from .errors import InvalidValue
from .model import (
    UINT32_MAX,
    Config,
    Method,
    Real,
    Service,
    as_endpoint,
    as_method,
    as_service,
    validate_scheduler,
)
from .uapi import TIMEOUT_MAX_S, WEIGHT_MAX

T = TypeVar("T")

# The tokenizer

_OPTIONAL = -1  # the option has one value, which may be absent
_ATTACHED = -2  # the option has one value, which may be given only as --option=VALUE


class Option(NamedTuple):
    """An option.

    :ivar letter: its letter; empty if it has none
    :ivar name: its long name
    :ivar values: the number of its values, _OPTIONAL or _ATTACHED
    :ivar unsupported: the feature of ipvsadm that it needs and that ippfvs does not have; empty
        if the option is supported
    :ivar neutral: the value with which an unsupported option has no effect and is accepted
    """

    letter: str
    name: str
    values: int = 0
    unsupported: str = ""
    neutral: str = ""

    def __str__(self) -> str:
        return f"-{self.letter}" if self.letter else f"--{self.name}"


class Token(NamedTuple):
    """An option as it was given.

    :ivar at: the index of the first value among the words; -1 if it is attached to the option
    :ivar word: the index of the option itself among the words
    """

    option: Option
    values: tuple[str, ...] = ()
    at: int = -1
    word: int = -1

    def refuse(self, what: str, remedy: str = "") -> InvalidValue:
        """Return an error about this option."""
        error = InvalidValue(what, remedy)
        error.word = self.word
        return error

    def convert(self, make: Callable[..., T], *arguments: object, position: int = 0) -> T:
        """Return what make() returns.

        If it raises InvalidValue, the error names the value at this position.
        """
        try:
            return make(*arguments)
        except InvalidValue as error:
            error.word = self.at + position if self.at >= 0 else self.word
            raise


_OPTIONS = (
    # Commands
    Option("A", "add-service"),
    Option("E", "edit-service"),
    Option("D", "delete-service"),
    Option("a", "add-server"),
    Option("e", "edit-server"),
    Option("d", "delete-server"),
    Option("L", "list"),
    Option("Z", "zero"),
    Option("C", "clear"),
    Option("S", "save"),
    Option("R", "restore", _OPTIONAL),
    Option("", "set", 3),
    Option("", "default-method", _OPTIONAL),
    Option("", "conn-max", _OPTIONAL),
    Option("", "conn-cap", _OPTIONAL),
    Option("", "service-cap", _OPTIONAL),
    Option("", "real-cap", _OPTIONAL),
    Option("", "events"),
    Option("", "version"),
    Option("h", "help"),
    # Objects and values
    Option("t", "tcp-service", 1),
    Option("u", "udp-service", 1),
    Option("s", "scheduler", 1),
    Option("r", "real-server", 1),
    Option("w", "weight", 1),
    Option("m", "masquerading"),
    Option("i", "ipip"),
    Option("g", "gatewaying"),
    Option("", "method", 1),
    # Listings
    Option("c", "connection"),
    Option("", "stats"),
    Option("", "rate", _ATTACHED),
    Option("", "drops"),
    Option("", "timeout"),
    Option("", "json"),
    Option("v", "verbose"),
    Option("n", "numeric"),
    Option("", "exact"),
    Option("", "sort"),
    Option("", "nosort"),
    # With every command
    Option("", "netns", 1),
    Option("", "debug"),
    # Options of ipvsadm that ippfvsadm does not support
    Option("f", "fwmark-service", 1, "services by firewall mark"),
    Option("", "sctp-service", 1, "SCTP services"),
    Option("p", "persistent", _OPTIONAL, "persistence"),
    Option("M", "netmask", 1, "persistence"),
    Option("", "pe", 1, "persistence engines"),
    Option("b", "sched-flags", 1, "scheduler flags"),
    Option("o", "ops", 0, "one-packet scheduling"),
    Option("x", "u-threshold", 1, "connection thresholds", "0"),
    Option("y", "l-threshold", 1, "connection thresholds", "0"),
    Option("", "tun-type", 1, "tunnel types other than IPIP", "ipip"),
    Option("", "tun-port", 1, "tunnel types other than IPIP"),
    Option("", "tun-nocsum", 0, "tunnel types other than IPIP"),
    Option("", "tun-csum", 0, "tunnel types other than IPIP"),
    Option("", "tun-remcsum", 0, "tunnel types other than IPIP"),
    Option("", "thresholds", 0, "connection thresholds"),
    Option("", "persistent-conn", 0, "persistence"),
    Option("", "daemon", 0, "the synchronisation daemon"),
    Option("", "start-daemon", 1, "the synchronisation daemon"),
    Option("", "stop-daemon", 1, "the synchronisation daemon"),
    Option("", "mcast-interface", 1, "the synchronisation daemon"),
    Option("", "syncid", 1, "the synchronisation daemon"),
    Option("6", "ipv6", 0, "services by firewall mark"),
)


_LETTERS = {option.letter: option for option in _OPTIONS if option.letter}
_LETTERS["l"] = _LETTERS["L"]
BY_NAME = {option.name: option for option in _OPTIONS}


def tokenize(words: Sequence[str]) -> list[Token]:
    """Split words into options and their values.

    Letters may be joined (``-Ln``) and values attached (``-w2``, ``--weight=2``).

    :raises InvalidValue: an option is unknown or not supported, or a value is missing or
        belongs to no option
    """
    found: list[Token] = []
    rest = [*enumerate(words)][::-1]
    while rest:
        at, word = rest.pop()
        try:
            tokens = _tokens(word, rest, found)
        except InvalidValue as error:
            error.word = at
            raise
        found += [token._replace(word=at) for token in tokens]
    for token in found:
        option = token.option
        neutral = option.neutral and token.values == (option.neutral,)
        if option.unsupported and not neutral:
            raise token.refuse(f"'{option}': ippfvs does not have {option.unsupported} yet")
    return [token for token in found if not token.option.unsupported]


# Words that have not been read yet, in reverse order, each with its index. The index is -1 if the
# word is the rest of a word, such as the value in -w2.
_Rest = list[tuple[int, str]]


def _tokens(word: str, rest: _Rest, found: Sequence[Token]) -> list[Token]:
    """Return the options of a word, with their values, which are taken from the rest."""
    if word.startswith("--") and len(word) > 2:
        return [_long(word, rest)]
    if word.startswith("-") and len(word) > 1:
        return _letters(word, rest)
    if word == "-" and found and found[-1].option.name == "restore" and not found[-1].values:
        return []  # standard input, as other commands write it
    raise _stray(word, found)


def _long(word: str, rest: _Rest) -> Token:
    name, equals, value = word[2:].partition("=")
    option = BY_NAME.get(name)
    if option is None:
        raise _unknown(f"--{name}")
    if equals and option.name == "restore" and value != "-":
        raise InvalidValue("--restore reads standard input: ippfvsadm --restore < FILE")
    if option.name == "restore":
        return Token(option)
    if not equals:
        return _take_values(option, word, rest)
    if not option.values:
        raise InvalidValue(f"'{word}': --{name} takes no value")
    return Token(option, (value, *_take(option, word, rest, option.values - 1).values))


def _letters(word: str, rest: _Rest) -> list[Token]:
    found: list[Token] = []
    for place, letter in enumerate(word[1:], 2):
        option = _LETTERS.get(letter)
        if option is None:
            raise _unknown(word)
        if option.values and place < len(word):
            rest.append((-1, word[place:]))
        found.append(_take_values(option, f"-{letter}", rest))
        if option.values:
            break
    return found


def _take_values(option: Option, word: str, rest: _Rest) -> Token:
    if option.values == _OPTIONAL:
        following = rest[-1][1] if rest else "-"
        follows = not following.startswith("-") or following[1:].isdigit()
        return _take(option, word, rest, int(follows))
    return _take(option, word, rest, option.values)


def _take(option: Option, word: str, rest: _Rest, count: int) -> Token:
    if count > len(rest):
        raise InvalidValue(f"'{word}' needs {_WANTS.get(option.name, 'a value')}")
    taken = [rest.pop() for _ in range(count)]
    return Token(option, tuple(text for _, text in taken), taken[0][0] if taken else -1)


_WANTS = {
    "set": "three values: seconds for TCP, for TCP after a FIN, for UDP",
    "tcp-service": "a virtual address: ADDRESS[:PORT]",
    "udp-service": "a virtual address: ADDRESS[:PORT]",
    "real-server": "a real server: ADDRESS[:PORT]",
    "scheduler": "a scheduler: rr, wrr, lc or wlc",
    "weight": "a whole number from 0 to 65535",
    "method": "nat, tun, dr or local",
    "netns": "the name or path of a network namespace",
}


def _stray(word: str, found: Sequence[Token]) -> InvalidValue:
    if found and found[-1].option.values == _ATTACHED:
        last = found[-1].option
        return InvalidValue(f"'{word}' belongs to no option", f"write it as {last}={word}")
    looks_like_address = word[:1].isdigit() and not word.isdigit()
    return InvalidValue(
        f"'{word}' belongs to no option",
        "an address follows -t or -u (a service) or -r (a real server)"
        if looks_like_address
        else "see: ippfvsadm --help",
    )


def _unknown(word: str) -> InvalidValue:
    from difflib import get_close_matches

    known = [f"--{option.name}" for option in _OPTIONS if not option.unsupported]
    near = get_close_matches(word if word.startswith("--") else f"-{word}", known, 1, 0.6)
    return InvalidValue(
        f"unknown option '{word}'",
        f"did you mean {near[0]}?" if near else "see: ippfvsadm --help",
    )


# The grammar

_PROTOCOLS = {"tcp-service": "tcp", "udp-service": "udp"}
_SERVICE = tuple(_PROTOCOLS)
_METHODS = {"masquerading": "nat", "ipip": "tun", "gatewaying": "dr"}
_METHOD = (*_METHODS, "method")
_REAL_OPTIONS = ("weight", *_METHOD)
_VIEWS = ("connection", "stats", "rate", "drops", "timeout")
_LISTING = (*_SERVICE, *_VIEWS, "json", "verbose", "exact", "sort", "nosort")
_ALWAYS = ("netns", "debug", "numeric")


@dataclass(frozen=True, slots=True)
class Request:
    """The request of a command line. Its values are valid.

    The scheduler of a service is empty if "edit-service" keeps it.

    :ivar verb: the long name of the command; "add-old-server" for -A with -R (1999 grammar)
    :ivar given: the long names of all options that were given
    :ivar weight: None keeps the weight; only "edit-server" may have None
    :ivar view: what a listing shows: "rules", "connection", "stats", "rate", "drops" or
        "timeout"; "stats-and-rate" shows both
    :ivar interval_s: seconds for which rates are measured
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
        """Return the real server of a request that adds one."""
        assert self.endpoint is not None
        assert self.weight is not None
        return Real(self.endpoint, self.weight, self.method)


class Need(NamedTuple):
    """Options of which a command needs one."""

    what: str
    options: tuple[str, ...]
    remedy: str


class Verb(NamedTuple):
    """A command.

    :ivar name: its name in Request.verb
    :ivar option: the option that selects it
    :ivar real: the option that names its real server; "restore" is -R of the 1999 grammar
    :ivar needs: sets of options; the command needs one option of each set
    :ivar takes: further options that the command may have
    :ivar scheduler: the scheduler of its service if no scheduler is given; empty keeps the
        present scheduler
    :ivar method: the method of its real server if no method is given; if it is None, the kernel
        chooses
    """

    name: str
    option: str
    real: str = ""
    needs: tuple[Need, ...] = ()
    takes: tuple[str, ...] = ()
    scheduler: str = "wlc"
    method: Method | None = None

    @property
    def options(self) -> set[str]:
        """Return all options that the command may have."""
        needed = (name for need in self.needs for name in need.options)
        return {self.option, self.real, *needed, *self.takes, *_ALWAYS}


_SERVICE_NEEDED = Need("a service", _SERVICE, "specify it with: -t ADDRESS[:PORT] or -u")
_REAL_NEEDED = Need("a real server", ("real-server",), "specify it with: -r ADDRESS[:PORT]")
_CHANGE_NEEDED = Need("what to change", _REAL_OPTIONS, "use -w WEIGHT or one of -m, -i, -g")
_BOTH = (_SERVICE_NEEDED, _REAL_NEEDED)
_CAPS = ("conn-cap", "service-cap", "real-cap")
_VERBS = (
    Verb("add-service", "add-service", "", (_SERVICE_NEEDED,), ("scheduler",)),
    Verb(
        "add-old-server",
        "add-service",
        "restore",
        (_SERVICE_NEEDED,),
        ("scheduler", *_REAL_OPTIONS),
        "wrr",
    ),
    Verb("edit-service", "edit-service", "", (_SERVICE_NEEDED,), ("scheduler",), ""),
    Verb("delete-service", "delete-service", "", (_SERVICE_NEEDED,)),
    Verb("delete-server", "delete-service", "restore", (_SERVICE_NEEDED,)),
    Verb("add-server", "add-server", "real-server", _BOTH, _REAL_OPTIONS, method=Method.DR),
    Verb("edit-server", "edit-server", "real-server", (*_BOTH, _CHANGE_NEEDED)),
    Verb("delete-server", "delete-server", "real-server", _BOTH),
    Verb("list", "list", "real-server", takes=_LISTING),
    Verb("zero", "zero", takes=_SERVICE),
    Verb("clear", "clear"),
    Verb("save", "save"),
    Verb("restore", "restore"),
    Verb("set", "set"),
    Verb("default-method", "default-method"),
    Verb("conn-max", "conn-max"),
    *(Verb(name, name) for name in _CAPS),
    Verb("events", "events", takes=("json",)),
    Verb("version", "version", takes=("json",)),
)
_COMMANDS = frozenset(verb.option for verb in _VERBS)
_REAL_HINT = "it belongs to a real server: use -a -t ... -r, or 1999's -A -t ... -R"
_HINTS = {
    ("add-service", "real-server"): "use -a -t ... -r, or 1999's -A -t ... -R",
    ("delete-service", "real-server"): "use -d -t ... -r, or 1999's -D -t ... -R",
    **{("add-service", name): _REAL_HINT for name in _REAL_OPTIONS},
    ("add-server", "scheduler"): "a scheduler belongs to a service: use -A or -E",
    ("add-server", "restore"): "with -a the real server is -r",
    ("edit-server", "restore"): "with -e the real server is -r",
    ("delete-server", "restore"): "with -d the real server is -r",
}

_Given = dict[str, Token]


def parse(words: Sequence[str]) -> Request:
    """Parse a command line, or a line of a save file, in either grammar.

    :raises InvalidValue: the line is not valid
    """
    if "--help" in words:  # even if other words are not valid
        return Request("help")
    try:
        return _parse(words)
    except InvalidValue as error:
        if error.word >= 0:
            from ._lookalike import explain

            explain(error, words[error.word], BY_NAME)
        raise


def _parse(words: Sequence[str]) -> Request:
    given = _by_name(tokenize(words))
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
        _weight(verb, given),
        _method(verb, given),
        _config(given),
        _view(given),
        _interval(given),
        _value(given, "netns"),
    )


def _by_name(tokens: list[Token]) -> _Given:
    given: _Given = {}
    for token in tokens:
        if token.option.name in given and token.option.values:
            raise token.refuse(f"{token.option} is given twice")
        given[token.option.name] = token
    return given


def _value(given: _Given, name: str) -> str | None:
    """Return the first value of an option, or None if it has no value."""
    token = given.get(name)
    return token.values[0] if token is not None and token.values else None


def _verb(given: _Given) -> Verb:
    """Return the command. If commands share an option, the option of the real server decides."""
    real = _value(given, "restore")
    commands = [name for name in given if name in _COMMANDS and (name != "restore" or real is None)]
    if "restore" in commands and len(commands) > 1:
        raise given["restore"].refuse("-R needs a real server: ADDRESS[:PORT]")
    if len(commands) > 1:
        raise _two(given, commands[:2], "commands")
    if not commands and real is not None:
        raise given["restore"].refuse(
            f"'-R {real}' needs -A or -D",
            "a rule set is restored from standard input: ippfvsadm -R < FILE",
        )
    command = commands[0] if commands else "list"
    rows = [verb for verb in _VERBS if verb.option == command]
    return next((verb for verb in rows if verb.real in given), rows[0])


def _check(verb: Verb, given: _Given) -> None:
    """Refuse options that cannot be used together."""
    command = str(given[verb.option].option) if verb.option in given else "a listing"
    options = verb.options
    for name, token in given.items():
        if name not in options:
            raise token.refuse(
                f"{token.option} cannot be used with {command}", _HINTS.get((verb.name, name), "")
            )
    if all(name in given for name in _SERVICE):
        raise _two(given, _SERVICE, "services")
    for need in verb.needs:
        if given.keys().isdisjoint(need.options):
            raise InvalidValue(f"{command} needs {need.what}", need.remedy)
    if verb.name == "list" and "real-server" in given and "connection" not in given:
        raise given["real-server"].refuse("-r needs a listing of connections, -c")
    for view in ("drops", "timeout"):
        if view in given and not given.keys().isdisjoint(_SERVICE):
            raise given[view].refuse(f"{given[view].option} covers all services", "omit -t and -u")


def _two(given: _Given, names: Sequence[str], what: str) -> InvalidValue:
    """Return the error about the first and the last option, of which only one may be given."""
    first, second = given[names[0]], given[names[-1]]
    later = max(first, second, key=attrgetter("word"))
    return later.refuse(f"{first.option} and {second.option} are two {what}", "use only one")


def _service(verb: Verb, given: _Given) -> Service | None:
    scheduler = verb.scheduler
    if (text := _value(given, "scheduler")) is not None:
        scheduler = given["scheduler"].convert(validate_scheduler, text)
    for name, protocol in _PROTOCOLS.items():
        if (text := _value(given, name)) is not None:
            if scheduler:
                return given[name].convert(as_service, protocol, text, scheduler)
            return replace(given[name].convert(as_service, protocol, text), scheduler="")
    return None


def _endpoint(verb: Verb, given: _Given, service: Service | None) -> Endpoint | None:
    text = _value(given, verb.real)
    if text is None:
        return None
    if service is None:
        token = given[verb.real]
        raise token.refuse(f"{token.option} needs a service", "specify it with: -t ADDRESS[:PORT]")
    return given[verb.real].convert(as_endpoint, text, service.protocol)


def _weight(verb: Verb, given: _Given) -> int | None:
    text = _value(given, "weight")
    if text is None:
        return None if verb.name == "edit-server" else 1
    return given["weight"].convert(parse_weight, text)


@lru_cache(4096)  # the lines of a save file have few weights
def parse_weight(text: str) -> int:
    """Convert a text into a weight.

    :raises InvalidValue: it is not a whole number from 0 to 65535
    """
    return _whole_number(text, "-w", "a weight", WEIGHT_MAX)


def _method(verb: Verb, given: _Given) -> Method | None:
    names = [name for name in _METHOD if name in given]
    if len(names) > 1:
        raise _two(given, names[:2], "methods")
    if not names:
        return verb.method
    token = given[names[0]]
    return token.convert(as_method, _METHODS.get(names[0]) or token.values[0])


def _config(given: _Given) -> Config:
    if "set" in given:
        token = given["set"]
        timeouts = enumerate(token.values)
        return Config(None, *(token.convert(_timeout, text, position=at) for at, text in timeouts))
    if (text := _value(given, "conn-max")) is not None:
        return Config(conn_max=given["conn-max"].convert(_conn_max, text))
    if not given.keys().isdisjoint(_CAPS):
        conn_cap, service_cap, real_cap = (_cap(given, name) for name in _CAPS)
        return Config(conn_cap=conn_cap, service_cap=service_cap, real_cap=real_cap)
    if (text := _value(given, "default-method")) is not None:
        return Config(given["default-method"].convert(_default_method, text))
    return Config()


def _cap(given: _Given, name: str) -> int | None:
    text = _value(given, name)
    if text is None:
        return None
    return given[name].convert(_whole_number, text, f"--{name}", "a hard cap", UINT32_MAX)


def _timeout(text: str) -> int | None:
    """Return a timeout in seconds, or None for 0, which keeps the present timeout."""
    return _whole_number(text, "--set", "a timeout", TIMEOUT_MAX_S, " seconds") or None


def _conn_max(text: str) -> int:
    return _whole_number(text, "--conn-max", "the number of connections", UINT32_MAX)


def _default_method(text: str) -> Method:
    if text.lower() not in _METHODS.values():
        raise InvalidValue(f"'{text}' is not a default method: use nat, tun or dr")
    return as_method(text)


def _whole_number(text: str, option: str, what: str, most: int, unit: str = "") -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else -1
    if not 0 <= number <= most:
        raise InvalidValue(f"'{option} {text}': {what} is a whole number from 0 to {most}{unit}")
    return number


def _view(given: _Given) -> str:
    views = [name for name in _VIEWS if name in given]
    if views == ["stats", "rate"]:
        return "stats-and-rate"
    if len(views) > 1:
        raise _two(given, views, "listings")
    return views[0] if views else "rules"


def _interval(given: _Given) -> float:
    text = _value(given, "rate")
    if text is None:
        return 1.0
    try:
        interval = float(text)
    except ValueError:
        interval = 0.0
    if not 0.1 <= interval <= 3600:
        raise given["rate"].refuse(f"'--rate={text}': an interval is from 0.1 to 3600 seconds")
    return interval
