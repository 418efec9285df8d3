# SPDX-License-Identifier: GPL-2.0
"""The values of a virtual server, and the one place where they are validated.

Service, Real and Config hold identity and configuration. ServiceInfo, RealInfo and
ConfigInfo add the state that the kernel reports, such as counters. All of them are frozen. Two
values are equal if their fields are equal; :func:`pylvs.diff` compares the meaning of two rule
sets. ``str()`` of a rule is its text after the command letter of ippfvsadm.

A value that was constructed directly may be invalid. The ``validate_…`` functions check it, and
:class:`pylvs.Manager` calls them before it sends anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from .endpoint import PORT_MAX, Endpoint
from .errors import InvalidValue
from .uapi import SCHEDULER_LEN, TIMEOUT_MAX_S, WEIGHT_MAX

UINT32_MAX = 2**32 - 1


class Protocol(IntEnum):
    """The transport protocol of a service, by its IP protocol number."""

    TCP = 6
    UDP = 17

    def __str__(self) -> str:
        return self.name.lower()


class Method(IntEnum):
    """The forwarding method, which determines how a packet reaches its real server."""

    NAT = 1
    TUN = 2
    DR = 3
    LOCAL = 4

    def __str__(self) -> str:
        return self.name.lower()

    @property
    def option(self) -> str:
        """Return the option of ippfvsadm that selects this method."""
        return _METHOD_OPTIONS[self]


_METHOD_OPTIONS = {
    Method.NAT: "-m",
    Method.TUN: "-i",
    Method.DR: "-g",
    Method.LOCAL: "--method local",
}


class Fault(IntEnum):
    """Why a real server cannot work, or not as it is configured: addresses have changed."""

    REAL_IS_OWN = 1
    """Its address is the director's, and its method does not lead there."""
    REAL_NOT_OWN = 2
    """It is Local Node, and its address is not the director's."""
    VIRTUAL_NOT_OWN = 3
    """It is Local Node, and the virtual address is not the director's."""

    def __str__(self) -> str:
        return self.name.lower()


class State(IntEnum):
    """The state of a connection. The names of the TCP states are those of RFC 9293."""

    NONE = 0
    SYN_SENT = 1
    SYN_RECV = 2
    ESTABLISHED = 3
    FIN_WAIT = 4
    CLOSE_WAIT = 5
    LAST_ACK = 6
    TIME_WAIT = 7
    CLOSED = 8
    UDP = 9

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Stats:
    """Counters, which count from the last time that they were zeroed.

    :ivar connections: connections that were scheduled
    :ivar packets_in: packets from clients
    :ivar packets_out: packets from real servers; replies of TUN and DR servers do not pass
        through the director and are not counted
    :ivar bytes_in: bytes from clients, with the network header
    :ivar bytes_out: bytes from real servers, with the network header
    """

    connections: int = 0
    packets_in: int = 0
    packets_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


@dataclass(frozen=True, slots=True)
class Real:
    """A real server of a service, as it is configured.

    :ivar endpoint: its address (RIP) and port; port 0 means the service's port
    :ivar weight: 0..65535; a real server of weight 0 gets no new connections
    :ivar method: the forwarding method; None leaves the choice to the kernel
    """

    endpoint: Endpoint
    weight: int = 1
    method: Method | None = None

    def __str__(self) -> str:
        if self.method is None:  # in ipvsadm's grammar this would mean DR
            return f"-R {self.endpoint} -w {self.weight}"
        return f"-r {self.endpoint} {self.method.option} -w {self.weight}"


@dataclass(frozen=True, slots=True)
class RealInfo(Real):
    """A real server as the kernel reports it.

    :ivar active: the number of established connections
    :ivar inactive: the number of all other connections
    :ivar stats: the counters of this real server
    :ivar fault: why it cannot work with the present addresses
    """

    active: int = 0
    inactive: int = 0
    stats: Stats = Stats()
    fault: Fault | None = None

    def rule(self) -> Real:
        """Return the configuration without the counters."""
        return Real(self.endpoint, self.weight, self.method)


@dataclass(frozen=True, slots=True)
class Service:
    """A virtual service, as it is configured.

    :ivar protocol: TCP or UDP
    :ivar endpoint: the virtual address (VIP) and port; port 0 means all ports
    :ivar scheduler: "rr", "wrr", "lc", "wlc", or another one that the kernel has
    :ivar reals: its real servers in the order in which they were added
    """

    protocol: Protocol
    endpoint: Endpoint
    scheduler: str = "wlc"
    reals: tuple[Real, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.protocol, Protocol):
            raise InvalidValue(
                f"{self.protocol!r} is not a Protocol", "use Protocol.TCP or Protocol.UDP"
            )

    @property
    def key(self) -> tuple[Protocol, Endpoint]:
        """Return the identity of the service."""
        return self.protocol, self.endpoint

    @property
    def name(self) -> str:
        """Return the name of the service in messages: ``tcp 10.0.0.1:80``."""
        return f"{self.protocol} {self.endpoint}"

    @property
    def option(self) -> str:
        """Return the option of ippfvsadm that names the service: ``-t 10.0.0.1:80``."""
        return f"-{'t' if self.protocol is Protocol.TCP else 'u'} {self.endpoint}"

    def end_of(self, real: Endpoint) -> Endpoint:
        """Return the identity of a real server, in which the service's port replaces port 0."""
        return real if real.port else real._replace(port=self.endpoint.port)

    def __str__(self) -> str:
        return f"{self.option} -s {self.scheduler}"


