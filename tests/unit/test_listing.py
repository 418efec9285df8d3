# SPDX-License-Identifier: GPL-2.0
"""The exact output for a pipe, for a terminal, and with --json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from itertools import islice, repeat
from pathlib import Path

from hypothesis import given

from pylvs import _json as jsonview
from pylvs import _listing as listing
from pylvs import _terminal as terminal
from pylvs.endpoint import Endpoint
from pylvs.model import (
    ConfigInfo,
    Drops,
    Event,
    Evictions,
    Fault,
    Method,
    Protocol,
    RealInfo,
    ServiceInfo,
    State,
    Stats,
)
from pylvs.ruleset import Ruleset
from tests.unit.samples import connection
from tests.unit.strategies import RULESETS

TCP, UDP = Protocol.TCP, Protocol.UDP


def real(end: str, weight: int, method: Method = Method.NAT, *counts: int) -> RealInfo:
    active, inactive = (*counts[:2], 0, 0)[:2]
    return RealInfo(Endpoint.parse(end), weight, method, active, inactive, Stats(*counts[2:]))


PAPER = [
    ServiceInfo(
        TCP,
        Endpoint("202.103.106.5", 80),
        "wrr",
        (
            real("172.16.0.2:80", 1, Method.NAT, 12, 3, 100, 900, 800, 70000, 600000),
            real("172.16.0.3:8000", 2, Method.NAT, 24, 6, 200, 1800, 1600, 140000, 1200000),
        ),
        Stats(300, 2700, 2400, 210000, 1800000),
    ),
    ServiceInfo(TCP, Endpoint("202.103.106.5", 21), "wrr", (real("172.16.0.2:21", 1),)),
]
REST = [
    ServiceInfo(
        UDP,
        Endpoint("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", 53),
        "wlc",
        (
            real("[2001:db8::2]:53", 0, Method.TUN),
            real("[2001:db8:1111:2222:3333:4444:5555:6666]:53", 65535, Method.DR, 4294967295, 0),
        ),
    ),
    ServiceInfo(TCP, Endpoint("192.168.1.110"), "rr", (real("127.0.0.1", 1, Method.LOCAL),)),
    ServiceInfo(TCP, Endpoint("10.0.0.1", 443), "lc"),
]


def text(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def paper(services: list[ServiceInfo]) -> Iterator[str]:
    return listing.paper([listing.cells(service) for service in services])


def test_the_papers_table() -> None:
    assert text(paper(PAPER)) == (
        "Protocol  Virtual IP Address  Port  Real IP Address  Port  Weight\n"
        "TCP       202.103.106.5       80    172.16.0.2       80    1\n"
        "                                    172.16.0.3       8000  2\n"
        "TCP       202.103.106.5       21    172.16.0.2       21    1\n"
    )


def test_wide_addresses_every_port_and_no_server() -> None:
    assert (
        text(paper(PAPER[1:] + REST))
        == """\
Protocol  Virtual IP Address                      Port  Real IP Address                         Port  Weight
TCP       202.103.106.5                           21    172.16.0.2                              21    1
UDP       2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff  53    2001:db8::2                             53    0
                                                        2001:db8:1111:2222:3333:4444:5555:6666  53    65535
TCP       192.168.1.110                           *     127.0.0.1                               *     1
TCP       10.0.0.1                                443
"""
    )


@given(RULESETS)
def test_the_papers_table_is_a_table_like_others(ruleset: Ruleset) -> None:
    rows = []
    for service in ruleset.services:
        cells = [service.protocol.name, service.endpoint.address, port(service.endpoint.port)]
        for real in service.reals:
            end = real.endpoint
            more = (end.address, port(end.port or service.endpoint.port), str(real.weight))
            rows.append((*cells, *more))
            cells = [""] * 3
        if not service.reals:
            rows.append((*cells, "", "", ""))
    kept = [listing.cells(service) for service in ruleset.services]
    assert text(listing.paper(kept)) == text(listing.table(listing.PAPER, rows))


def port(number: int) -> str:
    return str(number) if number else "*"


def test_verbose() -> None:
    assert (
        text(listing.rules([*PAPER, REST[2]]))
        == """\
Protocol  Virtual IP Address  Port  Real IP Address  Port  Weight  Method  Scheduler  Active  Inactive
TCP       202.103.106.5       80    172.16.0.2       80    1       NAT     wrr        12      3
                                    172.16.0.3       8000  2       NAT                24      6
TCP       202.103.106.5       21    172.16.0.2       21    1       NAT     wrr        0       0
TCP       10.0.0.1            443                                          lc
"""
    )


def test_no_rules_is_the_heading() -> None:
    assert text(paper([])) == (
        "Protocol  Virtual IP Address  Port  Real IP Address  Port  Weight\n"
    )


def test_stats() -> None:
    assert (
        text(listing.stats(PAPER[:1]))
        == """\
