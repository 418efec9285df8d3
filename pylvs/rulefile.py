# SPDX-License-Identifier: GPL-2.0
"""Save files read into rule sets; pure but for :func:`load`."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from dataclasses import replace
from socket import AF_INET, inet_pton
from typing import NamedTuple

from .endpoint import Endpoint
from .errors import AlreadyExists, Error, InvalidValue, NoSuchService, TooMany
from .grammar import Request, parse
from .model import Config, Method, Protocol, Real, Service
from .readings import ServiceKey
from .ruleset import Ruleset
from .uapi import REALS_MAX, SERVICES_MAX, WEIGHT_MAX
from .words import make_service

LINE_MAX = 4096
PORT_MAX = 65535
_NUMBER = "Q"  # what an array calls it

_SETTINGS = ("set", "default-method", "conn-max")
_PROGRAMS = ("ippfvsadm", "ippfvs", "ipvsadm")
_METHODS = {"-m": Method.NAT, "-i": Method.TUN, "-g": Method.DR}
# What save writes for nearly every line; anything else goes through the grammar.
_END = r"([^\s-]\S*)"
_USUAL_SERVICE = re.compile(rf"-A (-[tu]) {_END} -s ([a-z]+)\n?")
_USUAL_REAL = re.compile(
    rf"-a (-[tu]) {_END} -r (?:([0-9.]+):([0-9]{{1,5}})|{_END}) (-[mig]) -w ([0-9]{{1,5}})\n?"
)
_PROTOCOLS = {"-t": Protocol.TCP, "-u": Protocol.UDP}


def load(path: str) -> Ruleset:
    """Read a save file.

    :raises InvalidValue: a line is wrong, and the error names it; or there is nothing in
        it, perhaps because it was cut short: to replace by it would remove every service
    :raises OSError: the file cannot be read
    """
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        ruleset = read(file, path)
    if ruleset == Ruleset():
        raise InvalidValue(f"{path} holds neither a rule nor a setting")
    return ruleset


def loads(text: str, source: str = "rules") -> Ruleset:
    """Read the text of a save file, an empty one too; see :func:`load`."""
    return read(text.splitlines(), source)


def read(rows: Iterable[str], source: str = "rules") -> Ruleset:
    """Read the lines of a save file; source names it in errors.

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


class _Members(NamedTuple):
    """A service being read: it, its line, and its real servers and theirs."""

    service: Service
    protocol: str
    line_number: int
    reals: dict[Endpoint, Real]
    line_numbers: array[int]


class _Builder:
    """Takes lines, one after the other, and makes a rule set of them."""

    def __init__(self) -> None:
        self._config = Config()
        self._services: dict[ServiceKey, _Members] = {}
        self._named: dict[tuple[str, str], _Members] = {}  # as written: -t, 10.0.0.1:80

    def take_usual(self, usual: re.Match[str], number: int) -> bool:
        """Take a real server as save writes it; False leaves it, and what is wrong, to take()."""
        option, virtual, address, port, other, method, weight = usual.groups()
        members = self._named.get((option, virtual))
        if members is None or int(weight) > WEIGHT_MAX:
            return False
        if other is not None:
            endpoint = Endpoint.parse(other, members.protocol)
        else:
            endpoint = Endpoint(address, int(port))
            if not (endpoint.port <= PORT_MAX and _is_ipv4(address)):
                return False
        if endpoint in members.reals or len(members.reals) >= REALS_MAX:
            return False
        members.reals[endpoint] = Real(endpoint, int(weight), _METHODS[method])
        members.line_numbers.append(number)
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

    def finish(self, source: str) -> Ruleset:
        """Return the whole, and forget it: what each service leaves is memory for the next."""
        services = []
        numbers = array(_NUMBER)
        self._named.clear()
        for key in list(self._services):
            members = self._services.pop(key)
            services.append(replace(members.service, reals=tuple(members.reals.values())))
            numbers.append(members.line_number)
            numbers.extend(members.line_numbers)
        return Ruleset(tuple(services), self._config, source, numbers)

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
            if service.key not in self._services:
                self._add_service(service, number)
            _add_real(self._services[service.key], request.real, number)
        elif request.verb == "add-server" and service is not None:
            self._add_to_known(service, request.real, number)
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
        if service.key in self._services:
            raise AlreadyExists(f"service {service.name} is there already")
        self._add_service(service, number)

    def _add_service(self, service: Service, number: int) -> None:
        if len(self._services) >= SERVICES_MAX:
            raise TooMany(f"a namespace holds {SERVICES_MAX} services")
        members = _Members(service, str(service.protocol), number, {}, array(_NUMBER))
        self._services[service.key] = members
        letter = "-t" if service.protocol is Protocol.TCP else "-u"
        self._named[letter, str(service.endpoint)] = members

    def _add_to_known(self, service: Service, real: Real, number: int) -> None:
        members = self._services.get(service.key)
        if members is None:
            raise NoSuchService(
                f"no service {service.name} above", f"add it with: -A {service.option} -s wlc"
            )
        _add_real(members, real, number)


def _is_ipv4(address: str) -> bool:
    """Say whether it is an IPv4 address, which has one text form that inet_pton takes."""
    try:
        inet_pton(AF_INET, address)
    except OSError:
        return False
    return True


def _add_real(members: _Members, real: Real, number: int) -> None:
    if real.endpoint in members.reals:
        raise AlreadyExists(f"{real.endpoint} is a real server of {members.service.name} already")
    if len(members.reals) >= REALS_MAX:
        raise TooMany(f"a service holds {REALS_MAX} real servers")
    members.reals[real.endpoint] = real
    members.line_numbers.append(number)
