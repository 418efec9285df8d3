# SPDX-License-Identifier: GPL-2.0
"""Save files. They are read line by line, and each line is encoded at once for a REPLACE request.

An encoded rule takes 36 bytes (a real server with an IPv4 address) of one block of memory. As
a value it would take 200 bytes in four blocks. Only :func:`load` opens a file.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, TextIO

from ._grammar import Request, parse, parse_weight, tokenize
from ._netlink.messages import (
    decode_rules,
    encode_config,
    encode_real,
    encode_real_rule,
    encode_service,
)
from ._netlink.nlattr import Body
from .endpoint import Endpoint
from .errors import AlreadyExists, Error, InvalidValue, NoSuchService, TooMany
from .model import Config, Method, Real, Service, as_service
from .ruleset import Rule, Ruleset
from .uapi import REALS_MAX, SERVICES_MAX

LINE_MAX = 4096

_SETTINGS = ("set", "default-method", "conn-max")
_PROGRAMS = ("ippfvsadm", "ippfvs", "ipvsadm")
_FORMS_MAX = 4  # per beginning of a line; matching more forms takes longer than the grammar
_BEGINNING = 5  # number of characters: the command and the option of the service


@dataclass(frozen=True, slots=True, eq=False)
class EncodedRuleset:
    """A rule set from a file, in its encoded form.

    :ivar body: see :func:`pylvs._netlink.messages.encode_ruleset`
    :ivar config: the settings
    :ivar source: the name of the file
    :ivar line_numbers: the line of each service and each real server, in order
    """

    body: Body
    config: Config
    source: str
    line_numbers: Sequence[int]

    def decode(self) -> Ruleset:
        """Return the rule set as values."""
        services = tuple(decode_rules([bytes(self.body)]))
        return Ruleset(services, self.config, self.source, self.line_numbers)

    def rule_at(self, index: int) -> Rule:
        """See :meth:`Ruleset.rule_at`. The whole set is decoded to find one refused rule."""
        return self.decode().rule_at(index)


def load(path: str) -> Ruleset:
    """Read a save file.

    :raises InvalidValue: a line is not valid, and the error names it; or the file has neither
        a rule nor a setting, so that it would remove every service
    :raises NoSuchService: the file has a real server of a service that it does not add
    :raises AlreadyExists: a service or a real server occurs twice, or a service has two
        schedulers
    :raises TooMany: there are more services or real servers than the kernel accepts
    :raises OSError: the file cannot be read
    """
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        encoded = read(lines_of(file), path)
    if not encoded.body:
        raise InvalidValue(f"{path} holds neither a rule nor a setting")
    return encoded.decode()


def loads(text: str, source: str = "rules") -> Ruleset:
    """Parse the text of a save file, which may be empty. See :func:`load` for the errors.

    :param source: the name of the text in errors
    """
    return read(text.splitlines(), source).decode()


def lines_of(file: TextIO) -> Iterator[str]:
    """Yield the lines of a file. A line that is too long is cut after LINE_MAX + 1 characters."""
    return iter(partial(file.readline, LINE_MAX + 1), "")


def read(rows: Iterable[str], source: str = "rules") -> EncodedRuleset:
    """Parse the lines of a save file. See :func:`load` for the errors.

    :param source: the name of the file in errors
    """
    reader = _Reader(source)
    number = 0
    try:
        for number, row in enumerate(rows, 1):
            if len(row) > LINE_MAX:
                raise InvalidValue(f"the line is longer than {LINE_MAX} characters")
            try:
                known = reader.take_known_form(row, number)
            except InvalidValue:
                known = False  # the grammar finds the word at fault
            if not known:
                reader.take(row, number)
        return reader.finish()
    except Error as error:
        error.where = error.where or f"{source} line {number}"
        error.advise("nothing was changed")
        raise


class _LineForm(NamedTuple):
    """The form of lines that differ only in their values.

    A large save file has 100,000 lines, but only a few forms. The grammar parses the first line of
    each form and finds where its values are. A pattern made from this line then finds the values
    of the other lines.

    :ivar pattern: matches the lines of this form and captures their values
    :ivar groups: the groups that capture the service, the real server and the weight, or the
        service and the scheduler
    :ivar protocol: the protocol of the service
    :ivar option: the option that names the service, followed by a space
    :ivar method: the method of the real server; None if the line adds a service
    """

    pattern: re.Pattern[str]
    groups: tuple[int, ...]
    protocol: str
    option: str
    method: Method | None


_CAPTURED = {"add-server": ("real-server", "weight"), "add-service": ("scheduler",)}


def _line_form(words: Sequence[str], request: Request) -> _LineForm | None:
    """Return the form of a line, or None if a file cannot have many lines of this form.

    :param request: what parse() returned for the words
    """
    places = {token.option.name: token.at for token in tokenize(words)}
    service = next((name for name in ("tcp-service", "udp-service") if name in places), "")
    captured = [places.get(name, -1) for name in (service, *_CAPTURED.get(request.verb, ()))]
    if request.service is None or len(captured) < 2 or -1 in captured:
        return None
    if request.verb == "add-server" and request.method is None:
        return None
    # Every other word, which is usually an option, is the same in all lines of the form.
    parts = [re.escape(word) for word in words]
    for at in captured:
        parts[at] = r"([^\s#-][^\s#]*)"
    groups = tuple(sorted(captured).index(at) + 1 for at in captured)
    pattern = re.compile(" ".join(parts) + r"\n?")
    protocol, option = str(request.service.protocol), request.service.option[:3]
    return _LineForm(pattern, groups, protocol, option, request.method)


def _without_mark(row: str) -> str:
    """Return the first line without the byte order mark of UTF-8.

    :raises InvalidValue: it has the mark of UTF-16, which is not valid in UTF-8
    """
    if row.startswith(("\udcff\udcfe", "\udcfe\udcff")):
        raise InvalidValue("the file is in UTF-16", "save it in UTF-8")
    return row.removeprefix("\ufeff")


class _Current(NamedTuple):
    """The service of the last line, with its first segment and its real servers."""

    segment: int
    service: Service
    endpoints: set[Endpoint]


class _Reader:
    """A reader of lines, which encodes their rules."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._config = Config()
        self._segments = _Segments()
        self._first_segment: dict[str, int] = {}  # by the option of a service
        self._current: _Current | None = None
        # Real servers above their service, with their lines, by the option of the service.
        self._waiting: dict[str, list[tuple[Service, Real, int]]] = {}
        self._resumed: dict[int, _Current] = {}  # services with several segments
        self._forms: dict[str, list[_LineForm]] = {}  # by the beginning of a line

    def take_known_form(self, row: str, number: int) -> bool:
        """Read a line of a known form. Return False if take() must read the line."""
        for pattern, groups, protocol, option, method in self._forms.get(row[:_BEGINNING], ()):
            match = pattern.fullmatch(row)
            if match is None:
                continue
            if method is None:
                self._add_new(as_service(protocol, *match.group(*groups)), number)
                return True
            virtual, real, weight = match.group(*groups)
            segment = self._first_segment.get(option + virtual)
            if segment is None:
                return False
            endpoint = Endpoint.parse(real, protocol)
            rule = encode_real_rule(*endpoint, parse_weight(weight), method)
            self._add_real(segment, endpoint, rule, number)
            return True
        return False

    def take(self, row: str, number: int) -> None:
        """Read a line of any form."""
        if number == 1:
            row = _without_mark(row)
        words = row.split("#", 1)[0].split()
        program = words[0].rpartition("/")[2] in _PROGRAMS if words else False
        if program:
            del words[0]
        if not words:
            return
        try:
            request = parse(words)
        except InvalidValue as error:
            error.where = f"{self._source} line {number}"
            if error.word >= 0:
                starts = [word.start() for word in re.finditer(r"\S+", row)]
                error.where += f" column {starts[error.word + program] + 1}"
            raise
        self._take_request(request, number)
        if " ".join(words) != row.rstrip("\n"):
            return  # no form matches a comment, another spacing or the name of a program
        form = _line_form(words, request)
        if form is not None:
            forms = self._forms.setdefault(row[:_BEGINNING], [])
            forms.insert(0, form)
            del forms[_FORMS_MAX:]

    def finish(self) -> EncodedRuleset:
        """Return the rule set. No line may be read afterwards.

        :raises NoSuchService: a real server waits for its service
        """
        if self._waiting:
            [(service, _, number), *_] = next(iter(self._waiting.values()))
            error = NoSuchService(
                f"no service {service.name} in this file",
                f"add it with: -A {service.option} -s wlc",
            )
            error.where = f"{self._source} line {number}"
            raise error
        body, line_numbers = self._segments.join()
        body[:0] = encode_config(self._config)
        return EncodedRuleset(body, self._config, self._source, line_numbers)

    def _take_request(self, request: Request, number: int) -> None:
        if request.netns is not None:
            raise InvalidValue("--netns cannot be used in a rule set")
        if request.verb in _SETTINGS:
            self._take_config(request)
            return
        service = request.service
        if request.verb == "add-service" and service is not None:
            self._add_new(service, number)
        elif request.verb == "add-old-server" and service is not None:
            if service.option not in self._first_segment:
                self._add_service(service, number)
            elif "scheduler" in request.given:
                self._check_scheduler(service)
            self._add_to_known(service, request.real, number)
        elif request.verb == "add-server" and service is not None:
            self._add_or_wait(service, request.real, number)
        elif request.verb == "clear":
            self._take_clear()
        else:
            raise InvalidValue(
                "this is not a rule: "
                "a rule set consists of -C (first), -A, -a, --set, --default-method and --conn-max"
            )

    def _take_clear(self) -> None:
        """Do nothing if there is no rule yet: a restored set replaces all others anyway."""
        if self._first_segment or self._waiting:
            raise InvalidValue(
                "-C removes the rules above it", "make it the first rule or leave it out"
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
        if service.option in self._first_segment:
            raise AlreadyExists(f"service {service.name} already exists")
        self._add_service(service, number)

    def _add_service(self, service: Service, number: int) -> None:
        if len(self._first_segment) >= SERVICES_MAX:
            raise TooMany(f"a namespace holds {SERVICES_MAX} services")
        segment = self._segments.begin()
        self._segments.add(encode_service(service), number)
        self._first_segment[service.option] = segment
        self._current = _Current(segment, service, set())
        for _, real, line in self._waiting.pop(service.option, ()):
            try:
                self._add_to_known(service, real, line)
            except Error as error:
                error.where = f"{self._source} line {line}"
                raise

    def _check_scheduler(self, service: Service) -> None:
        """Refuse a scheduler for a service that has another one.

        :raises AlreadyExists: it has another one
        """
        known = self._resume(self._first_segment[service.option]).service.scheduler
        if known != service.scheduler:
            raise AlreadyExists(
                f"{service.name} is scheduled by {known}, not {service.scheduler}",
                "use one scheduler for it",
            )

    def _add_or_wait(self, service: Service, real: Real, number: int) -> None:
        """Add a real server, or keep it until its service comes."""
        if service.option in self._first_segment:
            self._add_to_known(service, real, number)
        else:
            self._waiting.setdefault(service.option, []).append((service, real, number))

    def _add_to_known(self, service: Service, real: Real, number: int) -> None:
        segment = self._first_segment[service.option]
        self._add_real(segment, real.endpoint, encode_real(real), number)

    def _add_real(self, segment: int, endpoint: Endpoint, rule: bytes, number: int) -> None:
        current = self._current
        if current is None or current.segment != segment:
            current = self._resume(segment)
        end = endpoint if endpoint.port else current.service.end_of(endpoint)
        if end in current.endpoints:
            raise AlreadyExists(f"{endpoint} is already a real server of {current.service.name}")
        if len(current.endpoints) >= REALS_MAX:
            raise TooMany(f"a service holds {REALS_MAX} real servers")
        current.endpoints.add(end)
        self._segments.add(rule, number)

    def _resume(self, segment: int) -> _Current:
        """Make the service with this first segment the current one."""
        if self._current is not None and self._current.segment == segment:
            return self._current
        if segment not in self._resumed:
            (service,) = decode_rules([self._segments.rules_of(segment)])
            endpoints = {service.end_of(real.endpoint) for real in service.reals}
            self._resumed[segment] = _Current(segment, service, endpoints)
        self._segments.resume(segment)
        self._current = self._resumed[segment]
        return self._current


class _Segments:
    """Encoded rules in segments. A segment has the rules of successive lines about one service.

    If other lines separate the lines about a service, it has several segments. The first one
    holds the service itself.
    """

    def __init__(self) -> None:
        self._rules = bytearray()
        self._line_numbers = array("I")
        # Per segment: the number of its service's first segment, the offset of its first byte,
        # and the index of its first line.
        self._origins = array("I")
        self._starts = array("I")
        self._first_lines = array("I")

    def begin(self) -> int:
        """Begin the first segment of a service and return its number."""
        origin = len(self._origins)
        self.resume(origin)
        return origin

    def resume(self, origin: int) -> None:
        """Begin another segment of the service whose first segment is origin."""
        self._origins.append(origin)
        self._starts.append(len(self._rules))
        self._first_lines.append(len(self._line_numbers))

    def add(self, rule: bytes, line_number: int) -> None:
        """Append an encoded rule to the last segment."""
        self._rules += rule
        self._line_numbers.append(line_number)

    def rules_of(self, segment: int) -> bytes:
        """Return the encoded rules of one segment."""
        return bytes(self._rules[_extent(self._starts, segment)])

    def join(self) -> tuple[bytearray, array[int]]:
        """Return all rules and their line numbers, with the segments of a service together.

        Nothing may be added afterwards: the result may share its memory with the segments.
        """
        segments = range(len(self._origins))
        if self._origins == array("I", segments):
            return self._rules, self._line_numbers
        rules, line_numbers = bytearray(), array("I")
        for segment in sorted(segments, key=self._origins.__getitem__):
            rules += self._rules[_extent(self._starts, segment)]
            line_numbers += self._line_numbers[_extent(self._first_lines, segment)]
        return rules, line_numbers


def _extent(starts: array[int], segment: int) -> slice:
    return slice(starts[segment], starts[segment + 1] if segment + 1 < len(starts) else None)
