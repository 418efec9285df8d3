# SPDX-License-Identifier: GPL-2.0
"""The API: the virtual services of one network namespace."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Self, TypeVar

from ._netlink import messages
from ._netlink.error_map import Refusal, explain
from ._netlink.nlattr import Body, encode, locate
from ._netlink.transport import NLM_F_CREATE, DumpInterrupted, NetlinkTransport, Transport
from .endpoint import Endpoint
from .errors import Error, InvalidValue, UnknownScheduler
from .model import (
    Config,
    ConfigInfo,
    Connection,
    Drops,
    Event,
    Evictions,
    Method,
    Protocol,
    Real,
    Service,
    ServiceInfo,
    Stats,
    as_method,
    as_real,
    as_service,
    validate_config,
    validate_service,
)
from .uapi import Command

if TYPE_CHECKING:
    from ._rulefile import EncodedRuleset
    from .ruleset import Ruleset

_DUMP_ATTEMPTS = 20

T = TypeVar("T")


class Manager:
    """The virtual services of a network namespace.

    ::

        with Manager() as lvs:
            web = lvs.add_service("tcp", "202.103.106.5:80", scheduler="wrr")
            lvs.add_real(web, "172.16.0.2:80")

    A Manager is synchronous and handles one request at a time, so each thread needs its
    own. Every call may raise :class:`~pylvs.errors.TransportError`, and every change
    :class:`~pylvs.errors.NotPermitted`. Every call that takes a value raises
    :class:`~pylvs.errors.InvalidValue`, and sends nothing, if the value is not valid.

    :param netns: name (see ``ip netns``) or path of a network namespace; None means the
        namespace of the caller
    :param transport: carries the requests in place of a netlink socket
    :raises ModuleNotLoaded: the kernel has no ippfvs
    :raises VersionMismatch: the module has another version of the netlink interface
    :raises NoSuchNamespace: there is no such namespace
    """

    def __init__(self, netns: str | None = None, *, transport: Transport | None = None) -> None:
        self._transport = transport if transport is not None else NetlinkTransport(netns)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket. A second call has no effect."""
        self._transport.close()

    # Services

    def add_service(
        self, protocol: Protocol | str, endpoint: Endpoint | str, scheduler: str = "wlc"
    ) -> Service:
        """Add a service and return it.

        :param protocol: "tcp" or "udp"
        :param endpoint: the virtual address; without a port, the service is on all ports
        :param scheduler: "rr", "wrr", "lc" or "wlc"
        :raises AlreadyExists: the service exists already
        :raises AddressNotUsable: the address is not unicast, or no client can reach it
        :raises UnknownScheduler: the kernel has no such scheduler
        :raises TooMany: the namespace has the maximum number of services
        """
        service = as_service(protocol, endpoint, scheduler)
        self.send(Command.SERVICE_NEW, service)
        return service

    def edit_service(self, service: Service, scheduler: str) -> Service:
        """Give a service another scheduler and return it.

        :raises NoSuchService: the service does not exist
        :raises UnknownScheduler: the kernel has no such scheduler
        """
        known = validate_service(service)
        edited = as_service(known.protocol, known.endpoint, scheduler)
        self.send(Command.SERVICE_SET, edited)
        return edited

    def remove_service(self, service: Service) -> None:
        """Remove a service and its real servers.

        :raises NoSuchService: the service does not exist
        """
        self.send(Command.SERVICE_DEL, validate_service(service))

    def service(self, protocol: Protocol | str, endpoint: Endpoint | str) -> ServiceInfo:
        """Return one service with its real servers and counters.

        :raises NoSuchService: the service does not exist
        """
        service = as_service(protocol, endpoint)

        def read() -> list[ServiceInfo] | None:
            found = messages.decode_service(self.send(Command.SERVICE_GET, service)[0])
            return self._join([found], service)

        return _read_undisturbed(read)[0]

    def services(self) -> list[ServiceInfo]:
        """Return every service with its real servers and counters, the oldest first."""

        def read() -> list[ServiceInfo] | None:
            bodies = self._query(Command.SERVICE_GET)
            return self._join([info for body in bodies for info in messages.decode_services(body)])

        return _read_undisturbed(read)

    # Real servers

    def add_real(
        self,
        service: Service,
        endpoint: Endpoint | str,
        weight: int = 1,
        method: Method | str | None = None,
        *,
        create: bool = False,
    ) -> Real:
        """Add a real server to a service and return it.

        :param endpoint: its address; without a port, it has the service's port
        :param weight: 0..65535; a real server of weight 0 gets no new connections
        :param method: "nat", "tun", "dr" or "local". For an address of the director, the kernel
            always chooses local. If it is None, the kernel chooses NAT for another address with
            a port, and otherwise the namespace's default method
        :param create: add the service in the same request if it does not exist; an existing
            service keeps its scheduler
        :raises NoSuchService: the service does not exist
        :raises AlreadyExists: the service has this real server
        :raises FamilyMismatch: one address is IPv4, the other IPv6
        :raises PortCannotChange: the method is DR or TUN, and the port is not the service's
        :raises AddressNotUsable: the address is not unicast, or it is not an address of the
            director and the method is local
        """
        service = validate_service(service)
        real = as_real(service.protocol, endpoint, weight, method)
        flags = NLM_F_CREATE if create else 0
        self.send(Command.REAL_NEW, service, real.endpoint, real.weight, real.method, flags=flags)
        return real

    def edit_real(
        self,
        service: Service,
        endpoint: Endpoint | str,
        weight: int | None = None,
        method: Method | str | None = None,
    ) -> None:
        """Change a real server. A value whose argument is None is not changed.

        :raises NoSuchService: the service does not exist
        :raises NoSuchReal: the service has no such real server
        :raises PortCannotChange: the method is DR or TUN, and the port is not the service's
        :raises AddressNotUsable: the new method does not fit the address
        """
        service = validate_service(service)
        real = as_real(service.protocol, endpoint, 1 if weight is None else weight, method)
        self.send(Command.REAL_SET, service, real.endpoint, weight, real.method)

    def remove_real(self, service: Service, endpoint: Endpoint | str) -> None:
        """Remove a real server from a service.

        The next packet of a TCP connection to it is answered with RST. The next packet of a
        UDP flow to it is scheduled again.

        :raises NoSuchService: the service does not exist
        :raises NoSuchReal: the service has no such real server
        """
        service = validate_service(service)
        real = as_real(service.protocol, endpoint)
        self.send(Command.REAL_DEL, service, real.endpoint)

    # Connections, settings, counters

    def connections(
        self, service: Service | None = None, endpoint: Endpoint | str | None = None
    ) -> Iterator[Connection]:
        """Yield all connections, those of a service, or those of one of its real servers.

        They are read during the iteration, in bounded memory and over a separate socket, so that
        other calls may be made at the same time. A connection that exists during the whole dump
        is yielded once, unless another one with the same hash is added or removed meanwhile.

        :raises NoSuchService: the service does not exist
        :raises NoSuchReal: the service has no such real server
        """
        real = None
        if service is None and endpoint is not None:
            raise InvalidValue("a real server needs its service", "pass the service, too")
        if service is not None:
            service = validate_service(service)
            if endpoint is not None:
                real = as_real(service.protocol, endpoint).endpoint
        for body in self._query_apart(Command.CONN_GET, service, real):
            yield from messages.decode_connections(body)

    def config(self) -> ConfigInfo:
        """Return the settings of the namespace and the state that the module reports."""
        return messages.decode_config(self.send(Command.CONFIG_GET)[0])

    def configure(
        self,
        *,
        default_method: Method | str | None = None,
        tcp_timeout_s: int | None = None,
        fin_timeout_s: int | None = None,
        udp_timeout_s: int | None = None,
        conn_max: int | None = None,
        conn_cap: int | None = None,
        service_cap: int | None = None,
        real_cap: int | None = None,
    ) -> None:
        """Change settings of the namespace. A setting whose argument is None is not changed.

        :param default_method: "nat", "tun" or "dr"
        :param tcp_timeout_s: seconds, 1..2073600
        :param fin_timeout_s: seconds, 1..2073600
        :param udp_timeout_s: seconds, 1..2073600
        :param conn_max: the maximum number of connections; 0 means the number that fills a
            quarter of the memory, or the hard cap if that is lower
        :param conn_cap: the hard cap of connections; 0 means none
        :param service_cap: the hard cap of services; 0 means none
        :param real_cap: the hard cap of the real servers of all services together; 0 means none
        :raises InvalidValue: the method is not valid, or a number is out of range
        :raises NotPermitted: a hard cap needs CAP_NET_ADMIN in the initial user namespace
        :raises Refused: conn_max exceeds the hard cap
        """
        method = None if default_method is None else as_method(default_method)
        timeouts = (tcp_timeout_s, fin_timeout_s, udp_timeout_s)
        config = Config(method, *timeouts, conn_max, conn_cap, service_cap, real_cap)
        self.send(Command.CONFIG_SET, config=validate_config(config))

    def stats(self) -> Stats:
        """Return the sums over all services of the namespace, including removed ones."""
        return messages.decode_stats(self.send(Command.STATS_GET)[0])[0]

    def drops(self) -> Drops:
        """Return the number of dropped packets by reason."""
        return messages.decode_stats(self.send(Command.STATS_GET)[0])[1]

    def evictions(self) -> Evictions:
        """Return the number of connections that ended in favour of a new one, by reason."""
        return messages.decode_stats(self.send(Command.STATS_GET)[0])[2]

    def zero(self, service: Service | None = None) -> None:
        """Set the counters of a service, or all counters of the namespace, to zero.

        :raises NoSuchService: the service does not exist
        """
        self.send(Command.ZERO, None if service is None else validate_service(service))

    # The whole rule set

    def rules(self) -> Ruleset:
        """Return the settings and services as a rule set that can be saved and replaced."""
        from .ruleset import Ruleset

        services = self.map_rules(lambda service: service)
        return Ruleset(tuple(services), self.config().rule())

    def map_rules(self, make: Callable[[Service], T]) -> list[T]:
        """Return what make() returns for each service, the oldest service first.

        make() is called with a service and its real servers as soon as these have been read, so
        that only one service is in memory at a time. If the rules change during the dump, the
        results are discarded and the dump is repeated.
        """

        def read() -> list[T]:
            bodies = self._query_apart(Command.RULES_GET)
            return [make(service) for service in messages.decode_rules(bodies)]

        return _read_undisturbed(read)

    def replace(self, ruleset: Ruleset | EncodedRuleset) -> None:
        """Replace the whole rule set atomically.

        A packet sees either the old set or the new one. If the kernel refuses a rule, nothing is
        changed, and the error names the rule. Connections to real servers that stay are kept.

        :param ruleset: the rule set; ippfvsadm passes one that was encoded while it was read
        :raises Refused: the kernel refused a rule; the subclass says why
        """
        from ._rulefile import EncodedRuleset
        from .ruleset import Ruleset

        if isinstance(ruleset, EncodedRuleset):
            body = ruleset.body
        elif isinstance(ruleset, Ruleset):
            body = messages.encode_ruleset(ruleset)
        else:
            raise InvalidValue(f"{ruleset!r} is not a Ruleset", "loads() and load() return one")
        try:
            self._transport.do(Command.REPLACE, body)
        except Refusal as refusal:
            error = self._with_names(_explain_replace(refusal, body, ruleset))
            error.advise("nothing was changed")
            raise error from None

    def clear(self) -> None:
        """Remove every service and keep the settings."""
        self.send(Command.REPLACE)

    def events(self) -> Generator[Event, None, None]:
        """Subscribe to changes of the rules and return a generator that never ends.

        The generator has a separate socket, which its ``close()`` closes. It yields an event of
        kind "lost" if the socket's buffer has overflowed.
        """
        transport = self._transport.clone()
        try:
            announced = transport.events()
        except BaseException:
            transport.close()
            raise
        return _decode_events(transport, announced)

    # Requests and queries

    @property
    def warning(self) -> str:
        """What the kernel said about the last change that it made, or an empty text."""
        return self._transport.warning

    def send(
        self,
        command: Command,
        service: Service | None = None,
        endpoint: Endpoint | None = None,
        weight: int | None = None,
        method: Method | None = None,
        *,
        config: Config | None = None,
        flags: int = 0,
    ) -> list[bytes]:
        """Send one request, whose values must be valid, and return the bodies of its answers.

        The methods above validate their arguments and call this one. ippfvsadm calls it for
        values that its grammar has validated.

        :param service: SERVICE_NEW, SERVICE_SET and requests with NLM_F_CREATE send its key and
            its scheduler, others only its key
        :param endpoint: the real server of the service
        :param flags: flags of the netlink header in addition to REQUEST and ACK
        :raises Refused: the kernel refused the request; the subclass says why
        """
        attrs = []
        if service is not None:
            whole = command in (Command.SERVICE_NEW, Command.SERVICE_SET) or flags & NLM_F_CREATE
            attrs += messages.service_attrs(service, key_only=not whole)
        if endpoint is not None:
            attrs += messages.real_attrs(endpoint, weight, method)
        if config is not None:
            attrs += messages.config_attrs(config)
        body = encode(messages.MESSAGE, attrs)
        try:
            return self._transport.do(command, body, flags)
        except Refusal as refusal:
            real = Real(endpoint, weight or 0, method) if endpoint is not None else None
            _, attribute = locate(messages.MESSAGE, body, refusal.offset)
            raise self._with_names(explain(refusal, service, real, attribute)) from None

    def _query(self, command: Command, service: Service | None = None) -> Iterator[bytes]:
        return _dump(self._transport, command, service)

    def _query_apart(
        self, command: Command, service: Service | None = None, endpoint: Endpoint | None = None
    ) -> Iterator[bytes]:
        """Yield the bodies of a dump over a separate socket, so that other calls may be made."""
        with closing(self._transport.clone()) as transport:
            yield from _dump(transport, command, service, endpoint)

    def _join(
        self, services: list[ServiceInfo], only: Service | None = None
    ) -> list[ServiceInfo] | None:
        """Return services with their real servers, or None if the rules have changed."""
        bodies = self._query(Command.REAL_GET, only)
        reals = [some for body in bodies for some in messages.decode_reals(body)]
        return messages.join_dumps(services, reals)

    def _with_names(self, error: Error) -> Error:
        """If a scheduler is unknown, append the names of all schedulers to the remedy."""
        if isinstance(error, UnknownScheduler):
            error.advise(f"it has: {' '.join(self.config().schedulers)}")
        return error


