# SPDX-License-Identifier: GPL-2.0
"""TCP states: whole connections as data, and a comparison of the table with simple rules."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylvs.core import (
    HiddenState,
    Side,
    TcpFlags,
    tcp_counts,
    tcp_follow,
    tcp_next,
    tcp_position,
    tcp_reopens,
)
from pylvs.model import State

FIN, SYN, RST, ACK = TcpFlags.FIN, TcpFlags.SYN, TcpFlags.RST, TcpFlags.ACK
SYNACK, FINACK = SYN | ACK, FIN | ACK
PSH, URG, ECE, CWR = 0x08, 0x20, 0x40, 0x80
BARE = TcpFlags(0)

NONE, UDP, CLOSED = State.NONE, State.UDP, State.CLOSED
SENT, RECV, ESTABLISHED = State.SYN_SENT, State.SYN_RECV, State.ESTABLISHED
FIN_WAIT, CLOSE_WAIT = State.FIN_WAIT, State.CLOSE_WAIT
LAST_ACK, TIME_WAIT = State.LAST_ACK, State.TIME_WAIT

HALF_CLOSED, DOUBTFUL = HiddenState.HALF_CLOSED, HiddenState.DOUBTFUL

AnyState = State | HiddenState
TCP_STATES: list[AnyState] = [*(state for state in State if state is not UDP), *HiddenState]
CLIENT, SERVER, ALONE = Side.CLIENT, Side.SERVER, Side.CLIENT_ONLY

Segment = tuple[Side, TcpFlags, AnyState]
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
    ("the client resets a download and every segment of it", NONE, [
        *HANDSHAKE,
        (CLIENT, RST | ACK, CLOSED),
        (SERVER, ACK, CLOSED),
        (CLIENT, RST, CLOSED),
        (SERVER, ACK, CLOSED),
        (CLIENT, RST, CLOSED),
    ]),
    ("the server resets", NONE, [*HANDSHAKE, (SERVER, RST | ACK, CLOSED)]),
    ("the server resets an upload and every segment of it", NONE, [
        *HANDSHAKE,
        (SERVER, RST | ACK, CLOSED),
        (CLIENT, ACK, DOUBTFUL),
        (CLIENT, ACK, DOUBTFUL),
        (SERVER, RST, CLOSED),
        (CLIENT, ACK, DOUBTFUL),
        (SERVER, RST, CLOSED),
    ]),
    ("a reset that no side has accepted", NONE, [
        *HANDSHAKE,
        (CLIENT, RST, CLOSED),
        (SERVER, ACK, CLOSED),
        (CLIENT, ACK, DOUBTFUL),
        (SERVER, ACK, ESTABLISHED),
    ]),
    ("a reset that no side has accepted, then the server closes", NONE, [
        *HANDSHAKE,
        (SERVER, RST, CLOSED),
        (CLIENT, ACK, DOUBTFUL),
        (SERVER, FINACK, CLOSE_WAIT),
        (CLIENT, FINACK, LAST_ACK),
    ]),
    ("the client uses its port again, the server has forgotten", NONE, [
        *HANDSHAKE,
        (CLIENT, FINACK, FIN_WAIT),
        (CLIENT, SYN, FIN_WAIT),
        (SERVER, SYNACK, RECV),
        (CLIENT, ACK, ESTABLISHED),
    ]),
    ("the client uses its port again, the server is half closed", NONE, [
        *HANDSHAKE,
        (SERVER, FINACK, CLOSE_WAIT),
        (CLIENT, SYN, CLOSE_WAIT),
        (SERVER, ACK, CLOSE_WAIT),
        (CLIENT, RST, CLOSED),
    ]),
    ("a forged SYN during a half closed transfer", NONE, [
        *HANDSHAKE,
        (CLIENT, FINACK, FIN_WAIT),
        (SERVER, ACK, FIN_WAIT),
        (CLIENT, SYN, FIN_WAIT),
        (SERVER, ACK, FIN_WAIT),
        (CLIENT, ACK, FIN_WAIT),
        (SERVER, FINACK, LAST_ACK),
        (CLIENT, ACK, TIME_WAIT),
    ]),
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
        (ALONE, ACK, HALF_CLOSED),
        (ALONE, ACK, HALF_CLOSED),
    ]),
    ("one side: a forged SYN during a half closed transfer", NONE, [
        *HANDSHAKE_ALONE,
        (ALONE, FINACK, FIN_WAIT),
        (ALONE, ACK, HALF_CLOSED),
        (ALONE, SYN, SENT),
        (ALONE, ACK, ESTABLISHED),
    ]),
    ("one side: the server challenges a client that uses its port again", NONE, [
        *HANDSHAKE_ALONE,
        (ALONE, FINACK, FIN_WAIT),
        (ALONE, ACK, HALF_CLOSED),
        (ALONE, SYN, SENT),
        (ALONE, RST, CLOSED),
    ]),
    ("one side: a reset that the server has not accepted", NONE, [
        *HANDSHAKE_ALONE,
        (ALONE, RST, CLOSED),
        (ALONE, ACK, DOUBTFUL),
        (ALONE, ACK, ESTABLISHED),
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
def test_a_scenario_ends_in_the_state_that_the_comments_promise(
    state: AnyState, segments: list[Segment]
) -> None:
    for step, (side, flags, expected) in enumerate(segments):
        state = tcp_next(state, side, flags)
        assert state is expected, f"segment {step}: {side.name} {flags!r}"


CLIENT_HAS_CLOSED = {FIN_WAIT, HALF_CLOSED, LAST_ACK}
SERVER_HAS_CLOSED = {CLOSE_WAIT, LAST_ACK}


def naive_next(state: AnyState, side: Side, flags: int) -> AnyState:
    """What the comments say, rule by rule."""
    if flags & RST:
        return CLOSED
    if state is TIME_WAIT:
        return state
    if flags & SYN:
        return naive_syn(state, side)
    if state in (CLOSED, DOUBTFUL):
        return naive_life(state, side, flags)
    if state is NONE:
        state = ESTABLISHED
    if flags & FIN:
        return naive_fin(state, side)
    if flags & ACK:
        return naive_ack(state, side)
    return state


def naive_syn(state: AnyState, side: Side) -> AnyState:
    if state in (CLOSED, DOUBTFUL):
        return state
    if side is SERVER:
        return state if state is ESTABLISHED else RECV
    if side is ALONE and state is HALF_CLOSED:
        return SENT
    return SENT if state is NONE else state


def naive_life(state: AnyState, side: Side, flags: int) -> AnyState:
    """After a reset: only the answer to a client that still sends shows that it was ignored."""
    if not flags & (FIN | ACK):
        return state
    if state is CLOSED:
        return CLOSED if side is SERVER else DOUBTFUL
    if side is CLIENT:
        return DOUBTFUL
    if flags & FIN:
        return CLOSE_WAIT if side is SERVER else FIN_WAIT
    return ESTABLISHED


def naive_fin(state: AnyState, side: Side) -> AnyState:
    client = side is not SERVER or state in CLIENT_HAS_CLOSED
    server = side is SERVER or state in SERVER_HAS_CLOSED
    if client and server:
        return LAST_ACK
    if state is HALF_CLOSED:
        return state
    return FIN_WAIT if client else CLOSE_WAIT


def naive_ack(state: AnyState, side: Side) -> AnyState:
    if state is LAST_ACK:
        return TIME_WAIT
    if state is RECV and side is not SERVER:
        return ESTABLISHED
    if state is SENT and side is ALONE:
        return ESTABLISHED
    if state is FIN_WAIT and side is ALONE:
        return HALF_CLOSED
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


@pytest.mark.parametrize("idle", [False, True])
@pytest.mark.parametrize("side", [CLIENT, ALONE])
def test_only_a_plain_syn_on_a_closed_entry_reopens(side: Side, *, idle: bool) -> None:
    closed: set[AnyState] = {TIME_WAIT, CLOSED, DOUBTFUL}
    if side is ALONE:
        closed |= {FIN_WAIT, HALF_CLOSED} if idle else {FIN_WAIT}
    for state, flags in itertools.product([*State, *HiddenState], range(256)):
        plain_syn = flags & (SYN | ACK | RST | FIN) == SYN
        expected = plain_syn and (state in closed or (state is HALF_CLOSED and idle))
        assert tcp_reopens(state, side, flags, idle=idle) is expected, (state, flags)


# The position: the client's sequence number in units of 64 KB.

MB = 1 << 20
FAR = 2000 * MB
POSITIONS = st.integers(0, 0xFFFF)


def moved(position: int, by: int) -> int:
    return (position + (by >> 16)) & 0xFFFF


def naive_distance(a: int, b: int) -> int:
    return min((a - b) % 65536, (b - a) % 65536)


def naive_follow(state: AnyState, side: Side, flags: int, position: int, seen: int) -> int:
    distance = naive_distance(position, seen)
    handshake = state in (NONE, SENT)
    if distance <= 16:
        return position
    if side is SERVER:
        return seen if flags & ACK and not flags & RST else position
    if handshake or (side is ALONE and distance <= 256):
        return seen
    return position


def naive_counts(state: AnyState, side: Side, flags: int, position: int, seen: int) -> bool:
    changes = tcp_next(state, side, flags) is not state
    if side is SERVER or state in (NONE, SENT, RECV):
        return True
    if flags & SYN:
        return changes
    return not changes or naive_distance(position, seen) <= 256


SEGMENTS = st.tuples(
    st.sampled_from(TCP_STATES), st.sampled_from(Side), st.integers(0, 255), POSITIONS
)
DISTANCES = st.one_of(st.integers(-300, 300), POSITIONS)


@given(segment=SEGMENTS, distance=DISTANCES)
def test_position_follows_as_its_twin(
    segment: tuple[AnyState, Side, int, int], distance: int
) -> None:
    state, side, flags, position = segment
    seen = (position + distance) & 0xFFFF
    found = tcp_follow(state, side, flags, position, seen)
    assert found == naive_follow(state, side, flags, position, seen)


@given(segment=SEGMENTS, distance=DISTANCES)
def test_segments_count_as_for_the_twin(
    segment: tuple[AnyState, Side, int, int], distance: int
) -> None:
    state, side, flags, position = segment
    seen = (position + distance) & 0xFFFF
    found = tcp_counts(state, side, flags, position, seen)
    assert found is naive_counts(state, side, flags, position, seen)


@pytest.mark.parametrize("side", [CLIENT, ALONE])
@pytest.mark.parametrize("flags", [RST, RST | ACK, FIN, FINACK])
@given(position=POSITIONS, distance=st.integers(-FAR, FAR))
def test_a_far_segment_of_the_client_neither_closes_nor_resets(
    side: Side, flags: TcpFlags, position: int, distance: int
) -> None:
    seen = moved(position, distance)
    near = naive_distance(position, seen) <= 256
    assert tcp_counts(ESTABLISHED, side, flags, position, seen) is near


@pytest.mark.parametrize("flags", [SYN, SYN | ACK])
@pytest.mark.parametrize("state", [ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK])
@given(position=POSITIONS, seen=POSITIONS)
def test_a_syn_on_a_known_connection_does_not_count(
    state: State, flags: TcpFlags, position: int, seen: int
) -> None:
    assert not tcp_counts(state, CLIENT, flags, position, seen)


@given(start=st.integers(0, 0xFFFFFFFF), steps=st.lists(st.integers(1, 4 * MB), max_size=40))
def test_a_reset_counts_wherever_an_upload_ends(start: int, steps: list[int]) -> None:
    """With two sides the position follows the server, otherwise the client."""
    for sides in ((SERVER, CLIENT), (ALONE, ALONE)):
        sequence, position = start, tcp_position(start)
        for step in steps:
            sequence += step
            position = tcp_follow(ESTABLISHED, sides[0], ACK, position, tcp_position(sequence))
        assert tcp_counts(ESTABLISHED, sides[1], RST, position, tcp_position(sequence + 8 * MB))


@given(position=POSITIONS, seen=POSITIONS, flags=st.integers(0, 255))
def test_a_forged_segment_moves_no_position_that_the_server_tells(
    position: int, seen: int, flags: int
) -> None:
    for state in (ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, CLOSED):
        assert tcp_follow(state, CLIENT, flags, position, seen) == position
