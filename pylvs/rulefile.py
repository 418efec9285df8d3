# SPDX-License-Identifier: GPL-2.0
"""Save files read, packed at once; pure but for :func:`load`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from socket import AF_INET, inet_pton
from typing import NamedTuple, TextIO

from .bulk import read_rules
from .endpoint import Endpoint
from .errors import AlreadyExists, Error, InvalidValue, NoSuchService, TooMany
from .grammar import Request, parse
from .model import Config, Method, Real, Service
from .packed import PackedRuleset, pack_config, pack_real, pack_real4, pack_service
from .ruleset import Ruleset
from .runs import Runs
from .uapi import REALS_MAX, SERVICES_MAX, WEIGHT_MAX
from .words import make_service

LINE_MAX = 4096
PORT_MAX = 65535

_SETTINGS = ("set", "default-method", "conn-max")
_PROGRAMS = ("ippfvsadm", "ippfvs", "ipvsadm")
_METHODS = {"-m": Method.NAT, "-i": Method.TUN, "-g": Method.DR}
# What save writes for nearly every line; anything else goes through the grammar.
_END = r"[^\s-]\S*"
_USUAL_SERVICE = re.compile(rf"-A (-[tu]) ({_END}) -s ([a-z]+)\n?")
_USUAL_REAL = re.compile(
    rf"-a (-[tu] {_END}) -r (?:([0-9.]+):([0-9]{{1,5}})|({_END})) (-[mig]) -w ([0-9]{{1,5}})\n?"
)
_PROTOCOLS = {"-t": "tcp", "-u": "udp"}


def load(path: str) -> Ruleset:
    """Read a save file.

    :raises InvalidValue: a line is wrong, and the error names it; or there is nothing in
        it, perhaps because it was cut short: to replace by it would remove every service
    :raises OSError: the file cannot be read
    """
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        packed = read(lines_of(file), path)
    if not packed.body:
        raise InvalidValue(f"{path} holds neither a rule nor a setting")
    return packed.unpack()


def loads(text: str, source: str = "rules") -> Ruleset:
    """Read the text of a save file, an empty one too; see :func:`load`."""
    return read(text.splitlines(), source).unpack()


def lines_of(file: TextIO) -> Iterator[str]:
    """Yield the lines of a save file; of one that is too long, enough to be refused."""
    return iter(partial(file.readline, LINE_MAX + 1), "")


def read(rows: Iterable[str], source: str = "rules") -> PackedRuleset:
    """Read the lines of a save file, each packed at once; source names it in errors.

    :raises InvalidValue: a line is wrong; the error names it
    :raises NoSuchService: a real server comes before its service
    :raises AlreadyExists: a service, or a real server of it, comes twice, or a service
        with two schedulers
    :raises TooMany: more than the kernel takes
    """
    builder = _Builder()
    number = 0
    try:
        for number, row in enumerate(rows, 1):
            if len(row) > LINE_MAX:
                raise InvalidValue(f"the line is longer than {LINE_MAX} characters")
            usual = _USUAL_REAL.fullmatch(row)
            if usual is None or not builder.take_usual(usual, number):
                builder.take(row, number)
    except Error as error:
        error.where = f"{source} line {number}"
        error.advise("nothing was changed")
        raise
    return builder.finish(source)


class _Current(NamedTuple):
    """The service whose lines are read: its first run, what it is, its real servers."""

    run: int
    service: Service
    endpoints: set[Endpoint]


class _Builder:
    """Takes lines, one after the other, and packs a rule set."""

    def __init__(self) -> None:
        self._config = Config()
        self._runs = Runs()
        self._run_of: dict[str, int] = {}  # the first run of -t 10.0.0.1:80
        self._current: _Current | None = None
        self._met_again: dict[int, _Current] = {}  # whose endpoints are kept, to be found again

    def take_usual(self, usual: re.Match[str], number: int) -> bool:
        """Take a real server as save writes it; False leaves it, and what is wrong, to take()."""
        run = self._run_of.get(usual[1])
        if run is None or (packed := _pack_usual(usual)) is None:
            return False
        self._add_real(run, *packed, number)
        return True

    def take(self, row: str, number: int) -> None:
        """Take one line."""
        if usual := _USUAL_SERVICE.fullmatch(row):
            option, end, scheduler = usual.groups()
            self._add_new(make_service(_PROTOCOLS[option], end, scheduler), number)
            return
        words = row.split("#", 1)[0].split()
        if words and words[0] in _PROGRAMS:
            del words[0]
        if words:
            self._take_request(parse(words), number)

    def finish(self, source: str) -> PackedRuleset:
        """Return the whole; nothing can be taken afterwards."""
        body, line_numbers = self._runs.joined()
        body[:0] = pack_config(self._config)
        return PackedRuleset(body, self._config, source, line_numbers)

    def _take_request(self, request: Request, number: int) -> None:
        if request.netns is not None:
            raise InvalidValue("--netns does not belong into a rule set")
        if request.verb in _SETTINGS:
            self._take_config(request)
            return
        service = request.service
        if request.verb == "add-service" and service is not None:
            self._add_new(service, number)
        elif request.verb == "add-old-server" and service is not None:
            if service.option not in self._run_of:
                self._add_service(service, number)
            elif "scheduler" in request.given:
                self._check_scheduler(service)
            self._add_to_known(service, request.real, number)
        elif request.verb == "add-server" and service is not None:
            self._add_to_known(service, request.real, number)
        else:
            raise InvalidValue(
                "this is no rule: "
                "a rule set is written with -A, -a, --set, --default-method and --conn-max"
            )

    def _take_config(self, request: Request) -> None:
        if request.config == Config() and request.verb != "set":
            raise InvalidValue(f"--{request.verb} needs a value here")
        given = {
            name: value
            for name in Config.__dataclass_fields__
            if (value := getattr(request.config, name)) is not None
        }
        self._config = replace(self._config, **given)

    def _add_new(self, service: Service, number: int) -> None:
        if service.option in self._run_of:
            raise AlreadyExists(f"service {service.name} is there already")
        self._add_service(service, number)

    def _add_service(self, service: Service, number: int) -> None:
        if len(self._run_of) >= SERVICES_MAX:
            raise TooMany(f"a namespace holds {SERVICES_MAX} services")
        run = self._runs.begin()
        self._runs.add(pack_service(service), number)
        self._run_of[service.option] = run
        self._current = _Current(run, service, set())

    def _check_scheduler(self, service: Service) -> None:
        """Refuse a scheduler for a service that has another."""
        there = self._turn_to(self._run_of[service.option]).service.scheduler
        if there != service.scheduler:
            raise AlreadyExists(
                f"{service.name} is scheduled by {there}, not {service.scheduler}",
                "give it one scheduler",
            )

    def _add_to_known(self, service: Service, real: Real, number: int) -> None:
        run = self._run_of.get(service.option)
        if run is None:
            raise NoSuchService(
                f"no service {service.name} above", f"add it with: -A {service.option} -s wlc"
            )
        self._add_real(run, real.endpoint, pack_real(real), number)

    def _add_real(self, run: int, endpoint: Endpoint, rule: bytes, number: int) -> None:
        current = self._turn_to(run)
        end = current.service.end_of(endpoint)
        if end in current.endpoints:
            raise AlreadyExists(f"{endpoint} is a real server of {current.service.name} already")
        if len(current.endpoints) >= REALS_MAX:
            raise TooMany(f"a service holds {REALS_MAX} real servers")
        current.endpoints.add(end)
        self._runs.add(rule, number)

    def _turn_to(self, run: int) -> _Current:
        """Make the service of that run the one whose lines are read."""
        if self._current is not None and self._current.run == run:
            return self._current
        if run not in self._met_again:
            (service,) = read_rules([self._runs.of(run)])
            endpoints = {service.end_of(real.endpoint) for real in service.reals}
            self._met_again[run] = _Current(run, service, endpoints)
        self._runs.resume(run)
        self._current = self._met_again[run]
        return self._current


def _pack_usual(usual: re.Match[str]) -> tuple[Endpoint, bytes] | None:
    """Return where a real server is, and its rule; None when something is wrong with it."""
    virtual, address, port, other, method, digits = usual.groups()
    weight = int(digits)
    if weight > WEIGHT_MAX:
        return None
    if other is not None:
        real = Real(Endpoint.parse(other, _PROTOCOLS[virtual[:2]]), weight, _METHODS[method])
        return real.endpoint, pack_real(real)
    endpoint = Endpoint(address, int(port))
    if endpoint.port > PORT_MAX:
        return None
    try:
        packed = inet_pton(AF_INET, address)
    except OSError:
        return None
    return endpoint, pack_real4(packed, endpoint.port, weight, _METHODS[method])
