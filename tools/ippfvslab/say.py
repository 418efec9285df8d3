# SPDX-License-Identifier: GPL-2.0
"""What the lab tells its user: steps, how long they usually take, and how a run ended."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Trouble(Exception):
    """The lab cannot go on. The text says why and what to do, for people."""


def line(text: str = "") -> None:
    """One line to the user, at once."""
    print(text, flush=True)


@contextmanager
def step(what: str, usually: str = "") -> Iterator[None]:
    """Announce a long step, tick on a terminal while it lasts, and say how long it took."""
    hint = f" (usually {usually})" if usually else ""
    began = time.monotonic()
    over = threading.Event()
    terminal = sys.stderr.isatty()

    def tick() -> None:
        while not over.wait(1):
            seconds = int(time.monotonic() - began)
            sys.stderr.write(f"\r-- {what}{hint} … {seconds} s ")
            sys.stderr.flush()

    if terminal:
        ticker = threading.Thread(target=tick, daemon=True)
        ticker.start()
    else:
        print(f"-- {what}{hint}", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        over.set()
        if terminal:
            ticker.join()
            sys.stderr.write("\r\033[K")
            seconds = time.monotonic() - began
            print(f"-- {what}: {seconds:.0f} s", file=sys.stderr, flush=True)
