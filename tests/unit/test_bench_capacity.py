# SPDX-License-Identifier: GPL-2.0
"""The pure parts of the probes of how much: accounts, the beat, rule sets, listings' commands."""

from __future__ import annotations

import ipaddress
import math
import sys

import pytest
from ippfvslab.bench import opening
from ippfvslab.bench.beat import FLOWS, FRAME_BYTES, PERIOD_S, delays, frame
from ippfvslab.bench.crowd import Crowd, by_name, names
from ippfvslab.bench.ledger import PAGE, Ledger, listed_bytes, settled, slab_bytes
from ippfvslab.bench.probes.rules import Setting
from ippfvslab.bench.questions import QUESTIONS
from ippfvslab.bench.questions_capacity import CAPACITY
from ippfvslab.bench.stopwatch import peak_bytes, timed
from ippfvslab.wire import decode

import pylvs

SLABINFO = """\
slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>
ippfvs_conn      999 1024 64 64 1 : tunables 0 0 0 : slabdata 16 16 0
names_cache        8    8 4096 8 8 : tunables 0 0 0 : slabdata 1 1 0
"""


def test_slabs_are_counted_by_their_pages() -> None:
    assert slab_bytes(SLABINFO) == (16 * 1 + 1 * 8) * PAGE


def test_the_larger_account_counts() -> None:
    before = Ledger(slabs=1000, vmalloc=500, free=9000)
    assert Ledger(slabs=1600, vmalloc=600, free=8500).taken_since(before) == 700
    assert Ledger(slabs=1000, vmalloc=500, free=8500).taken_since(before) == 500


def test_what_does_not_settle_is_an_error() -> None:
    numbers = iter(range(1000))
    with pytest.raises(RuntimeError, match="no rest"):
        settled(lambda: next(numbers), still_s=0.3, limit_s=0.5)
    assert settled(lambda: 7, still_s=0.1) == 7


def test_a_delay_is_measured_against_the_beat() -> None:
    on_time = [100 + number * PERIOD_S for number in range(5)]
    on_time[3] += 0.002
    assert delays(on_time) == pytest.approx([0, 0, 0, 0.002, 0], abs=1e-9)


def test_a_late_start_does_not_make_the_rest_early() -> None:
    times = [100 + number * PERIOD_S for number in range(4)]
    times[0] += 0.001
    assert delays(times) == pytest.approx([0.001, 0, 0, 0], abs=1e-9)


def test_a_beat_is_of_known_flows_and_valid_packets() -> None:
    raw = frame("198.18.0.1", "10.0.0.100", FLOWS + 3)
    packet = decode(raw[14:])
    assert len(raw) == FRAME_BYTES
    assert packet is not None
    assert (packet.source, packet.dest, packet.ports) == ("198.18.0.1", "10.0.0.100", (4, 80))
    assert packet.data[:4] == (FLOWS + 3).to_bytes(4, "big")
    words = [int.from_bytes(raw[at : at + 2], "big") for at in range(14, 34, 2)]
    assert sum(words) % 0xFFFF == 0


def test_ports_and_addresses_make_ten_million_pairs() -> None:
    assert math.lcm(opening.PORTS, opening.ADDRESSES) > 10_000_000
    last = ipaddress.IPv4Address("198.18.0.1") + opening.ADDRESSES - 1
    assert last in ipaddress.IPv4Network("198.18.0.0/15")


def test_a_rule_set_has_every_server_once_and_both_balancers_read_it() -> None:
    setting = Setting("load")
    ruleset = pylvs.loads("\n".join(setting.rules))
    reals = {real.endpoint for service in ruleset.services for real in service.reals}
    assert len(ruleset.services) == setting.services
    assert len(reals) == setting.services * setting.servers
    assert setting.size == len(setting.rules) == 110_000


def test_a_command_is_timed_to_its_end() -> None:
    lap = timed("sh", "-c", "echo one; sleep 0.05; echo two")
    assert (lap.lines, lap.last) == (2, "two")
    assert 0.05 <= lap.seconds < 5
    with pytest.raises(RuntimeError, match="ended with 3: wrong"):
        timed("sh", "-c", "echo wrong >&2; exit 3")


def test_the_peak_is_the_commands_own() -> None:
    ours = bytearray(200 << 20)
    program = "a = bytearray({} << 20); import time; time.sleep(0.3); print(len(a))"
    small, large = (peak_bytes(sys.executable, "-c", program.format(n))[0] for n in (1, 64))
    assert small < 60 << 20 < len(ours)
    assert 60 << 20 < large - small < 70 << 20


def test_every_question_has_its_lanes_targets() -> None:
    for question in CAPACITY:
        for target in question.targets:
            assert set(target.lanes) <= set(question.lanes)


def test_lanes_are_called_by_who_and_how_many() -> None:
    crowds = Crowd("ippfvs", 1_400_000), Crowd("IPVS", 600)
    assert names(crowds) == ("ippfvs 1,400,000", "IPVS 600") == tuple(by_name(crowds))
    counted = [each for each in QUESTIONS if hasattr(each.setting, "crowds")]
    assert {"memory", "millions", "list", "services", "pick-rr"} < {each.name for each in counted}
    for question in counted:
        assert question.lanes == names(question.setting.crowds)


def test_free_pages_in_the_lists_of_cpus_are_free() -> None:
    zoneinfo = """Node 0, zone   Normal
  pages free     1000
  pagesets
    cpu: 0
              count:    189308
              high:     189400
    cpu: 1
              count:    2
"""
    assert listed_bytes(zoneinfo) == 189_310 * PAGE
