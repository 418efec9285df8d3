# SPDX-License-Identifier: GPL-2.0
"""Save files read, packed at once; pure but for :func:`load`."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from dataclasses import replace
from socket import AF_INET, inet_pton
from typing import NamedTuple

from .bulk import read_rules
from .endpoint import Endpoint
from .errors import AlreadyExists, Error, InvalidValue, NoSuchService, TooMany
from .grammar import Request, parse
from .model import Config, Method, Protocol, Real, Service
from .packed import PackedRuleset, pack_config, pack_real, pack_real4, pack_service
from .ruleset import Ruleset
from .uapi import REALS_MAX, SERVICES_MAX, WEIGHT_MAX
from .words import make_service

LINE_MAX = 4096
_NUMBER = "I"  # what an array calls it

_SETTINGS = ("set", "default-method", "conn-max")
_PROGRAMS = ("ippfvsadm", "ippfvs", "ipvsadm")
_METHODS = {"-m": Method.NAT, "-i": Method.TUN, "-g": Method.DR}
# What save writes for nearly every line; anything else goes through the grammar.
_END = r"[^\s-]\S*"
_USUAL_SERVICE = re.compile(rf"-A (-[tu]) ({_END}) -s ([a-z]+)\n?")
_USUAL_REAL = re.compile(
    rf"-a (-[tu] {_END}) -r (?:([0-9.]+):([0-9]{{1,5}})|({_END})) (-[mig]) -w ([0-9]{{1,5}})\n?"
)
_PROTOCOLS = {"-t": Protocol.TCP, "-u": Protocol.UDP}


def load(path: str) -> Ruleset:
    """Read a save file.

    :raises InvalidValue: a line is wrong, and the error names it; or there is nothing in
        it, perhaps because it was cut short: to replace by it would remove every service
    :raises OSError: the file cannot be read
    """
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        packed = read(file, path)
    if not packed.body:
        raise InvalidValue(f"{path} holds neither a rule nor a setting")
    return packed.unpack()


def loads(text: str, source: str = "rules") -> Ruleset:
    """Read the text of a save file, an empty one too; see :func:`load`."""
    return read(text.splitlines(), source).unpack()


def read(rows: Iterable[str], source: str = "rules") -> PackedRuleset:
    """Read the lines of a save file, each packed at once; source names it in errors.

    :raises InvalidValue: a line is wrong; the error names it
    :raises NoSuchService: a real server comes before its service
    :raises AlreadyExists: a service, or a real server of it, comes twice
    :raises TooMany: more than the kernel takes
    """
    builder = _Builder()
    number = 0
    try:
        for number, row in enumerate(rows, 1):
            usual = _USUAL_REAL.fullmatch(row)
            if usual is None or not builder.take_usual(usual, number):
                builder.take(row, number)
    except Error as error:
        error.where = f"{source} line {number}"
        error.advise("nothing was changed")
        raise
    return builder.finish(source)


class _Runs:
    """Packed rules in the order of their lines.

    A run is a service with the real servers of the lines below it. A line about a service
    above that one begins a run that continues the former.
    """

    def __init__(self) -> None:
        self._rules = bytearray()
        self._line_numbers = array(_NUMBER)
        # Of each run: the run that it continues (or itself), where it begins in each of both.
        self._origins = array(_NUMBER)
        self._starts = array(_NUMBER)
        self._first_lines = array(_NUMBER)

    def begin(self, origin: int | None = None) -> int:
        """Begin a run, or continue another; return which it is."""
        run = len(self._origins)
        self._origins.append(run if origin is None else origin)
        self._starts.append(len(self._rules))
        self._first_lines.append(len(self._line_numbers))
        return run

    def add(self, rule: bytes, line_number: int) -> None:
        """Add a packed rule to the last run."""
        self._rules += rule
        self._line_numbers.append(line_number)

    def packed(self, run: int) -> bytes:
        """Return a run's rules."""
        return bytes(self._rules[_extent(self._starts, run)])

    def joined(self) -> tuple[bytearray, array[int]]:
        """Return all rules and their line numbers, each run followed by what continues it."""
        runs = range(len(self._origins))
        if self._origins == array(_NUMBER, runs):
            return self._rules, self._line_numbers
        rules, line_numbers = bytearray(), array(_NUMBER)
        for run in sorted(runs, key=self._origins.__getitem__):
            rules += self._rules[_extent(self._starts, run)]
            line_numbers += self._line_numbers[_extent(self._first_lines, run)]
        return rules, line_numbers