Protocol  Virtual IP Address  Port  Real IP Address  Port  Connections  Packets in  Packets out  Bytes in  Bytes out
TCP       202.103.106.5       80                           300          2700        2400         210000    1800000
                                    172.16.0.2       80    100          900         800          70000     600000
                                    172.16.0.3       8000  200          1800        1600         140000    1200000
"""
    )


def test_rates_come_from_two_readings() -> None:
    zeroed = RealInfo(Endpoint("172.16.0.3", 8000), 2, Method.NAT, stats=Stats(1000))
    first = PAPER[0]
    before = [
        ServiceInfo(
            *first.key, "wrr", (first.reals[0], zeroed), Stats(200, 2700, 2400, 10000, 800000)
        )
    ]
    found = listing.rates_between(before, PAPER, 2.0)
    assert found[0].rates == (50.0, 0.0, 0.0, 100000.0, 500000.0)
    assert [rate for _, rate in found[0].reals] == [
        (0, 0, 0, 0, 0),
        (100, 900, 800, 70000, 600000),
    ]
    assert text(listing.rates(found[:1])).splitlines()[1] == (
        "TCP       202.103.106.5       80                           50             0"
        "             0              100000      500000"
    )


def test_connections() -> None:
    entries = [connection("202.100.1.2:3456"), connection("10.0.0.1:1", State.TIME_WAIT)]
    assert (
        text(listing.connections(entries))
        == """\
Protocol  Expires  State        Method  Client            Virtual           Real
TCP       7199.2   ESTABLISHED  NAT     202.100.1.2:3456  202.103.106.5:80  172.16.0.3:8000
TCP       7199.2   TIME_WAIT    NAT     10.0.0.1:1        202.103.106.5:80  172.16.0.3:8000
"""
    )


def test_connections_are_listed_without_holding_them() -> None:
    endless = repeat(connection("10.0.0.1:1"))
    assert len(list(islice(listing.connections(endless), 100_000))) == 100_000


def test_a_late_long_address_widens_its_column_and_is_whole() -> None:
    long = "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535"
    entries = [*[connection("10.0.0.1:1")] * 5000, connection(long), connection("10.0.0.1:1")]
    *_, wide, after = listing.connections(entries)
    assert long in wide
    assert wide.index("202.103") == after.index("202.103")


def test_drops_and_timeouts() -> None:
    lines = text(listing.drops(Drops(no_server=5, no_listener=7))).splitlines()
    assert lines[:2] == [
        "Reason          Dropped  What",
        "no_server       5        opens a connection, but no real server accepts new ones",
    ]
    assert "no_listener     7        Local Node: no socket of the director listens" in lines
    assert list(listing.DROPPED) == [field.name for field in fields(Drops)]
    assert text(listing.evictions(Evictions(3, 4))).splitlines() == [
        "Reason    Evicted  What",
        "conflict  3        closing, and its client opened another one",
        "pressure  4        unconfirmed or closed, and a limit was reached; see --conn-max",
    ]
    assert list(listing.EVICTED) == [field.name for field in fields(Evictions)]
    config = ConfigInfo(Method.NAT, 7200, 120, 300)
    assert text(listing.timeouts(config)) == (
        "Timeout  Seconds\ntcp      7200\ntcpfin   120\nudp      300\n"
    )


def test_the_document_says_of_each_reason_what_the_listing_says() -> None:
    document = (Path(__file__).parents[2] / "docs/JSON.md").read_text()
    rows = re.findall(r"^\| ([a-z_]+) \| (.+?) \|", document, re.MULTILINE)
    assert [row for row in rows if row[0] != "reason"] == list(listing.DROPPED.items())


def test_nothing_trails_a_line() -> None:
    for lines in (
        listing.rules(PAPER + REST),
        listing.stats(PAPER + REST),
        listing.rates(listing.rates_between(PAPER, PAPER + REST, 1.0)),
    ):
        assert all(line == line.rstrip() for line in lines)


def test_terminal_in_80_columns_without_colour() -> None:
    drained = ServiceInfo(
        TCP, Endpoint("192.168.1.110"), "rr", (real("192.168.1.2", 0, Method.TUN, 5),)
    )
    assert terminal.rules([PAPER[0], drained, REST[2]], 80, color=False) == PLAIN


PLAIN = """\
Service / real server          By       Weight   Active   Inactive
──────────────────────────────────────────────────────────────────
TCP 202.103.106.5:80           wrr                   36          9
  172.16.0.2:80                NAT           1       12          3
  172.16.0.3:8000              NAT           2       24          6
