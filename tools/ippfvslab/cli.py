# SPDX-License-Identifier: GPL-2.0
"""The words of `tools/lab`."""

from __future__ import annotations

import argparse
import sys

from ippfvslab import process, say


def parser() -> argparse.ArgumentParser:
    """The grammar of `tools/lab`; the shell entry prints its own help."""
    top = argparse.ArgumentParser(prog="tools/lab")
    words = top.add_subparsers(dest="word", required=True)
    test = words.add_parser("test", help="all tests, on the machine and in guests")
    test.add_argument("--kernel", action="append", choices=["6.1", "6.12", "sanitize"])
    test.add_argument("--live-only", action="store_true")
    test.add_argument("-k", dest="expression", metavar="EXPR")
    test.add_argument("files", nargs="*", metavar="FILE")
    return top


def main() -> int:
    """Do what the words say; every trouble ends as one sentence."""
    words = parser().parse_args()
    process.obey_sigterm()
    try:
        from ippfvslab import suite

        return suite.main(words)
    except say.Trouble as trouble:
        print(f"tools/lab: {trouble}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("tools/lab: interrupted; guests and namespaces are gone", file=sys.stderr)
        return 130
