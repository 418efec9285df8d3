# SPDX-License-Identifier: GPL-2.0
"""Rule sets for a real kernel: random ones, and very large ones."""

from __future__ import annotations

import random

from pylvs import Config, Endpoint, Method, Protocol, Real, Ruleset, Service

SCHEDULERS = ("rr", "wrr", "lc", "wlc")
REMOTE_METHODS = (Method.NAT, Method.TUN, Method.DR)


def random_ruleset(rng: random.Random) -> Ruleset:
    """Return up to eight services of both families with up to six real servers each."""
    services = {}
    for _ in range(rng.randint(0, 8)):
        service = _service(rng, rng.choice((4, 6)))
        services[service.key] = service
    return Ruleset(tuple(services.values()), _config(rng))


def _service(rng: random.Random, family: int) -> Service:
    port = rng.choice((0, 53, 80, rng.randint(1, 65535)))
    hosts = rng.sample(range(1, 65000), rng.randint(0, 6))
    return Service(
        rng.choice(tuple(Protocol)),
        Endpoint(_address(family, "10.1", rng.randint(1, 9)), port),
        rng.choice(SCHEDULERS),
        tuple(_real(rng, Endpoint(_address(family, "10.2", each), port)) for each in hosts),
    )


def _real(rng: random.Random, virtual: Endpoint) -> Real:
    method = rng.choice(REMOTE_METHODS)
    ports = [virtual.port]
    if method is Method.NAT:
        ports.append(rng.randint(1, 65535))
    return Real(Endpoint(virtual.address, rng.choice(ports)), rng.randint(0, 65535), method)


def _address(family: int, four: str, host: int) -> str:
    if family == 4:
        return f"{four}.{host >> 8}.{host & 255}"
    return f"2001:db8:{four.replace('.', ':')}::{host:x}"


def _config(rng: random.Random) -> Config:
    tcp, fin, udp = (rng.randint(1, 2073600) for _ in range(3))
    return Config(rng.choice(REMOTE_METHODS), tcp, fin, udp, rng.choice((0, 1000, 2**31)))


def grid(services: int, reals: int, scheduler: str = "wlc", weight: int = 1) -> Ruleset:
    """Return SERVICES with REALS servers each. SCHEDULER and WEIGHT distinguish two grids."""
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
