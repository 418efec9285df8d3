# SPDX-License-Identifier: GPL-2.0
"""Hypothesis strategies for rule sets."""

from __future__ import annotations

from hypothesis import strategies as st

from pylvs.endpoint import Endpoint
from pylvs.model import Config, Connection, Method, Protocol, Real, Service, State, Stats
from pylvs.ruleset import Ruleset
from pylvs.uapi import TIMEOUT_MAX_S, WEIGHT_MAX

PORTS = st.integers(0, 65535)
ENDPOINTS_4 = st.builds(Endpoint.unpack, st.binary(min_size=4, max_size=4), PORTS)
ENDPOINTS_6 = st.builds(Endpoint.unpack, st.binary(min_size=16, max_size=16), PORTS)
ENDPOINTS = ENDPOINTS_4 | ENDPOINTS_6
SCHEDULERS = st.sampled_from(["rr", "wrr", "lc", "wlc", "another15chars0"])
WEIGHTS = st.integers(0, WEIGHT_MAX)
METHODS = st.none() | st.sampled_from(Method)


@st.composite
def services(draw: st.DrawFn) -> Service:
    ends = draw(st.sampled_from([ENDPOINTS_4, ENDPOINTS_6]))
    virtual = draw(ends)
    reals = draw(
        st.lists(
            st.builds(Real, ends, WEIGHTS, METHODS),
            max_size=5,
            unique_by=lambda r: (r.endpoint.address, r.endpoint.port or virtual.port),
        )
    )
    return Service(draw(st.sampled_from(Protocol)), virtual, draw(SCHEDULERS), tuple(reals))


TIMEOUTS = st.none() | st.integers(1, TIMEOUT_MAX_S)
CONFIGS = st.builds(
    Config,
    st.none() | st.sampled_from([Method.NAT, Method.TUN, Method.DR]),
    TIMEOUTS,
    TIMEOUTS,
    TIMEOUTS,
    st.none() | st.integers(0, 2**32 - 1),
)
RULESETS = st.builds(
    Ruleset,
    st.lists(services(), max_size=5, unique_by=lambda s: s.key).map(tuple),
    CONFIGS,
)
COUNTS = st.integers(0, 2**64 - 1)
STATS = st.builds(Stats, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
CONNECTIONS = st.builds(
    Connection,
    st.sampled_from(Protocol),
    ENDPOINTS,
    ENDPOINTS,
    ENDPOINTS,
    st.sampled_from(Method),
    st.sampled_from(State),
    st.integers(0, 2**32 - 1).map(lambda ms: ms / 1000),
)
