# SPDX-License-Identifier: GPL-2.0
"""Which way a new connection goes: by the shortcut, or through the stack to LOCAL_IN."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ippfvslab import talk
from ippfvslab.farm import Farm

from tests.live.helpers.lookups import Lookups

if TYPE_CHECKING:
    import pylvs

LONG, SHORT = "long", "short"
PORT = 7
WARMING = 12
"""So many connections at most until routes are at rest."""


@dataclass(frozen=True)
class Ways:
    """UDP connections from the router to the director of the NAT farm, one after the other."""

    farm: Farm
    lvs: pylvs.Manager
    lookups: Lookups

    def new(
        self,
        count: int,
        vip: str = "",
        prepare: Callable[[socket.socket], object] = lambda sock: None,
    ) -> list[str]:
        """Make COUNT connections that are answered; the way of each."""
        return [way for way, _ in self.answered(count, vip, prepare)]

    def answered(
        self,
        count: int,
        vip: str = "",
        prepare: Callable[[socket.socket], object] = lambda sock: None,
    ) -> list[tuple[str, str]]:
        """Make COUNT connections; the way of each and who answered it."""
        return [self._one(vip or self.farm.vip, prepare) for _ in range(count)]

    def warm(self) -> None:
        """The shortcut is taken, once a packet has come the long way.

        IPv6 may still be changing a route after an address has come or gone; each change makes
        one packet come the long way again.
        """
        ways = self.new(2)
        while ways[-1] != SHORT and len(ways) < WARMING:
            time.sleep(0.1)
            ways += self.new(1)
        assert ways[-1] == SHORT, ways

    def _one(self, vip: str, prepare: Callable[[socket.socket], object]) -> tuple[str, str]:
        before = self.lvs.stats().connections
        with talk.connect(self.farm.hosts["router"], "udp", vip, PORT) as sock:
            prepare(sock)
            with self.lookups.counted(sock.getsockname()[0], vip) as devices:
                who = talk.who(sock)
        assert self.lvs.stats().connections == before + 1
        return LONG if devices else SHORT, who