def _extent(starts: array[int], run: int) -> slice:
    return slice(starts[run], starts[run + 1] if run + 1 < len(starts) else None)


class _Members(NamedTuple):
    """The service whose lines are read: its run, and where its real servers are."""

    run: int
    service: Service
    protocol: str
    endpoints: set[Endpoint]


class _Builder:
    """Takes lines, one after the other, and packs a rule set."""

    def __init__(self) -> None:
        self._config = Config()
        self._runs = _Runs()
        self._services: dict[str, int] = {}  # the run of each; by -t 10.0.0.1:80
        self._members: _Members | None = None
        self._met_again: dict[int, _Members] = {}  # services to which lines came back

    def take_usual(self, usual: re.Match[str], number: int) -> bool:
        """Take a real server as save writes it; False leaves it, and what is wrong, to take()."""
        virtual, address, port, other, method, weight = usual.groups()
        run = self._services.get(virtual)
        if run is None or int(weight) > WEIGHT_MAX:
            return False
        members = self._turn_to(run)
        if other is not None:
            endpoint = Endpoint.parse(other, members.protocol)
            rule = pack_real(Real(endpoint, int(weight), _METHODS[method]))
        else:
            endpoint = Endpoint(address, int(port))
            try:
                rule = pack_real4(
                    inet_pton(AF_INET, address), endpoint.port, int(weight), _METHODS[method]
                )
            except (OSError, OverflowError):
                return False
        if endpoint in members.endpoints or len(members.endpoints) >= REALS_MAX:
            return False
        members.endpoints.add(endpoint)
        self._runs.add(rule, number)
        return True

    def take(self, row: str, number: int) -> None:
        """Take one line."""
        if len(row) > LINE_MAX:
            raise InvalidValue(f"the line is longer than {LINE_MAX} characters")
        if usual := _USUAL_SERVICE.fullmatch(row):
            option, end, scheduler = usual.groups()
            self._add_new(make_service(str(_PROTOCOLS[option]), end, scheduler), number)
            return
        words = row.split("#", 1)[0].split()
        if words and words[0] in _PROGRAMS:
            del words[0]
        if words:
            self._take_request(parse(words), number)

    def finish(self, source: str) -> PackedRuleset:
        """Return the whole."""
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
            if service.option not in self._services:
                self._add_service(service, number)
            self._add_real(service, request.real, number)
        elif request.verb == "add-server" and service is not None:
            self._add_real(service, request.real, number)
        else:
            raise InvalidValue(
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
        if service.option in self._services:
            raise AlreadyExists(f"service {service.name} is there already")
        self._add_service(service, number)

    def _add_service(self, service: Service, number: int) -> None:
        if len(self._services) >= SERVICES_MAX:
            raise TooMany(f"a namespace holds {SERVICES_MAX} services")
        run = self._runs.begin()
        self._runs.add(pack_service(service), number)
        self._services[service.option] = run
        self._members = _Members(run, service, str(service.protocol), set())

    def _add_real(self, service: Service, real: Real, number: int) -> None:
        run = self._services.get(service.option)
        if run is None:
            raise NoSuchService(
                f"no service {service.name} above", f"add it with: -A {service.option} -s wlc"
            )
        endpoints = self._turn_to(run).endpoints
        if real.endpoint in endpoints:
            raise AlreadyExists(f"{real.endpoint} is a real server of {service.name} already")
        if len(endpoints) >= REALS_MAX:
            raise TooMany(f"a service holds {REALS_MAX} real servers")
        endpoints.add(real.endpoint)
        self._runs.add(pack_real(real), number)

    def _turn_to(self, run: int) -> _Members:
        """Make the service of that run the one whose lines are read."""
        if self._members is not None and self._members.run == run:
            return self._members
        if run not in self._met_again:
            (service,) = read_rules([self._runs.packed(run)])
            endpoints = {real.endpoint for real in service.reals}
            self._met_again[run] = _Members(run, service, str(service.protocol), endpoints)
        self._runs.begin(run)
        self._members = self._met_again[run]
        return self._members
