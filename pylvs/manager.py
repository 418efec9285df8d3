# SPDX-License-Identifier: GPL-2.0
"""The API: one network namespace's virtual services."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Self, TypeVar

from . import bulk, codec, wire
from .asking import dump, explain_replace, told, undisturbed
from .endpoint import Endpoint
from .errors import Error, InvalidValue, UnknownScheduler
from .messages import Message
from .model import (
    Config,
    ConfigInfo,
    Connection,
    Drops,
    Event,
    Method,
    Protocol,
    Real,
    Service,
    ServiceInfo,
    Stats,
)
from .netlink import NLM_F_CREATE
from .readings import Member, join
from .refusals import Refusal, explain
from .transport import NetlinkTransport, Transport
from .uapi import Command
from .wire import Tree
from .words import (
    checked_config,
    checked_service,
    make_method,
    make_real,
    make_service,
)

if TYPE_CHECKING:
    from .packed import PackedRuleset
    from .ruleset import Ruleset

T = TypeVar("T")


class Manager:
    """The virtual services of a network namespace.

    ::

        with Manager() as lvs:
            web = lvs.add_service("tcp", "202.103.106.5:80", scheduler="wrr")
            lvs.add_real(web, "172.16.0.2:80")

    Synchronous, one request after the other; give each thread its own. Every call
    may raise :class:`~pylvs.errors.TransportError`, and every change
    :class:`~pylvs.errors.NotPermitted`.

    :param netns: name (as of ``ip netns``) or path of a network namespace; None is
        the caller's own
    :param transport: what carries the requests instead of a netlink socket
    :raises ModuleNotLoaded: the kernel has no ippfvs
    :raises VersionMismatch: module and pylvs speak different versions
    :raises NoSuchNamespace: there is no such namespace
    """

    def __init__(self, netns: str | None = None, *, transport: Transport | None = None) -> None:
        self._transport = transport if transport is not None else NetlinkTransport(netns)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket; may be called twice."""
        self._transport.close()

    # Services

    def add_service(
        self, protocol: Protocol | str, endpoint: Endpoint | str, scheduler: str = "wlc"
    ) -> Service:
        """Add a service and return it.

        :param protocol: "tcp" or "udp"
        :param endpoint: virtual address; without a port every port of the protocol
        :param scheduler: "rr", "wrr", "lc" or "wlc"
        :raises AlreadyExists: it is there
        :raises AddressNotUsable: no unicast address, or one that no client reaches
        :raises UnknownScheduler: the kernel has no such scheduler
        :raises TooMany: the namespace is full
        """
        service = make_service(protocol, endpoint, scheduler)
        self._do(Command.SERVICE_NEW, [codec.service_nest(service)], service)
        return service

    def edit_service(self, service: Service, scheduler: str) -> Service:
        """Give a service another scheduler and return it.

        :raises NoSuchService: it is not there
        :raises UnknownScheduler: the kernel has no such scheduler
        """
        known = checked_service(service)
        edited = make_service(known.protocol, known.endpoint, scheduler)
        self._do(Command.SERVICE_SET, [codec.service_nest(edited)], edited)
        return edited

    def remove_service(self, service: Service) -> None:
        """Remove a service with its real servers.

        :raises NoSuchService: it is not there
        """
        service = checked_service(service)
        self._do(Command.SERVICE_DEL, [codec.key_nest(service)], service)

    def service(self, protocol: Protocol | str, endpoint: Endpoint | str) -> ServiceInfo:
        """Return one service with its real servers and counters.

        :raises NoSuchService: it is not there
        """
        asked = make_service(protocol, endpoint)
        tree = [codec.key_nest(asked)]

        def read() -> list[ServiceInfo] | None:
            answer = self._do(Command.SERVICE_GET, tree, asked)
            return join([bulk.read_service(answer[0])], self._reals(tree, asked))

        return undisturbed(read)[0]

    def services(self) -> list[ServiceInfo]:
        """Return every service, in the order of their making, with reals and counters."""

        def read() -> list[ServiceInfo] | None:
            bodies = self._dump(Command.SERVICE_GET, [])
            services = [service for body in bodies for service in bulk.read_services(body)]
            return join(services, self._reals([]))

        return undisturbed(read)

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
        """Add a real server to a service and return it as asked for.

        :param endpoint: its address; without a port it has the service's
        :param weight: 0..65535; 0 takes no new connections
        :param method: "nat", "tun", "dr" or "local"; None lets the kernel decide: local
            for an address of the director, NAT when a port is given, else the
            namespace's default method
        :param create: make the service in the same step when it is not there; one that
            is there keeps its scheduler
        :raises NoSuchService: the service is not there
        :raises AlreadyExists: it has this real server
        :raises FamilyMismatch: one is IPv4, the other IPv6
        :raises PortCannotChange: DR or TUN, and another port than the service's
        :raises AddressNotUsable: no unicast address, or local at a foreign one
        """
        service = checked_service(service)
        real = make_real(service.protocol, endpoint, weight, method)
        tree = [
            codec.service_nest(service) if create else codec.key_nest(service),
            codec.real_nest(real.endpoint, real.weight, real.method),
        ]
        self._do(Command.REAL_NEW, tree, service, real, NLM_F_CREATE if create else 0)
        return real

    def edit_real(
        self,
        service: Service,
        endpoint: Endpoint | str,
        weight: int | None = None,
        method: Method | str | None = None,
    ) -> None:
        """Change a real server; None keeps what it has.

        :raises NoSuchService: the service is not there
        :raises NoSuchReal: it has no such real server
        :raises PortCannotChange: DR or TUN, and another port than the service's
        :raises AddressNotUsable: the new method does not fit the address
        """
        service = checked_service(service)
        real = make_real(service.protocol, endpoint, 1 if weight is None else weight, method)
        tree = [codec.key_nest(service), codec.real_nest(real.endpoint, weight, real.method)]
        self._do(Command.REAL_SET, tree, service, real)

    def remove_real(self, service: Service, endpoint: Endpoint | str) -> None:
        """Remove a real server from a service.

        The next packet of a TCP connection to it is answered by RST, of a UDP flow
        scheduled anew.

        :raises NoSuchService: the service is not there
        :raises NoSuchReal: it has no such real server
        """
        service = checked_service(service)
        real = make_real(service.protocol, endpoint)
        tree = [codec.key_nest(service), codec.real_nest(real.endpoint)]
        self._do(Command.REAL_DEL, tree, service, real)

    # Connections, settings, counters

    def connections(
        self, service: Service | None = None, endpoint: Endpoint | str | None = None
    ) -> Iterator[Connection]:
        """Yield connections: all, those of a service, or of one real server of it.

        Read as you go, in bounded memory, over a socket of its own: other calls may
        be made meanwhile. A connection that lives during the whole listing is
        yielded once, save for rare changes of the table under it.

        :raises NoSuchService: the service is not there
        :raises NoSuchReal: it has no such real server
        """
        tree: Tree = []
        real = None
        if service is None and endpoint is not None:
            raise InvalidValue("a real server is one of a service", "give the service, too")
        if service is not None:
            service = checked_service(service)
            tree.append(codec.key_nest(service))
            if endpoint is not None:
                real = make_real(service.protocol, endpoint)
                tree.append(codec.real_nest(real.endpoint))
        for body in self._dump_apart(Command.CONN_GET, tree, service, real):
            yield from bulk.read_connections(body)

    def config(self) -> ConfigInfo:
        """Return the namespace's settings, and what the module says of itself."""
        return codec.decode_config(self._do(Command.CONFIG_GET, [])[0])

    def configure(
        self,
        *,
        default_method: Method | str | None = None,
        tcp_timeout_s: int | None = None,
        fin_timeout_s: int | None = None,
        udp_timeout_s: int | None = None,
        conn_max: int | None = None,
    ) -> None:
        """Change settings of the namespace; None leaves one as it is.

        :param default_method: "nat", "tun" or "dr"
        :param tcp_timeout_s: seconds, 1..2073600
        :param fin_timeout_s: seconds, 1..2073600
        :param udp_timeout_s: seconds, 1..2073600
        :param conn_max: most connections; 0 is a quarter of memory
        :raises InvalidValue: no such method, no number, or one out of range
        """
        method = None if default_method is None else make_method(default_method)
        config = checked_config(
            Config(method, tcp_timeout_s, fin_timeout_s, udp_timeout_s, conn_max)
        )
        self._do(Command.CONFIG_SET, [codec.config_nest(config)])

    def stats(self) -> Stats:
        """Return the sums over all services of the namespace, those that were removed included."""
        return codec.decode_stats(self._do(Command.STATS_GET, [])[0])[0]

    def drops(self) -> Drops:
        """Return how much was refused, by reason."""
        return codec.decode_stats(self._do(Command.STATS_GET, [])[0])[1]

    def zero(self, service: Service | None = None) -> None:
        """Set the counters of a service, or all of the namespace, to zero.

        :raises NoSuchService: the service is not there
        """
        tree: Tree = []
        if service is not None:
            service = checked_service(service)
            tree.append(codec.key_nest(service))
        self._do(Command.ZERO, tree, service)

    # The whole rule set

    def rules(self) -> Ruleset:
        """Return settings and services as a rule set that can be saved and replaced."""
        from .ruleset import Ruleset

        services = self.map_rules(lambda service: service)
        return Ruleset(tuple(services), self.config().rule())

    def map_rules(self, make: Callable[[Service], T]) -> list[T]:
        """Return what make() returns for each service, in the order of their making.

        It is called with a service, real servers included, as soon as that is read, so
        no two services need be held. When the rules change meanwhile, what was made is
        dropped and all is read anew: nothing is certain before this returns.
        """

        def read() -> list[T]:
            bodies = self._dump_apart(Command.RULES_GET, [])
            return [make(service) for service in bulk.read_rules(bodies)]

        return undisturbed(read)

    def replace(self, ruleset: Ruleset | PackedRuleset) -> None:
        """Replace the whole rule set in one step.

        Packets see the old set or the new one. A fault in any rule changes nothing,
        and the error names the rule. Connections stay with real servers that stay.

        :param ruleset: or one that :func:`pylvs.rulefile.read` has packed
        :raises Refused: or one of its subclasses
        """
        from .packed import PackedRuleset, pack
        from .ruleset import Ruleset

        if not isinstance(ruleset, Ruleset | PackedRuleset):
            raise InvalidValue(f"{ruleset!r} is no Ruleset", "loads() and load() return one")
        body = ruleset.body if isinstance(ruleset, PackedRuleset) else pack(ruleset)
        try:
            self._transport.do(Command.REPLACE, body)
        except Refusal as refusal:
            error = self._with_names(explain_replace(refusal, body, ruleset))
            error.advise("nothing was changed")
            raise error from None

    def clear(self) -> None:
        """Remove every service; the settings stay."""
        self._do(Command.REPLACE, [])

    def events(self) -> Generator[Event, None, None]:
        """Yield changes of the rules, from this call on, for ever.

        Uses a socket of its own, which ``close()`` of the generator closes. An event of kind
        "lost" stands where the kernel announced more than the socket could hold.
        """
        transport = self._transport.twin()
        try:
            announced = transport.events()
        except BaseException:
            transport.close()
            raise
        return told(transport, announced)

    # How

    def _do(
        self,
        command: Command,
        tree: Tree,
        service: Service | None = None,
        real: Real | None = None,
        flags: int = 0,
    ) -> list[bytes]:
        body = wire.encode(Message, tree)
        try:
            return self._transport.do(command, body, flags)
        except Refusal as refusal:
            attribute = codec.attribute_name(body, refusal.offset)
            raise self._with_names(explain(refusal, service, real, attribute)) from None

    def _with_names(self, error: Error) -> Error:
        """Tell which schedulers there are when one was unknown."""
        if isinstance(error, UnknownScheduler):
            error.advise(f"it has: {' '.join(self.config().schedulers)}")
        return error

    def _dump(
        self, command: Command, tree: Tree, service: Service | None = None
    ) -> Iterator[bytes]:
        return dump(self._transport, command, tree, service)

    def _dump_apart(
        self, command: Command, tree: Tree, service: Service | None = None, real: Real | None = None
    ) -> Iterator[bytes]:
        """Yield over a socket of its own, so that other calls may be made meanwhile."""
        with closing(self._transport.twin()) as transport:
            yield from dump(transport, command, tree, service, real)

    def _reals(self, tree: Tree, service: Service | None = None) -> list[Member]:
        bodies = self._dump(Command.REAL_GET, tree, service)
        return [member for body in bodies for member in bulk.read_reals(body)]
