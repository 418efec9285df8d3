# SPDX-License-Identifier: GPL-2.0
"""Packed rules in the order of their lines, and put in the order of their services; pure."""

from __future__ import annotations

from array import array

_UINT = "I"  # array's code


class Runs:
    """Rules in runs: stretches of lines about one service.

    A service that is left and met again has several runs. The first of them, its
    origin, holds the service itself.
    """

    def __init__(self) -> None:
        self._rules = bytearray()
        self._line_numbers = array(_UINT)
        # Of each run: its origin, its first byte, its first line number.
        self._origins = array(_UINT)
        self._starts = array(_UINT)
        self._firsts = array(_UINT)

    def begin(self) -> int:
        """Begin the first run of a service; return its number."""
        origin = len(self._origins)
        self.resume(origin)
        return origin

    def resume(self, origin: int) -> None:
        """Begin another run of the service whose first is origin."""
        self._origins.append(origin)
        self._starts.append(len(self._rules))
        self._firsts.append(len(self._line_numbers))

    def add(self, rule: bytes, line_number: int) -> None:
        """Add a packed rule to the last run."""
        self._rules += rule
        self._line_numbers.append(line_number)

    def of(self, run: int) -> bytes:
        """Return the rules of one run, without those of its service's other runs."""
        return bytes(self._rules[_extent(self._starts, run)])

    def joined(self) -> tuple[bytearray, array[int]]:
        """Return all rules and their line numbers, each service's runs together.

        Add nothing afterwards: what is returned may be what is kept here.
        """
        runs = range(len(self._origins))
        if self._origins == array(_UINT, runs):
            return self._rules, self._line_numbers
        rules, line_numbers = bytearray(), array(_UINT)
        for run in sorted(runs, key=self._origins.__getitem__):
            rules += self._rules[_extent(self._starts, run)]
            line_numbers += self._line_numbers[_extent(self._firsts, run)]
        return rules, line_numbers


def _extent(starts: array[int], run: int) -> slice:
    return slice(starts[run], starts[run + 1] if run + 1 < len(starts) else None)
