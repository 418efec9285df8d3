# SPDX-License-Identifier: GPL-2.0
"""TCP states: whole connections as data, and a comparison of the table with simple rules."""

from __future__ import annotations

import itertools

import pytest

from pylvs.core import Side, TcpFlags, tcp_next, tcp_reopens
from pylvs.model import State

FIN, SYN, RST, ACK = TcpFlags.FIN, TcpFlags.SYN, TcpFlags.RST, TcpFlags.ACK
SYNACK, FINACK = SYN | ACK, FIN | ACK
PSH, URG, ECE, CWR = 0x08, 0x20, 0x40, 0x80
BARE = TcpFlags(0)

NONE, UDP, CLOSED = State.NONE, State.UDP, State.CLOSED
SENT, RECV, ESTABLISHED = State.SYN_SENT, State.SYN_RECV, State.ESTABLISHED
FIN_WAIT, CLOSE_WAIT = State.FIN_WAIT, State.CLOSE_WAIT
LAST_ACK, TIME_WAIT = State.LAST_ACK, State.TIME_WAIT

TCP_STATES = [state for state in State if state is not UDP]
CLIENT, SERVER, ALONE = Side.CLIENT, Side.SERVER, Side.CLIENT_ONLY

Segment = tuple[Side, TcpFlags, State]
HANDSHAKE: list[Segment] = [
    (CLIENT, SYN, SENT),
    (SERVER, SYNACK, RECV),
    (CLIENT, ACK, ESTABLISHED),
]
HANDSHAKE_ALONE: list[Segment] = [(ALONE, SYN, SENT), (ALONE, ACK, ESTABLISHED)]

