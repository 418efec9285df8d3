# SPDX-License-Identifier: GPL-2.0
"""Two dumps into one picture: services, and the real servers that belong to them; pure."""

from __future__ import annotations

from dataclasses import replace

from .endpoint import Endpoint
from .model import Protocol, RealInfo, ServiceInfo

ServiceKey = tuple[Protocol, Endpoint]
Member = tuple[ServiceKey, str, list[RealInfo]]
"""A service, its scheduler, and some of its real servers."""


def join(services: list[ServiceInfo], reals: list[Member]) -> list[ServiceInfo] | None:
    """Give each service its real servers; None when the two are not of one rule set.

    What a service is by its rule, the second dump tells too: if the two agree in that, they are
    one set, and it is the second dump's.
    """
    members: dict[ServiceKey, list[RealInfo]] = {service.key: [] for service in services}
    schedulers = {service.key: service.scheduler for service in services}
    for key, scheduler, some in reals:
        if schedulers.get(key) != scheduler:
            return None
        members[key].extend(some)
    joined = [replace(service, reals=tuple(members[service.key])) for service in services]
    complete = all(len(service.reals) == service.real_count for service in joined)
    return joined if complete else None
