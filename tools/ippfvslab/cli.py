# SPDX-License-Identifier: GPL-2.0
"""The command line of `tools/lab`: its grammar, its refusals and its exit codes."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from typing import Any, NoReturn

from ippfvslab import log, process

INTERRUPTED = 130
"""The exit code after Ctrl-C."""


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, add_help=False, **options)

    def error(self, message: str) -> NoReturn:
        """Print the error as one sentence, and exit with status 2."""
        print(f"tools/lab: {message}; see: tools/lab help", file=sys.stderr)
        sys.exit(2)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line. The shell script tools/lab prints the help."""
    top = _Parser(prog="tools/lab")
    commands = top.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo")
    demo.add_argument("--method", choices=["nat", "tun", "dr", "local"])
    demo.add_argument("--kernel", default="6.12")
    demo.add_argument("--shell", action="store_true")
    demo.add_argument("--host", action="store_true")
    commands.add_parser("check")
    bench = commands.add_parser("bench")
    bench.add_argument("--quick", action="store_true")
    bench.add_argument("--write", action="store_true")
    bench.add_argument("--of", metavar="JSON")
    bench.add_argument("benchmarks", nargs="*", metavar="BENCHMARK")
    test = commands.add_parser("test")
    test.add_argument("--kernel", action="append")
    test.add_argument("--full", action="store_true")
    test.add_argument("--live-only", action="store_true")
    test.add_argument("-k", dest="expression", metavar="EXPR")
    test.add_argument("files", nargs="*", metavar="FILE")
    return top


def validate() -> int:
    """Validate the arguments and do nothing else. Print the first error; return 0 or 2."""
    args = parser().parse_args()
    try:
        _validate(args)
    except log.LabError as error:
        print(f"tools/lab: {error}", file=sys.stderr)
        return 2
    return 0


def main() -> int:
    """Run the command and return the exit code. Every expected error is printed as one line."""
    args = parser().parse_args()
    process.unwind_on_signals()
    try:
        _validate(args)
        return _run(args)
    except log.LabError as error:
        print(f"tools/lab: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EPIPE):
            raise
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        print(f"tools/lab: cannot write: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("tools/lab: interrupted; no guest, namespace or process is left", file=sys.stderr)
        return INTERRUPTED


def _validate(args: argparse.Namespace) -> None:
    """Raise LabError if the arguments name a benchmark, file or kernel that does not exist."""
    if args.command == "bench":
        from bench import run

        run.validate(args)
    if args.command == "test":
        from ippfvslab import suite

        suite.validate(args)
    if args.command == "demo":
        from ippfvslab import kernels

        kernels.validate(args.kernel, "demo", kernels.STOCK)


def _run(args: argparse.Namespace) -> int:
    if args.command == "demo":
        from ippfvslab import demo

        return demo.main(args)
    if args.command == "check":
        from ippfvslab import check

        return min(check.main(), 1)
    if args.command == "bench":
        from bench import run

        return run.main(args)
    from ippfvslab import suite

    return suite.main(args)