TCP 192.168.1.110 every port   rr                     5          0
  192.168.1.2                  TUN   drained 0        5          0
TCP 10.0.0.1:443               lc    no server        0          0
"""


def test_terminal_counters_fit_80_columns() -> None:
    huge = ServiceInfo(
        UDP, Endpoint("10.0.0.1", 53), "rr", stats=Stats(9_999_999, 10_000_000, 0, 2**64 - 1, 7)
    )
    assert terminal.stats([PAPER[0], huge], 80, color=False) == COUNTED


COUNTED = """\
Service / real server     Conns   Pkts in   Pkts out   Bytes in   Bytes out
───────────────────────────────────────────────────────────────────────────
TCP 202.103.106.5:80        300      2700       2400     210000     1800000
  172.16.0.2:80             100       900        800      70000      600000
  172.16.0.3:8000           200      1800       1600     140000     1200000
UDP 10.0.0.1:53         9999999    10000K          0     18447P           7
"""


def test_terminal_never_cuts_an_address() -> None:
    drawn = terminal.rules(REST, 40, color=False)
    for whole in (
        "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:53",
        "[2001:db8:1111:2222:3333:4444:5555:6666]:53",
        "4294967295",
    ):
        assert whole in drawn


def test_faults_name_the_real_server_and_the_remedy() -> None:
    ends = [Endpoint("10.0.0.9", 80), Endpoint("127.0.0.1", 8080), Endpoint("10.0.0.8", 80)]
    methods = [Method.DR, Method.LOCAL, Method.LOCAL]
    broken = [Fault.REAL_IS_OWN, Fault.VIRTUAL_NOT_OWN, Fault.REAL_NOT_OWN]
    reals = tuple(
        RealInfo(end, 1, method, fault=fault)
        for end, method, fault in zip(ends, methods, broken, strict=True)
    )
    service = ServiceInfo(TCP, Endpoint("10.0.0.1", 80), "rr", (*reals, real("10.0.0.2:80", 1)))
    assert list(listing.faults([service])) == [
        (
            "10.0.0.9:80 of tcp 10.0.0.1:80 is an address of the director now, and DR does not "
            "lead there; make it Local Node: ippfvsadm -e -t 10.0.0.1:80 -r 10.0.0.9:80 -g"
        ),
        (
            "127.0.0.1:8080 of tcp 10.0.0.1:80 is Local Node, but 10.0.0.1 is not an address of "
            "the director, so no packet gets there; add it: ip addr add 10.0.0.1/32 dev lo"
        ),
        (
            "10.0.0.8:80 of tcp 10.0.0.1:80 is Local Node, but its address is no longer the "
            "director's; only sockets bound to 10.0.0.1 or to no address get packets"
        ),
    ]
    assert set(listing.FAULTS) == set(Fault)


def test_terminal_colours_only_when_asked() -> None:
    assert "\x1b[" in terminal.rules(PAPER, 80)
    assert "\x1b" not in terminal.rules(REST, 80, color=False)


def test_json_has_units_in_its_names_and_survives_a_round_trip() -> None:
    value = jsonview.services(PAPER + REST)
    assert json.loads(json.dumps(value)) == value
    assert value["services"][0]["reals"][1] == {
        "address": "172.16.0.3",
        "port": 8000,
        "weight": 2,
        "method": "nat",
        "active": 24,
        "inactive": 6,
        "fault": None,
        "connections": 200,
        "packets_in": 1800,
        "packets_out": 1600,
        "bytes_in": 140000,
        "bytes_out": 1200000,
    }
    assert jsonview.rates(listing.rates_between(PAPER, PAPER, 1.0), 1.0004)["interval_s"] == 1.0
    assert jsonview.connection(connection("10.0.0.1:1"))["expires_s"] == 7199.25
    assert jsonview.event(Event("replace")) == {"schema": 1, "event": "replace"}


def test_the_schema_names_every_key() -> None:
    document = (Path(__file__).parents[2] / "docs" / "JSON.md").read_text()
    values = [
        jsonview.services(PAPER),
        jsonview.rates(listing.rates_between(PAPER, PAPER, 1.0), 1.0),
        {"connections": [jsonview.connection(connection("10.0.0.1:1"))]},
        jsonview.drops(Drops(), Evictions()),
        jsonview.config(ConfigInfo(Method.NAT, 1, 2, 3, 4)),
    ]
    for key in keys(values):
        assert f'"{key}"' in document, key


def keys(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value) | set().union(*(keys(inner) for inner in value.values()))
    if isinstance(value, list):
        return set().union(*(keys(inner) for inner in value))
    return set()
