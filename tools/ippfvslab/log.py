# SPDX-License-Identifier: GPL-2.0
"""The lab's messages to its user: lines, and long steps with their usual duration."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class LabError(Exception):
    """The lab cannot continue. The text tells the user what is wrong and what to do."""


def line(text: str = "") -> None:
    """Print one line immediately."""
    print(text, flush=True)


@contextmanager
def step(what: str, usually: str = "") -> Iterator[None]:
    """Announce a long step, show its progress on a terminal, and print its duration at the end."""
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
