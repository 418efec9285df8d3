# SPDX-License-Identifier: GPL-2.0
"""The words of `tools/lab`."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from typing import Any, NoReturn

from ippfvslab import process, say

INTERRUPTED = 130
"""The exit code after Ctrl-C."""


class _Parser(argparse.ArgumentParser):
    def __init__(self, **words: Any) -> None:
        super().__init__(allow_abbrev=False, add_help=False, **words)

    def error(self, message: str) -> NoReturn:
        """Print one sentence, as for every other refusal."""
        print(f"tools/lab: {message}; see: tools/lab help", file=sys.stderr)
        sys.exit(2)


def parser() -> argparse.ArgumentParser:
    """The grammar of `tools/lab`; the shell entry prints its own help."""
    top = _Parser(prog="tools/lab")
    words = top.add_subparsers(dest="word", required=True)
    demo = words.add_parser("demo")
    demo.add_argument("--method", choices=["nat", "tun", "dr", "local"])
    demo.add_argument("--kernel", default="6.12")
    demo.add_argument("--shell", action="store_true")
    demo.add_argument("--host", action="store_true")
    words.add_parser("check")
    bench = words.add_parser("bench")
    bench.add_argument("--quick", action="store_true")
    bench.add_argument("--write", action="store_true")
    bench.add_argument("--of", metavar="JSON")
    bench.add_argument("questions", nargs="*", metavar="BENCHMARK")
    test = words.add_parser("test")
    test.add_argument("--kernel", action="append")
    test.add_argument("--full", action="store_true")
    test.add_argument("--live-only", action="store_true")
    test.add_argument("-k", dest="expression", metavar="EXPR")
    test.add_argument("files", nargs="*", metavar="FILE")
    return top


def judge() -> int:
    """Say what is wrong with the words, if anything is, and do nothing else."""
    words = parser().parse_args()
    try:
        _refuse(words)
    except say.Trouble as trouble:
        print(f"tools/lab: {trouble}", file=sys.stderr)
        return 2
    return 0


def main() -> int:
    """Do what the words say; every trouble ends as one sentence."""
    words = parser().parse_args()
    process.obey_sigterm()
    try:
        _refuse(words)
        return _do(words)
    except say.Trouble as trouble:
        print(f"tools/lab: {trouble}", file=sys.stderr)
        return 2
    except OSError as fault:
        if fault.errno not in (errno.ENOSPC, errno.EPIPE):
            raise
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        print(f"tools/lab: cannot write: {fault.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("tools/lab: interrupted; no guest, namespace or process is left", file=sys.stderr)
        return INTERRUPTED


def _refuse(words: argparse.Namespace) -> None:
    """Raise when the words ask for what is not there."""
    if words.word == "bench":
        from bench import run

        run.refuse(words)
    if words.word == "test":
        from ippfvslab import suite

        suite.refuse(words)
    if words.word == "demo":
        from ippfvslab import kernels

        kernels.refuse(words.kernel, "demo", kernels.STOCK)


def _do(words: argparse.Namespace) -> int:
    if words.word == "demo":
        from ippfvslab import demo

        return demo.main(words)
    if words.word == "check":
        from ippfvslab import check

        return min(check.main(), 1)
    if words.word == "bench":
        from bench import run

        return run.main(words)
    from ippfvslab import suite

    return suite.main(words)
