# SPDX-License-Identifier: GPL-2.0
"""The nouns of a virtual server as frozen values.

What a user configures (Service, Real, Config) is apart from what the kernel adds
to it (ServiceInfo, RealInfo, ConfigInfo). They compare as they are written, with or
without a port; what two rule sets mean is compared by diff(). ``str()`` of a rule is
what one would type after ippfvsadm's command letter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from .endpoint import Endpoint
from .errors import InvalidValue


class Protocol(IntEnum):
    """The transport protocol of a service, by its IP protocol number."""

    TCP = 6
    UDP = 17

    def __str__(self) -> str:
        return self.name.lower()


class Method(IntEnum):
    """How a packet reaches its real server."""

    NAT = 1
    TUN = 2
    DR = 3
    LOCAL = 4

    def __str__(self) -> str:
        return self.name.lower()

    @property
    def option(self) -> str:
        """Return the option of ippfvsadm that asks for this method."""
        return _METHOD_OPTIONS[self]


_METHOD_OPTIONS = {
    Method.NAT: "-m",
    Method.TUN: "-i",
    Method.DR: "-g",
    Method.LOCAL: "--method local",
}


class State(IntEnum):
    """The state of a connection, TCP's in the words of RFC 9293."""

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
    """Counters since they were last zeroed; "in" is from the client.

    :ivar connections: connections scheduled
    :ivar packets_in: packets from clients
    :ivar packets_out: packets from real servers; TUN and DR replies pass elsewhere
    :ivar bytes_in: bytes of the network layer, headers included
    :ivar bytes_out: likewise
    """

    connections: int = 0
    packets_in: int = 0
    packets_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


@dataclass(frozen=True, slots=True)
class Real:
    """A real server of a service, as configured.

    :ivar endpoint: its address (RIP); without a port it has the service's
    :ivar weight: 0..65535; 0 takes no new connections
    :ivar method: None lets the kernel decide
    """

    endpoint: Endpoint
    weight: int = 1
    method: Method | None = None

    def __str__(self) -> str:
        method = f" {self.method.option}" if self.method is not None else ""
        return f"-r {self.endpoint}{method} -w {self.weight}"


@dataclass(frozen=True, slots=True)
class RealInfo(Real):
    """A real server as the kernel sees it now.

    :ivar active: established connections
    :ivar inactive: all other connections
    :ivar stats: its counters
    """

    active: int = 0
    inactive: int = 0
    stats: Stats = Stats()

    def rule(self) -> Real:
        """Return the configured part alone."""
        return Real(self.endpoint, self.weight, self.method)


@dataclass(frozen=True, slots=True)
class Service:
    """A virtual service, as configured.

    :ivar protocol: TCP or UDP
    :ivar endpoint: the virtual address (VIP); port 0 is every port
    :ivar scheduler: "rr", "wrr", "lc", "wlc", or what else the kernel knows
    :ivar reals: its real servers in the order in which they were added
    """

    protocol: Protocol
    endpoint: Endpoint
    scheduler: str = "wlc"
    reals: tuple[Real, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.protocol, Protocol):
            raise InvalidValue(f"{self.protocol!r} is no Protocol", "give Protocol.TCP or UDP")

    @property
    def key(self) -> tuple[Protocol, Endpoint]:
        """Return what tells services apart."""
        return self.protocol, self.endpoint

    @property
    def name(self) -> str:
        """Return it as sentences name it: ``tcp 10.0.0.1:80``."""
        return f"{self.protocol} {self.endpoint}"

    @property
    def option(self) -> str:
        """Return it as ippfvsadm's option: ``-t 10.0.0.1:80``."""
        return f"-{'t' if self.protocol is Protocol.TCP else 'u'} {self.endpoint}"

    def end_of(self, real: Endpoint) -> Endpoint:
        """Return what tells its real servers apart: one without a port has the service's."""
        return real if real.port else real._replace(port=self.endpoint.port)

    def __str__(self) -> str:
        return f"{self.option} -s {self.scheduler}"


@dataclass(frozen=True, slots=True)
class ServiceInfo(Service):
    """A virtual service as the kernel sees it now.

    :ivar reals: its real servers, each with its counters
    :ivar stats: the sums over its real servers, those that were removed included
    :ivar real_count: how many real servers the kernel counts
    """

    reals: tuple[RealInfo, ...] = ()
    stats: Stats = Stats()
    real_count: int = 0

    @property
    def active(self) -> int:
        """Return the established connections of all its real servers."""
        return sum(real.active for real in self.reals)

    @property
    def inactive(self) -> int:
        """Return the other connections of all its real servers."""
        return sum(real.inactive for real in self.reals)

    def rule(self) -> Service:
        """Return the configured part alone, real servers included."""
        reals = tuple(real.rule() for real in self.reals)
        return Service(self.protocol, self.endpoint, self.scheduler, reals)


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of a network namespace; None leaves one as it is.

    :ivar default_method: NAT, TUN or DR, for real servers that name none
    :ivar tcp_timeout_s: seconds that an idle established TCP connection is kept
    :ivar fin_timeout_s: seconds, after a FIN
    :ivar udp_timeout_s: seconds, for UDP
    :ivar conn_max: most connections; 0 is a quarter of memory
    """

    default_method: Method | None = None
    tcp_timeout_s: int | None = None
    fin_timeout_s: int | None = None
    udp_timeout_s: int | None = None
    conn_max: int | None = None


@dataclass(frozen=True, slots=True)
class ConfigInfo(Config):
    """Settings and what the kernel says of itself.

    :ivar version: the module's version
    :ivar connections: connections now
    :ivar buckets: size of the connection table now
    :ivar services: how many services there are
    :ivar schedulers: the names that a service may use
    """

    version: str = ""
    connections: int = 0
    buckets: int = 0
    services: int = 0
    schedulers: tuple[str, ...] = ()

    def rule(self) -> Config:
        """Return the settings alone."""
        return Config(
            self.default_method,
            self.tcp_timeout_s,
            self.fin_timeout_s,
            self.udp_timeout_s,
            self.conn_max,
        )


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection of the table.

    :ivar client: CIP and its port
    :ivar virtual: VIP and its port
    :ivar real: RIP and its port
    :ivar expires_s: seconds left if no further packet comes
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
    """Packets, or connections, refused, by reason: docs/JSON.md says what each means."""

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


@dataclass(frozen=True, slots=True)
class Event:
    """A change of the rules, as the kernel announced it.

    :ivar kind: "service_new", "service_set", "service_del", "real_new", "real_set",
        "real_del", "config_set", "replace" (read the set again), or "lost" when the
        kernel announced more than the socket could hold (read the set again)
    """

    kind: str
    service: Service | None = None
    real: Real | None = None
    config: Config = field(default_factory=Config)