# The name, the initial state, and for each segment: its sender, its flags, the state after it.
SCENARIOS: list[tuple[str, State, list[Segment]]] = [
    ("the client closes first", NONE, [
        *HANDSHAKE,
        (CLIENT, ACK, ESTABLISHED),
        (SERVER, ACK, ESTABLISHED),
        (CLIENT, FINACK, FIN_WAIT),
        (SERVER, ACK, FIN_WAIT),
        (SERVER, FINACK, LAST_ACK),
        (CLIENT, ACK, TIME_WAIT),
    ]),
    ("the server closes first", NONE, [
        *HANDSHAKE,
        (SERVER, FINACK, CLOSE_WAIT),
        (CLIENT, ACK, CLOSE_WAIT),
        (CLIENT, FINACK, LAST_ACK),
        (SERVER, ACK, TIME_WAIT),
    ]),
    ("half closed, the server goes on sending", NONE, [
        *HANDSHAKE,
        (CLIENT, FINACK, FIN_WAIT),
        (SERVER, ACK, FIN_WAIT),
        (CLIENT, ACK, FIN_WAIT),
        (SERVER, ACK, FIN_WAIT),
    ]),
    ("both close at once", NONE, [
        *HANDSHAKE,
        (CLIENT, FINACK, FIN_WAIT),
        (SERVER, FINACK, LAST_ACK),
        (CLIENT, ACK, TIME_WAIT),
        (SERVER, ACK, TIME_WAIT),
    ]),
    ("everything is sent twice", NONE, [
        (CLIENT, SYN, SENT),
        (CLIENT, SYN, SENT),
        (SERVER, SYNACK, RECV),
        (CLIENT, SYN, RECV),
        (SERVER, SYNACK, RECV),
        (CLIENT, ACK, ESTABLISHED),
        (SERVER, SYNACK, ESTABLISHED),
        (CLIENT, FINACK, FIN_WAIT),
        (CLIENT, FINACK, FIN_WAIT),
        (SERVER, FINACK, LAST_ACK),
        (SERVER, FINACK, LAST_ACK),
        (CLIENT, ACK, TIME_WAIT),
        (SERVER, FINACK, TIME_WAIT),
        (CLIENT, ACK, TIME_WAIT),
    ]),
    ("refused", NONE, [(CLIENT, SYN, SENT), (SERVER, RST | ACK, CLOSED)]),
    ("the client resets", NONE, [*HANDSHAKE, (CLIENT, RST, CLOSED), (SERVER, ACK, CLOSED)]),
    ("the server resets", NONE, [*HANDSHAKE, (SERVER, RST | ACK, CLOSED)]),
    ("an ACK flood makes nothing active", NONE, [
        (CLIENT, SYN, SENT),
        (CLIENT, ACK, SENT),
        (CLIENT, ACK, SENT),
    ]),
    ("the server closes before the handshake ends", NONE, [
        (CLIENT, SYN, SENT),
        (SERVER, SYNACK, RECV),
        (SERVER, FINACK, CLOSE_WAIT),
        (CLIENT, FINACK, LAST_ACK),
        (SERVER, ACK, TIME_WAIT),
    ]),
    ("a stray SYN is answered by a challenge, then reset", NONE, [
        *HANDSHAKE,
        (CLIENT, SYN, ESTABLISHED),
        (SERVER, ACK, ESTABLISHED),
        (CLIENT, RST, CLOSED),
    ]),
    ("taken over in mid-flow by the client's ACK", NONE, [(CLIENT, ACK, ESTABLISHED)]),
    ("taken over in mid-flow by the server's data", NONE, [(SERVER, ACK, ESTABLISHED)]),
    ("taken over at the client's FIN", NONE, [
        (CLIENT, FINACK, FIN_WAIT),
        (SERVER, FINACK, LAST_ACK),
        (CLIENT, ACK, TIME_WAIT),
    ]),
    ("taken over at the reset", NONE, [(SERVER, RST, CLOSED)]),
    ("one side: the client closes", NONE, [
        *HANDSHAKE_ALONE,
        (ALONE, ACK, ESTABLISHED),
        (ALONE, FINACK, FIN_WAIT),
        (ALONE, ACK, FIN_WAIT),
        (ALONE, ACK, FIN_WAIT),
    ]),
    ("one side: the server closes, unseen, then the client", NONE, [
        *HANDSHAKE_ALONE,
        (ALONE, ACK, ESTABLISHED),
        (ALONE, FINACK, FIN_WAIT),
    ]),
    ("one side: the client resets", NONE, [*HANDSHAKE_ALONE, (ALONE, RST, CLOSED)]),
    ("one side: never answered", NONE, [(ALONE, SYN, SENT), (ALONE, SYN, SENT)]),
    ("one side: taken over in mid-flow", NONE, [(ALONE, ACK, ESTABLISHED)]),
    ("one side: goes on where both were seen", RECV, [(ALONE, ACK, ESTABLISHED)]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("state", "segments"), [s[1:] for s in SCENARIOS], ids=[s[0] for s in SCENARIOS]
)
def test_scenario(state: State, segments: list[Segment]) -> None:
    for step, (side, flags, expected) in enumerate(segments):
        state = tcp_next(state, side, flags)
        assert state is expected, f"segment {step}: {side.name} {flags!r}"


CLIENT_HAS_CLOSED = {FIN_WAIT, LAST_ACK}
SERVER_HAS_CLOSED = {CLOSE_WAIT, LAST_ACK}


def naive_next(state: State, side: Side, flags: int) -> State:
    """Return the state after a segment by the rules in tcp_state.h, one by one."""
    if flags & RST:
        return CLOSED
    if state in (TIME_WAIT, CLOSED):
        return state
    if flags & SYN:
        return naive_syn(state, side)
    if state is NONE:
        state = ESTABLISHED
    if flags & FIN:
        return naive_fin(state, side)
    if flags & ACK:
        return naive_ack(state, side)
    return state


def naive_syn(state: State, side: Side) -> State:
    if side is SERVER:
        return RECV if state in (NONE, SENT) else state
    return SENT if state is NONE else state


def naive_fin(state: State, side: Side) -> State:
    client = side is not SERVER or state in CLIENT_HAS_CLOSED
    server = side is SERVER or state in SERVER_HAS_CLOSED
    if client and server:
        return LAST_ACK
    return FIN_WAIT if client else CLOSE_WAIT


def naive_ack(state: State, side: Side) -> State:
    if state is LAST_ACK:
        return TIME_WAIT
    if state is RECV and side is not SERVER:
        return ESTABLISHED
    if state is SENT and side is ALONE:
        return ESTABLISHED
    return state


@pytest.mark.parametrize("side", Side)
def test_every_cell_of_the_table(side: Side) -> None:
    for state, flags in itertools.product(TCP_STATES, range(256)):
        expected = naive_next(state, side, flags)
        assert tcp_next(state, side, flags) is expected, (state, side, flags)


@pytest.mark.parametrize("side", Side)
def test_other_flags_mean_nothing(side: Side) -> None:
    for state, flags in itertools.product(TCP_STATES, range(256)):
        plain = flags & ~(PSH | URG | ECE | CWR)
        assert tcp_next(state, side, flags) is tcp_next(state, side, plain)


@pytest.mark.parametrize("side", Side)
def test_an_ack_changes_nothing_in_established(side: Side) -> None:
    assert tcp_next(ESTABLISHED, side, ACK | PSH) is ESTABLISHED


@pytest.mark.parametrize("side", Side)
def test_states_that_are_not_tcp_stay(side: Side) -> None:
    for flags in range(256):
        assert tcp_next(UDP, side, flags) is UDP


def test_only_a_plain_syn_on_a_closing_entry_reopens() -> None:
    closing = {FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSED}
    for state, flags in itertools.product(State, range(256)):
        plain_syn = flags & (SYN | ACK | RST | FIN) == SYN
        assert tcp_reopens(state, flags) is (plain_syn and state in closing), (state, flags)
