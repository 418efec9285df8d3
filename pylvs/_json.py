# SPDX-License-Identifier: GPL-2.0
"""Listings as JSON values of one schema, which docs/JSON.md describes. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from ._listing import Rates, ServiceRates
from .model import (
    Config,
    ConfigInfo,
    Connection,
    Drops,
    Event,
    Evictions,
    Real,
    RealInfo,
    Service,
    ServiceInfo,
)

SCHEMA = 1

_RATES = (
    "connections_per_s",
    "packets_in_per_s",
    "packets_out_per_s",
    "bytes_in_per_s",
    "bytes_out_per_s",
)


def services(listed: Iterable[ServiceInfo]) -> dict[str, Any]:
    """Return services with their real servers and counters."""
    return {
        "schema": SCHEMA,
        "services": [
            {
                **service(entry),
                "active": entry.active,
                "inactive": entry.inactive,
                **asdict(entry.stats),
                "reals": [_real_info(member) for member in entry.reals],
            }
            for entry in listed
        ],
    }


def rates(listed: Iterable[ServiceRates], interval_s: float) -> dict[str, Any]:
    """Return services with their real servers and rates."""
    return {
        "schema": SCHEMA,
        "interval_s": round(interval_s, 3),
        "services": [
            {
                **service(entry.service),
                **_rates(entry.rates),
                "reals": [{**real(member), **_rates(rate)} for member, rate in entry.reals],
            }
            for entry in listed
        ],
    }


def connection(entry: Connection) -> dict[str, Any]:
    """Return one connection."""
    return {
        "protocol": str(entry.protocol),
        "state": str(entry.state),
        "method": str(entry.method),
        "expires_s": entry.expires_s,
        "client_address": entry.client.address,
        "client_port": entry.client.port,
        "virtual_address": entry.virtual.address,
        "virtual_port": entry.virtual.port,
        "real_address": entry.real.address,
        "real_port": entry.real.port,
    }


def drops(counts: Drops, evicted: Evictions) -> dict[str, Any]:
    """Return the number of dropped packets, and of evicted connections, for every reason."""
    return {"schema": SCHEMA, "drops": asdict(counts), "evictions": asdict(evicted)}


def config(settings: ConfigInfo) -> dict[str, Any]:
    """Return the settings, and what the module reports."""
    return {
        "schema": SCHEMA,
        "config": {
            **_settings(settings),
            "version": settings.version,
            "connections": settings.connections,
            "buckets": settings.buckets,
            "services": settings.services,
            "schedulers": list(settings.schedulers),
        },
    }


def event(announced: Event) -> dict[str, Any]:
    """Return one event. It has only the objects that the event concerns."""
    value: dict[str, Any] = {"schema": SCHEMA, "event": announced.kind}
    if announced.service is not None:
        value["service"] = service(announced.service)
        if not announced.service.scheduler:  # an event of removal has only the key
            del value["service"]["scheduler"]
    if announced.real is not None:
        value["real"] = real(announced.real)
    if announced.config != Config():
        value["config"] = _settings(announced.config)
    return value


def service(rule: Service) -> dict[str, Any]:
    """Return a service without its real servers."""
    return {
        "protocol": str(rule.protocol),
        "address": rule.endpoint.address,
        "port": rule.endpoint.port,
        "scheduler": rule.scheduler,
    }


def real(rule: Real) -> dict[str, Any]:
    """Return a real server without its counters."""
    return {
        "address": rule.endpoint.address,
        "port": rule.endpoint.port,
        "weight": rule.weight,
        "method": str(rule.method) if rule.method is not None else None,
    }


def _real_info(member: RealInfo) -> dict[str, Any]:
    return {
        **real(member),
        "active": member.active,
        "inactive": member.inactive,
        **asdict(member.stats),
    }


def _settings(settings: Config) -> dict[str, Any]:
    method = settings.default_method
    return {
        "default_method": str(method) if method is not None else None,
        "tcp_timeout_s": settings.tcp_timeout_s,
        "fin_timeout_s": settings.fin_timeout_s,
        "udp_timeout_s": settings.udp_timeout_s,
        "conn_max": settings.conn_max,
    }


def _rates(rate: Rates) -> dict[str, float]:
    return {name: round(value, 3) for name, value in zip(_RATES, rate, strict=True)}