@dataclass(frozen=True, slots=True)
class ServiceInfo(Service):
    """A virtual service as the kernel reports it.

    :ivar reals: its real servers, each with its counters
    :ivar stats: the sums over its real servers, including removed ones
    :ivar real_count: the number of real servers in the kernel
    """

    reals: tuple[RealInfo, ...] = ()
    stats: Stats = Stats()
    real_count: int = 0

    @property
    def active(self) -> int:
        """Return the number of established connections of all its real servers."""
        return sum(real.active for real in self.reals)

    @property
    def inactive(self) -> int:
        """Return the number of all other connections of all its real servers."""
        return sum(real.inactive for real in self.reals)

    def rule(self) -> Service:
        """Return the service and its real servers without the counters."""
        reals = tuple(real.rule() for real in self.reals)
        return Service(self.protocol, self.endpoint, self.scheduler, reals)


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of a network namespace. A setting that is None is not changed.

    The hard caps do not belong to a rule set, because they bind the owner of the namespace. Only
    a user with CAP_NET_ADMIN in the initial user namespace changes them. 0 means none.

    :ivar default_method: NAT, TUN or DR; the method of real servers that are added without a port
    :ivar tcp_timeout_s: seconds for which an idle established TCP connection is kept
    :ivar fin_timeout_s: seconds for which a TCP connection is kept after a FIN
    :ivar udp_timeout_s: seconds for which an idle UDP flow is kept
    :ivar conn_max: the maximum number of connections; 0 means the number that fills a quarter of
        the memory
    :ivar conn_cap: the hard cap of connections, which conn_max cannot exceed
    :ivar service_cap: the hard cap of services
    :ivar real_cap: the hard cap of the real servers of all services together
    """

    default_method: Method | None = None
    tcp_timeout_s: int | None = None
    fin_timeout_s: int | None = None
    udp_timeout_s: int | None = None
    conn_max: int | None = None
    conn_cap: int | None = None
    service_cap: int | None = None
    real_cap: int | None = None


@dataclass(frozen=True, slots=True)
class ConfigInfo(Config):
    """The settings of a network namespace and the state that the module reports.

    :ivar version: the version of the module
    :ivar connections: the current number of connections
    :ivar buckets: the current number of buckets of the connection table
    :ivar services: the current number of services
    :ivar schedulers: the names of the schedulers that the module has
    """

    version: str = ""
    connections: int = 0
    buckets: int = 0
    services: int = 0
    schedulers: tuple[str, ...] = ()

    def rule(self) -> Config:
        """Return the settings without the hard caps and without what the module reports."""
        return Config(
            self.default_method,
            self.tcp_timeout_s,
            self.fin_timeout_s,
            self.udp_timeout_s,
            self.conn_max,
        )


@dataclass(frozen=True, slots=True)
class Connection:
    """An entry of the connection table.

    :ivar client: the client's address (CIP) and port
    :ivar virtual: the virtual address (VIP) and port
    :ivar real: the real server's address (RIP) and port
    :ivar expires_s: seconds until the entry expires if no further packet arrives
    """

    protocol: Protocol
    client: Endpoint
    virtual: Endpoint
    real: Endpoint
    method: Method
    state: State
    expires_s: float


@dataclass(frozen=True, slots=True)
class Drops:
    """Dropped packets by reason. docs/JSON.md explains each reason."""

    no_server: int = 0
    no_connection: int = 0
    server_removed: int = 0
    table_full: int = 0
    no_memory: int = 0
    tuple_in_use: int = 0
    icmp_checksum: int = 0
    ttl: int = 0
    too_big: int = 0
    no_route: int = 0
    not_writable: int = 0
    icmp: int = 0
    no_listener: int = 0
    no_service: int = 0
    wrong_device: int = 0


@dataclass(frozen=True, slots=True)
class Evictions:
    """Connections that ended in favour of a new one, by reason.

    :ivar conflict: closing connections whose client opened another one
    :ivar pressure: unconfirmed or closed connections, because a limit was reached
    """

    conflict: int = 0
    pressure: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """A change of the rules that the kernel has announced.

    :ivar kind: "service_new", "service_set", "service_del", "real_new", "real_set",
        "real_del", "config_set", "replace", or "lost" if the socket's buffer overflowed;
        after the last two the whole rule set must be read again
    :ivar service: the service that changed, or whose real server changed
    :ivar real: the real server that changed
    :ivar config: the settings that changed
    """

    kind: str
    service: Service | None = None
    real: Real | None = None
    config: Config = field(default_factory=Config)


# Conversion and validation


def as_service(
    protocol: Protocol | str, endpoint: Endpoint | str, scheduler: str = "wlc"
) -> Service:
    """Return the service that texts or values describe.

    :raises InvalidValue: the protocol, the address, the port or the scheduler's name is not
        valid
    """
    if not isinstance(protocol, Protocol):
        if str(protocol).upper() not in Protocol.__members__:
            raise InvalidValue(f"'{protocol}' is not a protocol: use tcp or udp")
        protocol = Protocol[protocol.upper()]
    endpoint = as_endpoint(endpoint, protocol)
    return Service(protocol, endpoint, validate_scheduler(scheduler))


def as_real(
    protocol: Protocol,
    endpoint: Endpoint | str,
    weight: int = 1,
    method: Method | str | None = None,
) -> Real:
    """Return the real server that texts or values describe.

    :raises InvalidValue: the address, the port, the weight or the method is not valid
    """
    endpoint = as_endpoint(endpoint, protocol)
    validate_number(weight, "a weight", 0, WEIGHT_MAX)
    return Real(endpoint, weight, None if method is None else as_method(method))


def as_endpoint(endpoint: Endpoint | str, protocol: Protocol) -> Endpoint:
    """Return the endpoint that a text describes, or a canonical copy of an Endpoint.

    :raises InvalidValue: the address or the port is not valid
    """
    if isinstance(endpoint, str):
        return Endpoint.parse(endpoint, str(protocol))
    if isinstance(endpoint, Real):
        raise InvalidValue(f"{endpoint} is a real server, not an address", "use its .endpoint")
    if not isinstance(endpoint, Endpoint):
        raise InvalidValue(f"{endpoint!r} is not an address", "use a string or an Endpoint")
    canonical = Endpoint.unpack(endpoint.packed, endpoint.port)
    validate_number(endpoint.port, "a port", 0, PORT_MAX)
    return canonical


def as_method(method: Method | str) -> Method:
    """Return the method with a name.

    :raises InvalidValue: there is no method with that name
    """
    if isinstance(method, Method):
        return method
    if str(method).upper() not in Method.__members__:
        raise InvalidValue(f"'{method}' is not a method: use nat, tun, dr or local")
    return Method[method.upper()]


def validate_scheduler(name: str) -> str:
    """Return the name if a scheduler may have it. Only the kernel knows which schedulers it has.

    :raises InvalidValue: the name is empty, too long or has characters other than ASCII letters
        and digits
    """
    if isinstance(name, str) and len(name) < SCHEDULER_LEN and name.isascii() and name.isalnum():
        return name
    raise InvalidValue(f"'{name}' is not a scheduler: use rr, wrr, lc or wlc")


def validate_service(service: Service) -> Service:
    """Return a canonical copy of a service without its real servers.

    :raises InvalidValue: it is not a Service, or :func:`as_service` refuses one of its values
    """
    if not isinstance(service, Service):
        raise InvalidValue(
            f"{service!r} is not a Service", "add_service() and service() return one"
        )
    return as_service(service.protocol, service.endpoint, service.scheduler)


def validate_real(protocol: Protocol, real: Real) -> Real:
    """Return a canonical copy of a real server.

    :raises InvalidValue: it is not a Real, or :func:`as_real` refuses one of its values
    """
    if not isinstance(real, Real):
        raise InvalidValue(f"{real!r} is not a Real", "use Real(Endpoint.parse('172.16.0.2:80'))")
    return as_real(protocol, real.endpoint, real.weight, real.method)


def validate_config(config: Config) -> Config:
    """Return a canonical copy of settings.

    :raises InvalidValue: the method is not valid, or a number is out of range
    """
    timeouts = (config.tcp_timeout_s, config.fin_timeout_s, config.udp_timeout_s)
    for seconds in timeouts:
        if seconds is not None:
            validate_number(seconds, "a timeout in seconds", 1, TIMEOUT_MAX_S)
    numbers = (config.conn_max, config.conn_cap, config.service_cap, config.real_cap)
    names = ("the maximum number of connections", *("a hard cap",) * 3)
    for number, name in zip(numbers, names, strict=True):
        if number is not None:
            validate_number(number, name, 0, UINT32_MAX)
    method = None if config.default_method is None else as_method(config.default_method)
    if method is Method.LOCAL:
        raise InvalidValue("the default method cannot be local: use nat, tun or dr")
    return Config(method, *timeouts, *numbers)


def validate_number(number: object, what: str, low: int, high: int) -> None:
    """Refuse every value that is not an int from low to high.

    :raises InvalidValue: the number is not an int, or it is out of range
    """
    if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
        raise InvalidValue(f"'{number}': {what} is a whole number from {low} to {high}")
