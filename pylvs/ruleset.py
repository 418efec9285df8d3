# SPDX-License-Identifier: GPL-2.0
"""Rule sets as text: parse, format, compare; pure but for :func:`load`.

A save file is a sequence of ippfvsadm argument lines::

    # settings
    --default-method dr
    --set 7200 120 300
    # a service and its real servers
    -A -t 202.103.106.5:80 -s wrr
    -a -t 202.103.106.5:80 -r 172.16.0.2:80 -m -w 1

1999's ``-A -t VIP -R RIP`` lines, a leading ``ippfvsadm`` or ``ipvsadm``, blank
lines and comments are understood too.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from socket import AF_INET, inet_pton
from typing import NamedTuple

from .endpoint import Endpoint
from .errors import AlreadyExists, Error, InvalidValue, NoSuchService, TooMany
from .grammar import Request, parse
from .model import Config, Method, Protocol, Real, Service
from .readings import ServiceKey
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


class Rule(NamedTuple):
    """One rule of a set: a service, a real server of it, or neither: the settings."""

    service: Service | None = None
    real: Real | None = None
    where: str = ""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Services with their real servers, and settings.

    :ivar services: in the order of their making
    :ivar config: settings; those that are None stay as they are
    :ivar source: where it was read; empty when it was not
    :ivar line_numbers: there, of each service and each real server in their order
    """

    services: tuple[Service, ...] = ()
    config: Config = Config()
    source: str = ""
    line_numbers: Sequence[int] = ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ruleset):
            return NotImplemented
        return (self.services, self.config) == (other.services, other.config)

    def __hash__(self) -> int:
        return hash((self.services, self.config))

    def __str__(self) -> str:
        return "".join(f"{line}\n" for line in lines(self))

    def rules(self) -> Iterator[tuple[Service, Real | None]]:
        """Yield each service, followed by its real servers."""
        for service in self.services:
            yield service, None
            for real in service.reals:
                yield service, real

    def rule_at(self, index: int) -> Rule:
        """Return the rule that is the index-th nest of a REPLACE request.

        The settings, when there are any, come first. Neither there: an empty rule.
        """
        index -= self.config != Config()
        if index < 0:
            return Rule()
        for place, (service, real) in enumerate(self.rules()):
            if place == index:
                return Rule(service, real, self._place(place, service, real))
        return Rule()

    def _place(self, place: int, service: Service, real: Real | None) -> str:
        if place < len(self.line_numbers):
            return f"{self.source} line {self.line_numbers[place]}"
        return f"-a {service.option} {real}" if real is not None else f"-A {service}"


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


def lines(ruleset: Ruleset) -> Iterator[str]:
    """Yield the lines of a save file."""
    yield from config_lines(ruleset.config)
    for service in ruleset.services:
        yield from service_lines(service)


def service_lines(service: Service) -> Iterator[str]:
    """Yield the lines of a save file that make a service and its real servers."""
    yield f"-A {service}"
    option = service.option
    for real in service.reals:
        yield f"-a {option} {real}"


def diff(old: Ruleset, new: Ruleset) -> list[str]:
    """Return the ippfvsadm argument lines that lead from old to new.

    The order of services and real servers is no difference.
    """
    changes: list[str] = []
    if old.config != new.config:
        before = set(config_lines(old.config))
        changes += [line for line in config_lines(new.config) if line not in before]
    was = {service.key: service for service in old.services}
    will = {service.key: service for service in new.services}
    changes += [f"-D {service.option}" for key, service in was.items() if key not in will]
    for key, service in will.items():
        changes += _service_diff(was.get(key), service)
    return changes


def _service_diff(old: Service | None, new: Service) -> list[str]:
    changes: list[str] = []
    if old is None:
        changes.append(f"-A {new}")
    elif old.scheduler != new.scheduler:
        changes.append(f"-E {new}")
    was = {real.endpoint: real for real in old.reals} if old is not None else {}
    will = {real.endpoint: real for real in new.reals}
    changes += [f"-d {new.option} -r {end}" for end in was if end not in will]
    for end, real in will.items():
        if end not in was:
            changes.append(f"-a {new.option} {real}")
        elif was[end] != real:
            changes.append(f"-e {new.option} {real}")
    return changes


def config_lines(config: Config) -> Iterator[str]:
    """Yield the lines of the settings that are not None."""
    if config.default_method is not None:
        yield f"--default-method {config.default_method}"
    timeouts = (config.tcp_timeout_s, config.fin_timeout_s, config.udp_timeout_s)
    if any(timeouts):
        yield "--set " + " ".join(str(seconds or 0) for seconds in timeouts)
    if config.conn_max is not None:
        yield f"--conn-max {config.conn_max}"


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
