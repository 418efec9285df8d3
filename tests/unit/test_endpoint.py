# SPDX-License-Identifier: GPL-2.0
from __future__ import annotations

import socket

import pytest
from hypothesis import given

from pylvs import Endpoint, InvalidValue
from tests.unit.strategies import ENDPOINTS


@given(ENDPOINTS)
def test_what_is_printed_is_parsed(endpoint: Endpoint) -> None:
    assert Endpoint.parse(str(endpoint)) == endpoint
    assert Endpoint.unpack(endpoint.packed, endpoint.port) == endpoint


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("10.0.0.1:80", "10.0.0.1", 80),
        ("10.0.0.1", "10.0.0.1", 0),
        ("10.0.0.1:0", "10.0.0.1", 0),
        ("10.0.0.1:65535", "10.0.0.1", 65535),
        ("10.0.0.1:http", "10.0.0.1", 80),
        ("2001:db8::1", "2001:db8::1", 0),
        ("[2001:db8::1]", "2001:db8::1", 0),
        ("[2001:DB8:0::1]:443", "2001:db8::1", 443),
        ("[2001:db8::1:80]", "2001:db8::1:80", 0),
        ("2001:db8::80", "2001:db8::80", 0),  # no address is left without the last number
        ("2001:db8::1:ff", "2001:db8::1:ff", 0),
        ("1:2:3:4:5:6:7:80", "1:2:3:4:5:6:7:80", 0),
        ("[::ffff:10.0.0.1]:80", "::ffff:10.0.0.1", 80),
    ],
)
def test_parse(text: str, address: str, port: int) -> None:
    assert Endpoint.parse(text) == Endpoint(address, port)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "'': the address is missing"),
        (":80", "':80': the address is missing"),
        ("10.0.0.1:", "'10.0.0.1:': the port is missing after ':'"),
        ("10.0.0.1:65536", "'10.0.0.1:65536': a port is a number from 0 to 65535"),
        ("10.0.0.1:-1", "neither a port from 0 to 65535 nor a tcp service name"),
        ("10.0.0.1:8 0", "neither a port from 0 to 65535 nor a tcp service name"),
        ("10.0.0.1:\N{ARABIC-INDIC DIGIT ONE}", "neither a port"),
        ("10.0.0.256:80", "'10.0.0.256' is not an IPv4 address"),
        ("10.0.0:80", "'10.0.0' is not an IPv4 address"),
        ("010.0.0.1:80", "'010.0.0.1' is not an IPv4 address"),
        ("10.0.0.1/24", "'10.0.0.1/24' is not an IPv4 address"),
        ("example.org:80", "'example.org' is not an address"),
        ("10.0.0.1\0:80", "is not an address"),
        ("2001:db8::1:80000", "is not an IPv6 address"),
        ("2001:db8::1:80", "'2001:db8::1:80' may be an address, or 2001:db8::1 with port 80"),
        ("::1:0", "'::1:0' may be an address, or ::1 with port 0"),
        ("fe80::a:8080", "'fe80::a:8080' may be an address, or fe80::a with port 8080"),
        ("[2001:db8::1:80", "the closing ']' is missing"),
        ("[2001:db8::1]80", "only ':PORT' can follow ']'"),
        ("[10.0.0.1]:80", "brackets are for IPv6 addresses"),
        ("[fe80::1%eth0]:80", "an address with a scope, such as fe80::1%eth0, is not accepted"),
    ],
)
def test_refuse(text: str, sentence: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        Endpoint.parse(text)
    assert sentence in str(refused.value)
    assert "\n" not in refused.value.sentence()


def test_family() -> None:
    assert Endpoint("10.0.0.1").family == socket.AF_INET
    assert Endpoint("::1").family == socket.AF_INET6


def test_an_address_of_another_length_is_refused() -> None:
    with pytest.raises(InvalidValue, match="5 bytes"):
        Endpoint.unpack(b"12345")


def test_an_ipv6_address_that_could_end_with_a_port_is_refused_with_both_spellings() -> None:
    with pytest.raises(InvalidValue) as refused:
        Endpoint.parse("2001:db8::1:80")
    assert refused.value.remedy == "write [2001:db8::1:80] or [2001:db8::1]:80"
    for spelling in ("[2001:db8::1:80]", "[2001:db8::1]:80"):
        assert str(Endpoint.parse(spelling)) == spelling
