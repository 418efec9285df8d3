# SPDX-License-Identifier: GPL-2.0
"""The four methods, IPv4 and IPv6, TCP and UDP: real clients, real servers, right answers."""

from __future__ import annotations

from ippfvslab import web as http
from ippfvslab.farm import Farm


def test_http_through_every_method(farm: Farm, ippfvsadm, web) -> None:
    web(80)
    for number in range(len(farm.reals)):
        ippfvsadm("-A", "-t", farm.service(80), "-R", farm.real(number), "--method", farm.method)
    names = {http.get(farm.client, farm.vip, 80).server for _ in range(2 * len(farm.servers))}
    assert names == set(farm.layout.servers)
