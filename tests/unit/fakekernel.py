# SPDX-License-Identifier: GPL-2.0
"""A model of the kernel's rules, which implements pylvs's transport.

It encodes and decodes messages with pyroute2, so that pylvs's own encoder and decoder are
never tested against themselves. It refuses requests as kernel/uapi/ippfvs.h describes. It does
not schedule; the tests set the counters.
"""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from pylvs._netlink.error_map import Refusal
from pylvs._netlink.nlattr import Body
from pylvs._netlink.transport import NLM_F_CREATE, DumpInterrupted
from pylvs.uapi import REALS_MAX, SERVICES_MAX, TIMEOUT_MAX_S, WEIGHT_MAX, Command
from tests.unit.reference import as_dict, encode, nests_of

T = TypeVar("T")

NESTS = 3  # number of nests in a message of a dump
REAL_RULE = 4  # number of a real server's attributes that belong to the rule
NAT, TUN, DR, LOCAL = 1, 2, 3, 4
SCHEDULERS = ("rr", "wrr", "lc", "wlc")

Key = tuple[bytes, int, int]
RealKey = tuple[bytes, int]
Nest = dict[str, Any]
Handler = Callable[["FakeKernel", list[Any], int], "list[bytes] | None"]
Dump = Callable[["FakeKernel", list[Any]], Iterator[bytes]]


@dataclass
class FakeReal:
    """A real server in the model's table."""

    weight: int
    method: int
    active: int = 0
    inactive: int = 0
    stats: list[int] = field(default_factory=lambda: [0] * 5)


@dataclass
class FakeService:
    """A service in the model's table."""

    scheduler: str
    reals: dict[RealKey, FakeReal] = field(default_factory=dict)


@dataclass
class Rules:
    """The state that REPLACE may change."""

    services: dict[Key, FakeService] = field(default_factory=dict)
    config: dict[str, int] = field(
        default_factory=lambda: {
            "DEFAULT_METHOD": NAT,
            "TCP_TIMEOUT_S": 7200,
            "FIN_TIMEOUT_S": 120,
            "UDP_TIMEOUT_S": 300,
            "CONN_MAX": 0,
            "CONN_CAP": 0,
            "SERVICE_CAP": 0,
            "REAL_CAP": 0,
        }
    )

    def copy(self) -> Rules:
        """Return rules that share only the counters of real servers."""
        services = {
            key: FakeService(service.scheduler, dict(service.reals))
            for key, service in self.services.items()
        }
        return Rules(services, dict(self.config))


