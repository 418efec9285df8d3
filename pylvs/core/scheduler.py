# SPDX-License-Identifier: GPL-2.0
"""The schedulers, each with a farm that it schedules for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ._built import ffi, lib

WEIGHT_MAX: int = lib.IPPFVS_WEIGHT_MAX
REALS_MAX: int = lib.IPPFVS_REALS_MAX


def schedulers() -> list[str]:
    """Return the names of all schedulers."""
    return list(_names())


def _names() -> Iterator[str]:
    index = 0
    while lib.ippfvs_schedulers[index] != ffi.NULL:
        yield ffi.string(lib.ippfvs_schedulers[index].name).decode()
        index += 1


class Scheduler:
    """A scheduler with the farm that it schedules for.

    Real servers are named by their index in the weights. The farm remembers each
    one's connections, as the director does, because some schedulers look at them.

    :param name: one of :func:`schedulers`
    :param weights: of the real servers, 0 to WEIGHT_MAX; 0 takes no connection
    :param ticket: where round robin begins
    :raises ValueError: no such scheduler, a weight out of range, too many servers
    """

    def __init__(self, name: str, weights: Sequence[int], ticket: int = 0) -> None:
        self._ops = lib.ippfvs_sched_lookup(name.encode())
        if self._ops == ffi.NULL:
            raise ValueError(f"no scheduler {name!r}; there are {', '.join(schedulers())}")
        self.name = name
        self._loads = ffi.new("struct ippfvs_load[]", 0)
        self._flow = ffi.new("struct ippfvs_flow *")
        self._publish(tuple(weights), ticket)

    def __repr__(self) -> str:
        return f"Scheduler({self.name!r}, {list(self.weights)})"

    def __len__(self) -> int:
        return len(self.weights)

    def _publish(self, weights: tuple[int, ...], ticket: int) -> None:
        """Make view and state anew; servers that stay keep their connections."""
        for weight in weights:
            if not 0 <= weight <= WEIGHT_MAX:
                raise ValueError(f"weight {weight}: from 0 to {WEIGHT_MAX}")
        if len(weights) > REALS_MAX:
            raise ValueError(f"{len(weights)} real servers: at most {REALS_MAX}")

        loads = ffi.new("struct ippfvs_load[]", len(weights))
        stay = min(len(loads), len(self._loads))
        loads[0:stay] = list(self._loads[0:stay])
        reals = ffi.new("struct ippfvs_sched_real[]", len(weights))
        for index, weight in enumerate(weights):
            reals[index].load = ffi.addressof(loads, index)
            reals[index].weight = weight

        self.weights = weights
        self._loads = loads
        self._reals = reals
        self._view = ffi.new("struct ippfvs_sched_view *", {"real": reals, "n": len(weights)})
        self._state = self._new_state()
        self._ops.init(self._view, self._state, ticket)

    def _new_state(self) -> Any:
        """Return room for the state, aligned for any type, of exactly its size."""
        size = self._ops.state_size(len(self.weights))
        return ffi.new("char[]", size) if size else ffi.NULL

    @property
    def ticket(self) -> int:
        """How far round robin has come; 0 for schedulers that know no turns."""
        return int(self._ops.cursor(self._state)) if self._ops.cursor != ffi.NULL else 0

    def reweigh(self, weights: Sequence[int]) -> None:
        """Change the weights, or add and remove servers at the end.

        Round robin goes on where it was, servers that stay keep their connections.
        """
        self._publish(tuple(weights), self.ticket)

    def pick(self, hash: int = 0) -> int:
        """Return the real server for the next connection; it is not yet counted.

        :param hash: of the client's address and port, for schedulers that use it
        :raises LookupError: no real server takes connections
        """
        self._flow.hash = hash
        index: int = self._ops.pick(self._view, self._state, self._flow)
        if index < 0:
            raise LookupError("no real server takes connections")
        return index

    def picks(self, count: int) -> list[int]:
        """Return the next real servers, none of their connections counted."""
        return [self.pick() for _ in range(count)]

    def active(self, index: int) -> int:
        """Return the established connections of a real server."""
        return int(self._loads[index].counts.value >> 32)

    def inactive(self, index: int) -> int:
        """Return all its other connections."""
        return int(self._loads[index].counts.value & 0xFFFFFFFF)

    def opened(self, index: int, *, active: bool = False) -> None:
        """Count a new connection, which is inactive until it is established."""
        self._change(index, active=int(active), inactive=int(not active))

    def established(self, index: int) -> None:
        """An inactive connection becomes active."""
        self._change(index, active=1, inactive=-1)

    def closing(self, index: int) -> None:
        """An active connection becomes inactive: a FIN was seen."""
        self._change(index, active=-1, inactive=1)

    def closed(self, index: int, *, active: bool = False) -> None:
        """A connection is gone."""
        self._change(index, active=-int(active), inactive=-int(not active))

    def load(self, index: int, *, active: int, inactive: int) -> None:
        """Say how many connections a real server has, at most 2^31 - 1 of each."""
        if not (0 <= active < 1 << 31 and 0 <= inactive < 1 << 31):
            raise ValueError(f"real server {index} has no such connection")
        self._loads[index].counts.value = active << 32 | inactive
        if self._ops.changed != ffi.NULL:
            self._ops.changed(self._view, self._state, index)

    def _change(self, index: int, active: int, inactive: int) -> None:
        self.load(
            index,
            active=self.active(index) + active,
            inactive=self.inactive(index) + inactive,
        )
