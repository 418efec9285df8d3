# SPDX-License-Identifier: GPL-2.0
"""Rule sets: their values, their text in a save file, and their comparison. No I/O.

A save file consists of argument lines of ippfvsadm::

    # settings
    --default-method dr
    --set 7200 120 300
    # a service and its real servers
    -A -t 202.103.106.5:80 -s wrr
    -a -t 202.103.106.5:80 -r 172.16.0.2:80 -m -w 1

Lines of the 1999 grammar (``-A -t VIP -R RIP``), a leading ``ippfvsadm`` or ``ipvsadm``,
blank lines and comments are understood too. :func:`pylvs.load` and :func:`pylvs.loads` read
save files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .model import Config, Method, Real, Service


class Rule(NamedTuple):
    """A service, or a real server of a service. Both are None for the settings.

    :ivar where: the line of a file, or the rule itself, as an error names it
    """

    service: Service | None = None
    real: Real | None = None
    where: str = ""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Services with their real servers, and settings.

    :ivar services: the services in the order in which they are added
    :ivar config: the settings; those that are None are not changed
    :ivar source: the name of the file that was read; empty if there is none
    :ivar line_numbers: the line in that file of each service and each real server, in order
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
        """Return the rule in a nest of a REPLACE request, or an empty rule if there is none.

        :param index: the number of the nest; if there are settings, they are nest 0
        """
        index -= self.config != Config()
        if index < 0:
            return Rule()
        for place, (service, real) in enumerate(self.rules()):
            if place == index:
                return Rule(service, real, self._where(place, service, real))
        return Rule()

    def _where(self, place: int, service: Service, real: Real | None) -> str:
        if place < len(self.line_numbers):
            return f"{self.source} line {self.line_numbers[place]}"
        return add_line(service.option, real) if real is not None else f"-A {service}"


def lines(ruleset: Ruleset) -> Iterator[str]:
    """Yield the lines of a save file."""
    yield from config_lines(ruleset.config)
    for service in ruleset.services:
        yield from service_lines(service)


def service_lines(service: Service) -> Iterator[str]:
    """Yield the lines of a save file that add a service and its real servers."""
    yield f"-A {service}"
    option = service.option
    for real in service.reals:
        yield add_line(option, real)


def add_line(option: str, real: Real) -> str:
    """Return the line of a save file that adds a real server to a service above it.

    Only the grammar of 1999 leaves the method to the kernel.

    :param option: the option that names the service
    """
    return f"{'-A' if real.method is None else '-a'} {option} {real}"


def config_lines(config: Config) -> Iterator[str]:
    """Yield the lines of a save file that change the settings that are not None."""
    if config.default_method is not None:
        yield f"--default-method {config.default_method}"
    timeouts = (config.tcp_timeout_s, config.fin_timeout_s, config.udp_timeout_s)
    if any(timeouts):
        yield "--set " + " ".join(str(seconds or 0) for seconds in timeouts)
    if config.conn_max is not None:
        yield f"--conn-max {config.conn_max}"


def diff(old: Ruleset, new: Ruleset) -> list[str]:
    """Return the argument lines of ippfvsadm that change the old rule set into the new one.

    The order of services and of real servers is ignored. So is a method that the new rule set
    leaves to the kernel, and another method of a Local Node: for every address of the director,
    the kernel chooses local.
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
    was = {new.end_of(real.endpoint): real for real in old.reals} if old is not None else {}
    will = {new.end_of(real.endpoint): real for real in new.reals}
    changes += [f"-d {new.option} -r {end}" for end in was if end not in will]
    for end, real in will.items():
        if end not in was:
            changes.append(add_line(new.option, real))
        elif _differs(was[end], real):
            method = f" {real.method.option}" if real.method is not None else ""
            changes.append(f"-e {new.option} -r {real.endpoint}{method} -w {real.weight}")
    return changes


def _differs(old: Real, new: Real) -> bool:
    if old.weight != new.weight:
        return True
    return old.method is not Method.LOCAL and new.method not in (None, old.method)
