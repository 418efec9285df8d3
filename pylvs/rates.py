# SPDX-License-Identifier: GPL-2.0
"""Rates from two readings of the counters; pure."""

from __future__ import annotations

from dataclasses import dataclass

from .model import RealInfo, ServiceInfo, Stats

# connections, packets in and out, bytes in and out, each a second
Rates = tuple[float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class ServiceRates:
    """A service, its rates, and those of each real server."""

    service: ServiceInfo
    rates: Rates
    reals: tuple[tuple[RealInfo, Rates], ...]


def between(
    before: list[ServiceInfo], after: list[ServiceInfo], seconds: float
) -> list[ServiceRates]:
    """Return what happened a second between two readings.

    What is new in the second reading, or was zeroed, counts from nought.
    """
    old = {service.key: service for service in before}
    return [_service(old.get(service.key), service, seconds) for service in after]


def _service(old: ServiceInfo | None, new: ServiceInfo, seconds: float) -> ServiceRates:
    reals = {real.endpoint: real.stats for real in old.reals} if old is not None else {}
    return ServiceRates(
        new,
        _rates(old.stats if old is not None else Stats(), new.stats, seconds),
        tuple(
            (real, _rates(reals.get(real.endpoint, Stats()), real.stats, seconds))
            for real in new.reals
        ),
    )


def _rates(old: Stats, new: Stats, seconds: float) -> Rates:
    def rate(before: int, after: int) -> float:
        return (after - before if after >= before else after) / seconds

    return (
        rate(old.connections, new.connections),
        rate(old.packets_in, new.packets_in),
        rate(old.packets_out, new.packets_out),
        rate(old.bytes_in, new.bytes_in),
        rate(old.bytes_out, new.bytes_out),
    )
