# SPDX-License-Identifier: GPL-2.0
"""What listings show, whatever their form: as the request asks for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..grammar import Request
    from ..manager import Manager
    from ..model import ServiceInfo
    from ..rates import ServiceRates


def services(lvs: Manager, request: Request) -> list[ServiceInfo]:
    """Return the service that is asked for, or all."""
    if request.service is None:
        return lvs.services()
    return [lvs.service(request.service.protocol, request.service.endpoint)]


def measured(lvs: Manager, request: Request) -> tuple[list[ServiceRates], float]:
    """Return rates, and the seconds that they were measured for."""
    from ..rates import between

    before, start = services(lvs, request), time.monotonic()
    time.sleep(request.interval_s)
    after, seconds = services(lvs, request), time.monotonic() - start
    return between(before, after, seconds), seconds
