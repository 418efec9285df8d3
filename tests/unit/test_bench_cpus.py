# SPDX-License-Identifier: GPL-2.0
"""What two CPUs are fed: the same connections as one, half and half."""

from __future__ import annotations

import pytest
from ippfvslab.bench import twin
from ippfvslab.bench.generator import Flood
from ippfvslab.bench.probes.scale import Apart, Load, Task, Team
from ippfvslab.bench.questions_cpus import SCALING

import pylvs


def _flows(task: Task) -> set[tuple[str, int, int]]:
    return {
        (flood.dest, flood.port, port)
        for flood in task.floods
        for port in range(flood.first_port, flood.first_port + flood.flows)
    }


@pytest.mark.parametrize("load", [Load(), Load(servers=1), Load(flows=1, same=True)])
def test_two_cpus_send_the_flows_of_one(load: Load) -> None:
    one, two = Task(Team("ippfvs", 1), load), Task(Team("ippfvs", 2), load)
    assert (len(one.floods), len(two.floods)) == (1, 2)
    assert _flows(one) == _flows(two)
    assert len(_flows(one)) == one.known == two.known == load.flows


def test_each_cpu_has_its_own_service_and_servers() -> None:
    task = Task(Team("IPVS", 2), Load(services=2))
    assert [flood.port for flood in task.floods] == [80, 81]
    services = pylvs.loads(task.case.rules).services
    assert [service.endpoint.port for service in services] == [80, 81]
    reals = [{real.endpoint.address for real in service.reals} for service in services]
    assert [len(each) for each in reals] == [4, 4]
    assert not reals[0] & reals[1]


def test_new_connections_of_two_cpus_never_meet() -> None:
    floods = Task(Team("ippfvs", 2), Load(flows=0)).floods
    assert floods[0].source != floods[1].source
    assert floods[0].flows % floods[0].addresses
    warm, count = Task(Team("ippfvs", 2), Load(flows=0)).warm
    sources = {flood.source.rpartition(".")[0] for flood in (*floods, *warm)}
    assert len(sources) == 4
    assert Task(Team("ippfvs", 2), Load(flows=0)).known == 2 * count


def test_what_both_send_is_made_by_one() -> None:
    floods, count = Task(Team("IPVS", 2), Load(flows=1, same=True)).warm
    assert (len(floods), count) == (1, 1)


def test_the_floor_is_another_hosts_mac_and_plain_a_real_servers_address() -> None:
    macs = {Task(Team(name, 1), Load()).floods[0].mac for name in ("ippfvs", "IPVS", "plain")}
    assert len(macs) == 1
    assert Task(Team("floor", 1), Load()).floods[0].mac not in macs
    assert Task(Team("plain", 1), Load()).floods[0].dest == Apart().reals[0]


def test_a_flood_of_a_part_of_the_ports() -> None:
    words = Flood("02:00:00:00:00:01", "198.18.0.1", "10.0.0.100", 30_000, first_port=31_024)
    assert {"udp_src_min 31024", "udp_src_max 61024"} <= set(words.commands)


SHOWN = """\
Current:
     pkts-sofar: {packets}  errors: 0
     started: 1000us  stopped: {now}us idle: 3us
     seq_num: 12  cur_dst_mac_offset: 0  cur_src_mac_offset: 0
"""


def test_a_rate_is_of_the_time_between_two_readings() -> None:
    before, after = (
        twin.read(SHOWN.format(packets=packets, now=now))
        for packets, now in ((1_000, 500_000), (251_000, 1_500_000))
    )
    assert twin.rate(before, after) == 250_000
    with pytest.raises(RuntimeError, match="pktgen"):
        twin.read("Result: No such parameter")


def test_a_target_compares_a_contestant_with_itself() -> None:
    for question in SCALING:
        for target in question.targets:
            assert target.lanes == ("ippfvs, 2 CPUs", "ippfvs")