def _dump(
    transport: Transport,
    command: Command,
    service: Service | None,
    endpoint: Endpoint | None = None,
) -> Iterator[bytes]:
    attrs = messages.service_attrs(service, key_only=True) if service is not None else []
    if endpoint is not None:
        attrs += messages.real_attrs(endpoint)
    try:
        yield from transport.dump(command, encode(messages.MESSAGE, attrs))
    except Refusal as refusal:
        real = Real(endpoint) if endpoint is not None else None
        raise explain(refusal, service, real) from None


def _read_undisturbed(read: Callable[[], T | None]) -> T:
    """Call read() until no change of the rules disturbs it, and return its result.

    :param read: a function that returns None, or raises DumpInterrupted, if the rules changed
        while it read them
    :raises Error: the rules changed during each of 20 attempts
    """
    for attempt in range(_DUMP_ATTEMPTS):
        with suppress(DumpInterrupted):
            found = read()
            if found is not None:
                return found
        time.sleep(min(0.001 * 2**attempt, 0.1))
    raise Error("the rules change faster than they can be read", "try again")


def _explain_replace(refusal: Refusal, body: Body, ruleset: Ruleset | EncodedRuleset) -> Error:
    """Return the error that names the rule which the kernel refused."""
    index, attribute = locate(messages.MESSAGE, body, refusal.offset)
    rule = ruleset.rule_at(index)
    error = explain(refusal, rule.service, rule.real, attribute)
    error.where = rule.where
    return error


def _decode_events(
    transport: Transport, announced: Iterator[tuple[Command, bytes] | None]
) -> Generator[Event, None, None]:
    """Yield events, and close the transport at the end."""
    try:
        for event in announced:
            yield Event("lost") if event is None else messages.decode_event(*event)
    finally:
        transport.close()
