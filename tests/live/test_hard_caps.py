# SPDX-License-Identifier: GPL-2.0
"""Root of an unprivileged user namespace cannot use more kernel memory than the host allows.

    client 10.9.9.9 (also the VIP) ── away ── 10.9.9.2        see helpers/unprivileged.py

The user of these tests is real: a process that has left the initial user namespace.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

import pylvs
from pylvs.uapi import UNPRIVILEGED_CONNS, UNPRIVILEGED_REALS, UNPRIVILEGED_SERVICES
from tests.live.helpers import unprivileged
from tests.live.helpers.unprivileged import (
    CLONE_NEWNET,
    CLONE_NEWUSER,
    REAL,
    VIP,
    Process,
    add_service,
    configure,
    open_connections,
    unshare,
)

DEFAULT_CAPS = (UNPRIVILEGED_CONNS, UNPRIVILEGED_SERVICES, UNPRIVILEGED_REALS)
PORT = 7


@pytest.fixture
def user() -> Iterator[Process]:
    """Yield a process that is root only in its own namespaces."""
    with Process() as process:
        process.call(unprivileged.become_a_user)
        yield process


@pytest.fixture
def host(user: Process) -> Iterator[pylvs.Manager]:
    """Yield a Manager by which root of the host enters the user's network namespace."""
    with pylvs.Manager(user.netns) as manager:
        yield manager


def caps(config: pylvs.ConfigInfo) -> tuple[int | None, int | None, int | None]:
    return config.conn_cap, config.service_cap, config.real_cap


def set_caps(numbers: tuple[int, int, int]) -> pylvs.ConfigInfo:
    conn_cap, service_cap, real_cap = numbers
    return configure(conn_cap=conn_cap, service_cap=service_cap, real_cap=real_cap)


def test_a_user_gets_no_more_connections_than_the_default_cap_whatever_he_sets(
    user: Process,
) -> None:
    with contextlib.suppress(pylvs.Refused):
        user.call(configure_conn_max, 2**32 - 1)
    user.call(add_service, PORT)
    ports = range(1024, 1024 + UNPRIVILEGED_CONNS + 100)
    opened = 0
    for first in range(ports.start, ports.stop, 2048):  # in portions, as each call has a limit
        opened, _drops = user.call(
            open_connections, range(first, min(first + 2048, ports.stop)), PORT
        )
    # Connections of a full table also expire early, so that some may be missing.
    assert UNPRIVILEGED_CONNS * 9 // 10 < opened <= UNPRIVILEGED_CONNS


def configure_conn_max(number: int) -> pylvs.ConfigInfo:
    return configure(conn_max=number)


def test_the_host_itself_has_no_caps_and_a_user_has_the_default_ones(user: Process) -> None:
    with pylvs.Manager() as lvs:
        assert caps(lvs.config()) == (0, 0, 0)
    assert caps(user.call(configure)) == DEFAULT_CAPS


def test_a_user_lowers_the_maximum_and_raises_neither_it_nor_a_cap(user: Process) -> None:
    user.call(add_service, PORT)
    assert user.call(configure_conn_max, UNPRIVILEGED_CONNS).conn_max == UNPRIVILEGED_CONNS
    assert user.call(configure_conn_max, 3).conn_max == 3
    assert user.call(open_connections, range(5000, 5005), PORT)[0] == 3
    before = user.call(configure)

    with pytest.raises(pylvs.Refused) as error:
        user.call(configure_conn_max, UNPRIVILEGED_CONNS + 1)
    assert "the maximum exceeds the hard cap of connections" in str(error.value)
    for numbers in ((0, 0, 0), DEFAULT_CAPS, (1, 1, 1)):
        with pytest.raises(pylvs.NotPermitted) as refused:
            user.call(set_caps, numbers)
        assert str(refused.value) == (
            "a hard cap needs CAP_NET_ADMIN in the initial user namespace"
        )
    with pytest.raises(pylvs.Refused):
        user.call(replace_with_conn_max, UNPRIVILEGED_CONNS + 1)
    assert user.call(configure) == before


def replace_with_conn_max(number: int) -> None:
    with pylvs.Manager() as lvs:
        lvs.replace(pylvs.Ruleset((), pylvs.Config(conn_max=number)))


def test_root_of_the_host_changes_the_caps_of_a_user(user: Process, host: pylvs.Manager) -> None:
    user.call(add_service, PORT)
    host.configure(conn_cap=2)
    assert user.call(open_connections, range(5000, 5005), PORT)[0] == 2
    host.configure(conn_cap=4)
    assert user.call(open_connections, range(5000, 5005), PORT)[0] == 4
    assert user.call(configure_conn_max, 4).conn_max == 4
    with pytest.raises(pylvs.Refused):
        host.configure(conn_max=5)
    host.configure(conn_max=5, conn_cap=0)
    assert user.call(open_connections, range(5000, 5005), PORT)[0] == 5