class FakeKernel:
    """A transport of pylvs: see pylvs._netlink.transport.Transport."""

    def __init__(self, version: str = "1.0.0") -> None:
        self.rules = Rules()
        self.version = version
        self.own = {"127.0.0.1", "::1", "202.103.106.5", "192.168.1.110"}
        self.permitted = True
        self.host_root = True  # CAP_NET_ADMIN in the initial user namespace
        self.interruptions = 0  # the number of dumps during which the rules change
        self.connections: list[list[tuple[str, Any]]] = []
        self.drops: dict[str, int] = {}
        self.evictions: dict[str, int] = {}
        self.announced: list[tuple[Command, bytes] | None] = []
        self.requests: list[tuple[Command, bytes, int]] = []
        self.open = 1
        self.warning = ""

    # The transport

    def do(self, command: Command, body: Body = b"", flags: int = 0) -> list[bytes]:
        """See Transport."""
        self.requests.append((command, bytes(body), flags))
        if not command.name.endswith("_GET") and not self.permitted:
            raise Refusal(errno.EPERM)
        nests = [(name, as_dict(value), at) for name, value, at in nests_of(body)]
        before = self.rules.copy()
        try:
            return self._HANDLERS[command](self, nests, flags) or []
        except Refusal:
            self.rules = before
            raise

    def dump(self, command: Command, body: bytes = b"") -> Iterator[bytes]:
        """See Transport."""
        if command is Command.CONN_GET and not self.permitted:
            raise Refusal(errno.EPERM)
        nests = [(name, as_dict(value), at) for name, value, at in nests_of(body)]
        yield from self._DUMPS[command](self, nests)
        if self.interruptions:
            self.interruptions -= 1
            raise DumpInterrupted

    def events(self) -> Iterator[tuple[Command, bytes] | None]:
        """Yield the events that a test has set."""
        return iter(self.announced)

    def clone(self) -> FakeKernel:
        """Return itself, and count the open transports."""
        self.open += 1
        return self

    def close(self) -> None:
        """Count the open transports."""
        self.open -= 1

    # Requests

    def _service_new(self, nests: list[Any], flags: int) -> None:
        _, nest, _ = nests[0]
        if _key(nest) in self.rules.services:
            raise Refusal(errno.EEXIST, "that service already exists")
        self._make(nest)

    def _make(self, nest: Nest, at: int = 0) -> FakeService:
        key = _key(nest)
        if ipaddress.ip_address(key[0]).is_multicast:
            raise Refusal(
                errno.EADDRNOTAVAIL, "a virtual address must be a unicast address", at + 4
            )
        cap = self.rules.config["SERVICE_CAP"]
        if cap and len(self.rules.services) >= cap:
            raise Refusal(errno.ENOSPC, "the hard cap allows no further service", at)
        if len(self.rules.services) >= SERVICES_MAX:
            raise Refusal(errno.ENOSPC, "too many services", at)
        service = FakeService(self._scheduler(nest, "wlc", at))
        self.rules.services[key] = service
        return service

    def _scheduler(self, nest: Nest, default: str, at: int = 0) -> str:
        name: str = nest.get("IPPFVS_SERVICE_SCHEDULER", default)
        if name not in SCHEDULERS:
            raise Refusal(errno.EPROTONOSUPPORT, "unknown scheduler", at)
        return name

    def _service_set(self, nests: list[Any], flags: int) -> None:
        service = self._find(nests)
        service.scheduler = self._scheduler(nests[0][1], service.scheduler)

    def _service_del(self, nests: list[Any], flags: int) -> None:
        self._find(nests)
        del self.rules.services[_key(nests[0][1])]

    def _service_get(self, nests: list[Any], flags: int) -> list[bytes]:
        self._find(nests)
        return list(self._services(nests))

    def _real_new(self, nests: list[Any], flags: int) -> None:
        if flags & NLM_F_CREATE and _key(nests[0][1]) not in self.rules.services:
            self._make(nests[0][1])
        self._add_real(self._find(nests), _key(nests[0][1]), nests[1][1])

    def _add_real(self, service: FakeService, key: Key, nest: Nest, at: int = 0) -> None:
        real = _real_key(nest, key)
        if real in service.reals:
            raise Refusal(errno.EEXIST, "that service already has that real server", at)
        cap = self.rules.config["REAL_CAP"]
        if cap and sum(len(each.reals) for each in self.rules.services.values()) >= cap:
            raise Refusal(errno.ENOSPC, "the hard cap allows no further real server", at)
        if len(service.reals) >= REALS_MAX:
            raise Refusal(errno.ENOSPC, "too many real servers", at)
        weight = nest.get("IPPFVS_REAL_WEIGHT", 1)
        method = self._method(nest)
        self._check(key, real, weight, method, at)
        service.reals[real] = FakeReal(weight, method)

    def _method(self, nest: Nest) -> int:
        if str(ipaddress.ip_address(nest["IPPFVS_REAL_ADDRESS"])) in self.own:
            return LOCAL
        if "IPPFVS_REAL_METHOD" in nest:
            return int(nest["IPPFVS_REAL_METHOD"])
        return NAT if nest.get("IPPFVS_REAL_PORT") else self.rules.config["DEFAULT_METHOD"]

    def _check(self, key: Key, real: RealKey, weight: int, method: int, at: int = 0) -> None:
        if len(key[0]) != len(real[0]):
            raise Refusal(errno.EAFNOSUPPORT, "families differ", at)
        if weight > WEIGHT_MAX:
            raise Refusal(errno.ERANGE, "integer out of range", at)
        if method in (TUN, DR) and real[1] and real[1] != key[2]:
            raise Refusal(errno.EDOM, "DR and TUN cannot change the port", at)
        if method == LOCAL and str(ipaddress.ip_address(real[0])) not in self.own:
            raise Refusal(errno.EADDRNOTAVAIL, "the method local needs an address of this host", at)
        if ipaddress.ip_address(real[0]).is_multicast:
            raise Refusal(errno.EADDRNOTAVAIL, "a real server must have a unicast address", at)

    def _real_set(self, nests: list[Any], flags: int) -> None:
        nest = nests[1][1]
        real = self._find_real(nests)
        weight = nest.get("IPPFVS_REAL_WEIGHT", real.weight)
        method = nest.get("IPPFVS_REAL_METHOD", real.method)
        key = _key(nests[0][1])
        self._check(key, _real_key(nest, key), weight, method)
        real.weight, real.method = weight, method

    def _real_del(self, nests: list[Any], flags: int) -> None:
        self._find_real(nests)
        key = _key(nests[0][1])
        del self._find(nests).reals[_real_key(nests[1][1], key)]

    def _config_get(self, nests: list[Any], flags: int) -> list[bytes]:
        tree: list[Any] = [
            (f"IPPFVS_CONFIG_{name}", value) for name, value in self.rules.config.items()
        ]
        tree += [
            ("IPPFVS_CONFIG_VERSION", self.version),
            ("IPPFVS_CONFIG_CONNS", len(self.connections)),
            ("IPPFVS_CONFIG_BUCKETS", 4096),
            ("IPPFVS_CONFIG_SERVICES", len(self.rules.services)),
            ("IPPFVS_CONFIG_SCHEDULERS", " ".join(SCHEDULERS)),
        ]
        return [encode([("IPPFVS_A_CONFIG", tree)])]

    def _config_set(self, nests: list[Any], flags: int) -> None:
        for _, nest, at in nests:
            self._configure(nest, at)

    def _configure(self, nest: Nest, at: int = 0) -> None:
        for attribute, value in nest.items():
            name = attribute.removeprefix("IPPFVS_CONFIG_")
            if name.endswith("_S") and not 1 <= value <= TIMEOUT_MAX_S:
                raise Refusal(errno.ERANGE, "integer out of range", at)
            if name.endswith("_CAP") and not self.host_root:
                raise Refusal(errno.EPERM, "a hard cap needs CAP_NET_ADMIN in the initial", at)
            cap = nest.get("IPPFVS_CONFIG_CONN_CAP", self.rules.config["CONN_CAP"])
            if name == "CONN_MAX" and cap and value > cap:
                raise Refusal(errno.ERANGE, "the maximum exceeds the hard cap of connections", at)
            self.rules.config[name] = value

    def _stats_get(self, nests: list[Any], flags: int) -> list[bytes]:
        reals = [real for s in self.rules.services.values() for real in s.reals.values()]
        drops = [(f"IPPFVS_DROP_{name}", count) for name, count in self.drops.items()]
        evicted = [(f"IPPFVS_EVICTION_{name}", count) for name, count in self.evictions.items()]
        counts = [("IPPFVS_A_DROPS", drops), ("IPPFVS_A_EVICTIONS", evicted)]
        return [encode([("IPPFVS_A_STATS", _stats(_sums(reals))), *counts])]

    def _zero(self, nests: list[Any], flags: int) -> None:
        services = [self._find(nests)] if nests else list(self.rules.services.values())
        for service in services:
            for real in service.reals.values():
                real.stats = [0] * 5

    def _replace(self, nests: list[Any], flags: int) -> None:
        old, self.rules.services = self.rules.services, {}
        key: Key | None = None
        for name, nest, at in nests:
            if name == "IPPFVS_A_CONFIG":
                self._configure(nest, at)
            elif name == "IPPFVS_A_SERVICE":
                key = _key(nest)
                if key in self.rules.services:
                    raise Refusal(errno.EEXIST, "the service is there twice", at)
                self._make(nest, at)
            else:
                assert key is not None
                self._add_real(self.rules.services[key], key, nest, at)
                self._keep(old.get(key), self.rules.services[key], _real_key(nest, key))

    def _keep(self, old: FakeService | None, new: FakeService, key: RealKey) -> None:
        kept = old.reals.get(key) if old is not None else None
        if kept is not None:
            new.reals[key].stats = kept.stats
            new.reals[key].active, new.reals[key].inactive = kept.active, kept.inactive

    # Dumps

    def _services(self, nests: list[Any]) -> Iterator[bytes]:
        for part in _parts(list(self._service_trees(nests))):
            yield encode([("IPPFVS_A_SERVICE", tree) for tree in part])

    def _service_trees(self, nests: list[Any]) -> Iterator[list[Any]]:
        wanted = _key(nests[0][1]) if nests else None
        for key, service in self.rules.services.items():
            if wanted in (None, key):
                tree: list[Any] = _key_tree(key)
                tree.append(("IPPFVS_SERVICE_SCHEDULER", service.scheduler))
                tree.append(("IPPFVS_SERVICE_STATS", _stats(_sums(service.reals.values()))))
                tree.append(("IPPFVS_SERVICE_REALS", len(service.reals)))
                yield tree

    def _reals(self, nests: list[Any]) -> Iterator[bytes]:
        if nests:
            self._find(nests)
        wanted = _key(nests[0][1]) if nests else None
        for key, service in self.rules.services.items():
            if wanted not in (None, key):
                continue
            for part in _parts(list(service.reals.items())):
                trees = [_real_tree(address, port, real) for (address, port), real in part]
                reals = [("IPPFVS_A_REAL", tree) for tree in trees]
                tree = [*_key_tree(key), ("IPPFVS_SERVICE_SCHEDULER", service.scheduler)]
                yield encode([("IPPFVS_A_SERVICE", tree), *reals])

    def _all_rules(self, nests: list[Any]) -> Iterator[bytes]:
        if nests:
            raise Refusal(errno.EINVAL, "this request takes no attributes")
        body: list[Any] = []
        for key, service in self.rules.services.items():
            head = [
                *_key_tree(key),
                ("IPPFVS_SERVICE_SCHEDULER", service.scheduler),
                ("IPPFVS_SERVICE_REALS", len(service.reals)),
            ]
            body.append(("IPPFVS_A_SERVICE", head))
            for (address, port), real in service.reals.items():
                if len(body) >= NESTS:
                    yield encode(body)
                    body = [("IPPFVS_A_SERVICE", head)]
                body.append(("IPPFVS_A_REAL", _real_tree(address, port, real)[:REAL_RULE]))
            if len(body) >= NESTS:
                yield encode(body)
                body = []
        if body:
            yield encode(body)

    def _conns(self, nests: list[Any]) -> Iterator[bytes]:
        if nests:
            self._find(nests)
        for part in _parts(self.connections):
            yield encode([("IPPFVS_A_CONN", tree) for tree in part])

    # Looking up

    def _find(self, nests: list[Any]) -> FakeService:
        service = self.rules.services.get(_key(nests[0][1]))
        if service is None:
            raise Refusal(errno.ESRCH, "no such service")
        return service

    def _find_real(self, nests: list[Any]) -> FakeReal:
        key = _key(nests[0][1])
        real = self._find(nests).reals.get(_real_key(nests[1][1], key))
        if real is None:
            raise Refusal(errno.ENOENT, "no such real server")
        return real

    _HANDLERS: ClassVar[dict[Command, Handler]] = {
        Command.SERVICE_NEW: _service_new,
        Command.SERVICE_SET: _service_set,
        Command.SERVICE_DEL: _service_del,
        Command.SERVICE_GET: _service_get,
        Command.REAL_NEW: _real_new,
        Command.REAL_SET: _real_set,
        Command.REAL_DEL: _real_del,
        Command.CONFIG_GET: _config_get,
        Command.CONFIG_SET: _config_set,
        Command.STATS_GET: _stats_get,
        Command.ZERO: _zero,
        Command.REPLACE: _replace,
    }
    _DUMPS: ClassVar[dict[Command, Dump]] = {
        Command.SERVICE_GET: _services,
        Command.REAL_GET: _reals,
        Command.CONN_GET: _conns,
        Command.RULES_GET: _all_rules,
    }


