# SPDX-License-Identifier: GPL-2.0
"""The message tree of kernel/uapi/ippfvs.h as classes of pyroute2.

pyroute2 is the independent reference for pylvs's own encoder and decoder. The place of an
attribute in its nla_map is its number.
"""

from __future__ import annotations

from typing import Any

from pyroute2.netlink import genlmsg, nla

NLA_F_NESTED = 1 << 15


class Nest(nla):  # type: ignore[misc]  # pyroute2 has no types
    """A nest, whose header has the flag that the kernel's strict parser demands."""

    __slots__ = ()
    nla_flags = NLA_F_NESTED


class StatsNest(Nest):
    """enum ippfvs_stats_attr."""

    __slots__ = ()
    nla_map = (
        ("IPPFVS_STATS_UNSPEC", "none"),
        ("IPPFVS_STATS_PAD", "none"),
        ("IPPFVS_STATS_CONNS", "uint64"),
        ("IPPFVS_STATS_PACKETS_IN", "uint64"),
        ("IPPFVS_STATS_PACKETS_OUT", "uint64"),
        ("IPPFVS_STATS_BYTES_IN", "uint64"),
        ("IPPFVS_STATS_BYTES_OUT", "uint64"),
    )


class DropsNest(Nest):
    """enum ippfvs_drop: the number of a reason is the number of its attribute."""

    __slots__ = ()
    nla_map = (
        ("IPPFVS_DROP_UNSPEC", "none"),
        ("IPPFVS_DROP_PAD", "none"),
        ("IPPFVS_DROP_NO_SERVER", "uint64"),
        ("IPPFVS_DROP_NO_CONNECTION", "uint64"),
        ("IPPFVS_DROP_SERVER_REMOVED", "uint64"),
        ("IPPFVS_DROP_TABLE_FULL", "uint64"),
        ("IPPFVS_DROP_NO_MEMORY", "uint64"),
        ("IPPFVS_DROP_TUPLE_IN_USE", "uint64"),
        ("IPPFVS_DROP_ICMP_CHECKSUM", "uint64"),
        ("IPPFVS_DROP_TTL", "uint64"),
        ("IPPFVS_DROP_TOO_BIG", "uint64"),
        ("IPPFVS_DROP_NO_ROUTE", "uint64"),
        ("IPPFVS_DROP_NOT_WRITABLE", "uint64"),
        ("IPPFVS_DROP_ICMP", "uint64"),
        ("IPPFVS_DROP_NO_LISTENER", "uint64"),
    )


class EvictionsNest(Nest):
    """enum ippfvs_eviction: the number of a reason is the number of its attribute."""

    __slots__ = ()
    nla_map = (
        ("IPPFVS_EVICTION_UNSPEC", "none"),
        ("IPPFVS_EVICTION_PAD", "none"),
        ("IPPFVS_EVICTION_CONFLICT", "uint64"),
        ("IPPFVS_EVICTION_PRESSURE", "uint64"),
    )


class ServiceNest(Nest):
    """enum ippfvs_service_attr."""

    __slots__ = ()
    stats = StatsNest
    nla_map = (
        ("IPPFVS_SERVICE_UNSPEC", "none"),
        ("IPPFVS_SERVICE_ADDRESS", "binary"),
        ("IPPFVS_SERVICE_PROTOCOL", "uint8"),
        ("IPPFVS_SERVICE_PORT", "be16"),
        ("IPPFVS_SERVICE_SCHEDULER", "asciiz"),
        ("IPPFVS_SERVICE_STATS", "stats"),
        ("IPPFVS_SERVICE_REALS", "uint32"),
    )


class RealNest(Nest):
    """enum ippfvs_real_attr."""

    __slots__ = ()
    stats = StatsNest
    nla_map = (
        ("IPPFVS_REAL_UNSPEC", "none"),
        ("IPPFVS_REAL_ADDRESS", "binary"),
        ("IPPFVS_REAL_PORT", "be16"),
        ("IPPFVS_REAL_WEIGHT", "uint32"),
        ("IPPFVS_REAL_METHOD", "uint8"),
        ("IPPFVS_REAL_STATS", "stats"),
        ("IPPFVS_REAL_ACTIVE", "uint32"),
        ("IPPFVS_REAL_INACTIVE", "uint32"),
    )


