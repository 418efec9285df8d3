# SPDX-License-Identifier: GPL-2.0
"""Floods in pktgen's words."""

from __future__ import annotations

import pytest
from ippfvslab.bench import generator, settings
from ippfvslab.bench.generator import Flood

MAC = "02:00:00:00:00:01"


def test_every_packet_takes_the_next_port_and_address() -> None:
    words = Flood(MAC, "198.18.0.1", "10.0.0.100", 60_000, 131_000, dests=10).commands
    assert {"src_min 198.18.0.1", "src_max 198.19.255.184"} <= set(words)
    assert {"dst_min 10.0.0.100", "dst_max 10.0.0.109"} <= set(words)
    assert {"udp_src_min 1024", "udp_src_max 61024"} <= set(words)


def test_one_flow_has_one_port() -> None:
    words = Flood(MAC, "fd18::1", "fd00::100").commands
    assert {"udp_src_min 1024", "udp_src_max 1025", "dst6 fd00::100", "flag UDPCSUM"} <= set(words)


def test_ipv4_after_ipv6_is_ipv4_again() -> None:
    assert "flag !IPV6" in Flood(MAC, "198.18.0.1", "10.0.0.100").commands


@pytest.mark.parametrize(
    ("answer", "packets"),
    [
        ("Result: OK: flags=0x1000", "not shared"),
        ("Result: Flag -:!SHARED:- unknown", "shared, cloned by the stack"),
    ],
)
def test_what_pktgen_answered_is_noted(
    answer: str, packets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(generator, "tell", lambda file, *_: told.append(file))
    monkeypatch.setattr(generator, "result", lambda _: answer)
    settings.taken()
    generator.attach(1, "in1")
    assert settings.taken() == ({"pktgen": {"packets": packets}}, {})
    assert told == ["kpktgend_1", "in1", "in1"]