def _key(nest: Nest) -> Key:
    return (
        nest["IPPFVS_SERVICE_ADDRESS"],
        nest["IPPFVS_SERVICE_PROTOCOL"],
        nest.get("IPPFVS_SERVICE_PORT", 0),
    )


def _real_key(nest: Nest, key: Key) -> RealKey:
    """Return the key of a real server, in which the service's port replaces port 0."""
    return nest["IPPFVS_REAL_ADDRESS"], nest.get("IPPFVS_REAL_PORT") or key[2]


def _parts(values: list[T]) -> Iterator[list[T]]:
    """Yield the values in parts that fit into a message."""
    for first in range(0, len(values), NESTS):
        yield values[first : first + NESTS]


def _real_tree(address: bytes, port: int, real: FakeReal) -> list[Any]:
    return [
        ("IPPFVS_REAL_ADDRESS", address),
        ("IPPFVS_REAL_PORT", port),
        ("IPPFVS_REAL_WEIGHT", real.weight),
        ("IPPFVS_REAL_METHOD", real.method),
        ("IPPFVS_REAL_ACTIVE", real.active),
        ("IPPFVS_REAL_INACTIVE", real.inactive),
        ("IPPFVS_REAL_STATS", _stats(real.stats)),
    ]


def _key_tree(key: Key) -> list[Any]:
    return [
        ("IPPFVS_SERVICE_ADDRESS", key[0]),
        ("IPPFVS_SERVICE_PROTOCOL", key[1]),
        ("IPPFVS_SERVICE_PORT", key[2]),
    ]


def _sums(reals: Any) -> list[int]:
    return [sum(column) for column in zip(*(real.stats for real in reals), strict=True)] or [0] * 5


def _stats(counts: list[int]) -> list[tuple[str, int]]:
    names = ("CONNS", "PACKETS_IN", "PACKETS_OUT", "BYTES_IN", "BYTES_OUT")
    return [(f"IPPFVS_STATS_{name}", count) for name, count in zip(names, counts, strict=True)]