class ConnNest(Nest):
    """enum ippfvs_conn_attr."""

    __slots__ = ()
    nla_map = (
        ("IPPFVS_CONN_UNSPEC", "none"),
        ("IPPFVS_CONN_PROTOCOL", "uint8"),
        ("IPPFVS_CONN_CLIENT", "binary"),
        ("IPPFVS_CONN_CLIENT_PORT", "be16"),
        ("IPPFVS_CONN_VIRTUAL", "binary"),
        ("IPPFVS_CONN_VIRTUAL_PORT", "be16"),
        ("IPPFVS_CONN_REAL", "binary"),
        ("IPPFVS_CONN_REAL_PORT", "be16"),
        ("IPPFVS_CONN_METHOD", "uint8"),
        ("IPPFVS_CONN_STATE", "uint8"),
        ("IPPFVS_CONN_EXPIRES_MS", "uint32"),
    )


class ConfigNest(Nest):
    """enum ippfvs_config_attr."""

    __slots__ = ()
    nla_map = (
        ("IPPFVS_CONFIG_UNSPEC", "none"),
        ("IPPFVS_CONFIG_DEFAULT_METHOD", "uint8"),
        ("IPPFVS_CONFIG_TCP_TIMEOUT_S", "uint32"),
        ("IPPFVS_CONFIG_FIN_TIMEOUT_S", "uint32"),
        ("IPPFVS_CONFIG_UDP_TIMEOUT_S", "uint32"),
        ("IPPFVS_CONFIG_CONN_MAX", "uint32"),
        ("IPPFVS_CONFIG_VERSION", "asciiz"),
        ("IPPFVS_CONFIG_CONNS", "uint32"),
        ("IPPFVS_CONFIG_BUCKETS", "uint32"),
        ("IPPFVS_CONFIG_SERVICES", "uint32"),
        ("IPPFVS_CONFIG_SCHEDULERS", "asciiz"),
    )


class Message(genlmsg):  # type: ignore[misc]  # pyroute2 has no types
    """A message of the family: enum ippfvs_attr."""

    __slots__ = ()
    service = ServiceNest
    real = RealNest
    conn = ConnNest
    config = ConfigNest
    stats = StatsNest
    drops = DropsNest
    evictions = EvictionsNest
    nla_map = (
        ("IPPFVS_A_UNSPEC", "none"),
        ("IPPFVS_A_SERVICE", "service"),
        ("IPPFVS_A_REAL", "real"),
        ("IPPFVS_A_CONN", "conn"),
        ("IPPFVS_A_CONFIG", "config"),
        ("IPPFVS_A_STATS", "stats"),
        ("IPPFVS_A_DROPS", "drops"),
        ("IPPFVS_A_EVICTIONS", "evictions"),
    )


def encode(tree: list[Any]) -> bytes:
    """Return the body that pyroute2 encodes."""
    message = Message()
    message["attrs"] = [_nested(name, value) for name, value in tree]
    message.encode()
    return bytes(message.data[20:])


def nests_of(body: bytes | bytearray) -> list[tuple[str, Any, int]]:
    """Return the name, the content and the offset of each top-level nest, by pyroute2."""
    message = Message(bytearray(20) + body)
    message.data[0:4] = len(message.data).to_bytes(4, "little")
    message.decode()
    nests = []
    offset = 0
    for slot in message["attrs"]:
        nests.append((slot[0], slot[1], offset))
        offset += (slot.nla.length + 3) & ~3
    return nests


def as_dict(nest: Any) -> dict[str, Any]:
    """Return the attributes of a decoded nest by name."""
    return {slot[0]: slot[1] for slot in nest["attrs"]}


def _nested(name: str, value: Any) -> list[Any]:
    if isinstance(value, list):
        return [name, {"attrs": [_nested(inner, content) for inner, content in value]}]
    return [name, value]


def named(values: list[Any], prefix: str = "IPPFVS_A_") -> list[Any]:
    """Return values of pylvs's encoder under the names of the header."""
    return [
        (prefix + name.upper(), named(value, f"IPPFVS_{_STEMS.get(name, name.upper())}_"))
        if isinstance(value, list)
        else (prefix + name.upper(), value)
        for name, value in values
    ]


_STEMS = {"drops": "DROP", "evictions": "EVICTION"}
