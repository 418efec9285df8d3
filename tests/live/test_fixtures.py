# SPDX-License-Identifier: GPL-2.0
"""The fixtures work together: the command, the API and the servers use the same farm."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ippfvslab import clients
from ippfvslab.farm import Farm

if TYPE_CHECKING:
    import pylvs
    from tests.live.conftest import Ippfvsadm, Web


def test_the_command_and_the_api_see_the_same_rules(
    farm: Farm, ippfvsadm: Ippfvsadm, lvs: pylvs.Manager
) -> None:
    ippfvsadm("-A", "-t", farm.service(80), "-s", "rr")
    assert [str(service.endpoint) for service in lvs.services()] == [farm.service(80)]


def test_a_refusal_returns_its_status_and_message(farm: Farm, ippfvsadm: Ippfvsadm) -> None:
    refused = ippfvsadm("-D", "-t", farm.service(80), check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith("ippfvsadm: ")
    assert refused.stdout == ""


def test_every_server_answers_in_turn(farm: Farm, ippfvsadm: Ippfvsadm, web: Web) -> None:
    web(80)
    ippfvsadm("-A", "-t", farm.service(80), "-s", "rr")
    flag = {"nat": "-m", "tun": "-i", "dr": "-g", "local": "-m"}[farm.method]
    for number in range(len(farm.reals)):
        arguments = ["-a", "-t", farm.service(80), "-r", farm.real(number, 80)]
        ippfvsadm(*arguments, *([] if farm.method == "local" else [flag]))
    turns = 4 * len(farm.servers)
    served = Counter(clients.http_get(farm.client, farm.vip, 80).server for _ in range(turns))
    assert served == dict.fromkeys(farm.layout.servers, 4)