def test_services_and_real_servers_are_capped_and_room_is_made_by_removing(
    user: Process, host: pylvs.Manager
) -> None:
    host.configure(service_cap=2, real_cap=3)
    user.call(add_service, 1, [REAL, "10.9.9.3"])
    user.call(add_service, 2)
    rules = host.rules()
    with pytest.raises(pylvs.TooMany, match="the hard cap of the namespace allows no further serv"):
        user.call(add_service, 3, [])
    with pytest.raises(pylvs.AlreadyExists):
        user.call(add_service, 2)
    with pytest.raises(pylvs.TooMany, match="the hard cap of the namespace allows no further real"):
        user.call(add_real, 2, "10.9.9.4")
    with pytest.raises(pylvs.TooMany, match="the hard cap of the namespace allows no further real"):
        user.call(replace, {1: 4})
    with pytest.raises(pylvs.TooMany, match="the hard cap of the namespace allows no further serv"):
        user.call(replace, {1: 1, 2: 1, 3: 0})
    assert host.rules() == rules

    user.call(remove_real, 1, "10.9.9.3")
    user.call(add_real, 2, "10.9.9.4")
    with pytest.raises(pylvs.TooMany):
        user.call(add_real, 2, "10.9.9.5")
    user.call(remove_service, 2)
    user.call(add_real, 1, "10.9.9.5")
    user.call(add_real, 1, "10.9.9.6")
    with pytest.raises(pylvs.TooMany):
        user.call(add_service, 3)
    user.call(replace, {1: 1, 2: 2})
    with pytest.raises(pylvs.TooMany):
        user.call(add_real, 2, "10.9.9.9")
    user.call(replace, {})
    user.call(add_service, 3)


def add_real(port: int, address: str) -> None:
    with pylvs.Manager() as lvs:
        service = lvs.service(pylvs.Protocol.UDP, pylvs.Endpoint(VIP, port))
        lvs.add_real(service, f"{address}:{port}", method="nat")


def remove_real(port: int, address: str) -> None:
    with pylvs.Manager() as lvs:
        service = lvs.service(pylvs.Protocol.UDP, pylvs.Endpoint(VIP, port))
        lvs.remove_real(service, f"{address}:{port}")


def remove_service(port: int) -> None:
    with pylvs.Manager() as lvs:
        lvs.remove_service(lvs.service(pylvs.Protocol.UDP, pylvs.Endpoint(VIP, port)))


def replace(reals: dict[int, int]) -> None:
    """Replace the rules by services of these ports, each with a number of real servers."""
    services = tuple(
        pylvs.Service(
            pylvs.Protocol.UDP,
            pylvs.Endpoint(VIP, port),
            "rr",
            tuple(
                pylvs.Real(pylvs.Endpoint(f"10.9.9.{2 + each}", port), 1, pylvs.Method.NAT)
                for each in range(number)
            ),
        )
        for port, number in reals.items()
    )
    with pylvs.Manager() as lvs:
        lvs.replace(pylvs.Ruleset(services))


def test_a_lowered_cap_removes_nothing_and_refuses_what_is_new(
    user: Process, host: pylvs.Manager
) -> None:
    user.call(add_service, 1, [REAL, "10.9.9.3"])
    user.call(add_service, 2)
    rules = host.rules()
    host.configure(conn_cap=1, service_cap=1, real_cap=1)
    assert host.rules() == rules
    with pytest.raises(pylvs.TooMany, match="no further real server"):
        user.call(add_real, 2, "10.9.9.4")


def test_a_new_network_namespace_inherits_the_caps_of_its_creators(
    user: Process, host: pylvs.Manager
) -> None:
    host.configure(conn_cap=50_000, service_cap=3, real_cap=0)
    user.call(unshare, CLONE_NEWNET)
    assert caps(user.call(configure)) == (50_000, 3, 0)


def test_a_user_inherits_a_cap_of_the_host_that_is_lower_than_the_default() -> None:
    with Process() as root:
        root.call(unshare, CLONE_NEWNET)
        assert caps(root.call(configure)) == (0, 0, 0)
        root.call(set_caps, (5, 0, 10**9))
        root.call(unshare, CLONE_NEWNET)
        assert caps(root.call(configure)) == (5, 0, 10**9)
        root.call(unshare, CLONE_NEWUSER | CLONE_NEWNET)
        assert caps(root.call(configure)) == (5, UNPRIVILEGED_SERVICES, UNPRIVILEGED_REALS)


def test_a_rule_set_with_a_hard_cap_is_refused(host: pylvs.Manager) -> None:
    with pytest.raises(pylvs.Refused, match="a hard cap does not belong to a rule set"):
        host.replace(pylvs.Ruleset((), pylvs.Config(conn_cap=7)))
