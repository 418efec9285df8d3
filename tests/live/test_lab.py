# SPDX-License-Identifier: GPL-2.0
"""The lab itself: the kernel under test, and the paper's farms without rules."""

from __future__ import annotations

import os
import socket
import subprocess

import pytest
from ippfvslab import clients
from ippfvslab.capture import Capture
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm


def test_the_guest_runs_the_requested_kernel(guest: str) -> None:
    release = os.uname().release
    built_for = subprocess.run(
        ["modinfo", "-F", "vermagic", os.environ["IPPFVS_MODULE"]],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()[0]
    assert release == built_for
    if guest[0].isdigit():
        assert release.startswith(f"{guest.partition('-')[0]}.")


def test_the_guest_has_the_cpus_of_its_kernel() -> None:
    assert os.cpu_count() == int(os.environ["IPPFVS_CPUS"])


def test_the_client_reaches_the_director_and_is_refused_without_rules(farm: Farm) -> None:
    with pytest.raises(ConnectionRefusedError):
        clients.http_get(farm.client, farm.vip, 80)


@pytest.mark.farm(methods=["nat", "tun", "dr"])
def test_the_director_reaches_every_server(farm: Farm) -> None:
    for number, server in enumerate(farm.servers):
        address = farm.reals[number]
        with Echo(server, "udp", address, 7) as echo, Capture(server, "eth0") as capture:
            kind = socket.AF_INET if farm.family == 4 else socket.AF_INET6
            with farm.director.socket(kind, socket.SOCK_DGRAM) as sock:
                sock.settimeout(10)
                sock.sendto(b"hello", (address, 7))
                assert sock.recv(100) == f"{server.name}:hello".encode()
            assert echo.served == 1
            datagrams = [packet for _, packet in capture.packets() if packet.ports]
        assert [packet.dest for packet in datagrams] == [address, datagrams[0].source]


@pytest.mark.farm(methods=["tun", "dr"])
def test_servers_hold_the_vip_but_only_the_director_answers_for_it(farm: Farm) -> None:
    with Capture(farm.client, "eth0") as capture:
        with pytest.raises(ConnectionRefusedError):
            clients.http_get(farm.client, farm.vip, 80)
        frames = capture.frames()
    lan = next(iter(farm.lans))
    answered = {f.source_mac for f in frames if not f.outgoing}
    assert answered == {farm.mac("director", lan)}


@pytest.mark.farm(methods=["nat"])
def test_web_servers_answer_with_their_names(farm: Farm, web: object) -> None:
    assert callable(web)
    web(80)
    for number, name in enumerate(farm.layout.servers):
        reply = clients.http_get(farm.director, farm.reals[number], 80)
        assert (reply.status, reply.server) == (200, name)
