# SPDX-License-Identifier: GPL-2.0
"""Rule sets for a real kernel: by chance, or very large."""

from __future__ import annotations

import random

from pylvs import Config, Endpoint, Method, Protocol, Real, Ruleset, Service

SCHEDULERS = ("rr", "wrr", "lc", "wlc")
AWAY = (Method.NAT, Method.TUN, Method.DR)


def by_chance(chance: random.Random) -> Ruleset:
    """Up to eight services of both families with up to six real servers each."""
    services = {}
    for _ in range(chance.randint(0, 8)):
        service = _service(chance, chance.choice((4, 6)))
        services[service.key] = service
    return Ruleset(tuple(services.values()), _config(chance))


def _service(chance: random.Random, family: int) -> Service:
    port = chance.choice((0, 53, 80, chance.randint(1, 65535)))
    hosts = chance.sample(range(1, 65000), chance.randint(0, 6))
    return Service(
        chance.choice(tuple(Protocol)),
        Endpoint(_address(family, "10.1", chance.randint(1, 9)), port),
        chance.choice(SCHEDULERS),
        tuple(_real(chance, Endpoint(_address(family, "10.2", each), port)) for each in hosts),
    )


def _real(chance: random.Random, virtual: Endpoint) -> Real:
    method = chance.choice(AWAY)
    ports = [virtual.port]
    if method is Method.NAT:
        ports.append(chance.randint(1, 65535))
    return Real(Endpoint(virtual.address, chance.choice(ports)), chance.randint(0, 65535), method)


def _address(family: int, four: str, host: int) -> str:
    if family == 4:
        return f"{four}.{host >> 8}.{host & 255}"
    return f"2001:db8:{four.replace('.', ':')}::{host:x}"


def _config(chance: random.Random) -> Config:
    tcp, fin, udp = (chance.randint(1, 2073600) for _ in range(3))
    return Config(chance.choice(AWAY), tcp, fin, udp, chance.choice((0, 1000, 2**31)))


def grid(services: int, reals: int, scheduler: str = "wlc", weight: int = 1) -> Ruleset:
    """SERVICES with REALS servers each; SCHEDULER and WEIGHT tell one grid from another."""
    return Ruleset(
        tuple(
            Service(
                Protocol.TCP,
                Endpoint(_address(4, "10.3", number), 80),
                scheduler,
                tuple(
                    Real(Endpoint(_address(4, "10.4", each), 8000), weight, Method.NAT)
                    for each in range(1, reals + 1)
                ),
            )
            for number in range(1, services + 1)
        )
    )
