# SPDX-License-Identifier: GPL-2.0
"""`tools/lab test`: every test at its place, and one sum at the end."""

from __future__ import annotations

import argparse
import re
import shlex
from collections import Counter

from ippfvslab import guest, kernels, module, say

LIVE_LIMIT_S = 1800


def main(words: argparse.Namespace) -> int:
    total: Counter[str] = Counter()
    faults = 0
    for name in words.kernel or kernels.NAMES:
        outcome = live(name, words)
        total += counts(outcome.output)
        faults += report(name, outcome)
    say.line(closing(total, faults))
    return 1 if faults or not total["passed"] or set(total) - {"passed"} else 0


def live(name: str, words: argparse.Namespace) -> guest.Outcome:
    kernel = kernels.get(name)
    ko = module.build(kernel)
    arguments = ["-p", "no:cacheprovider", "-q", *(words.files or ["tests/live"])]
    if words.expression:
        arguments += ["-k", words.expression]
    script = f"$PYTHON -m pytest {shlex.join(arguments)}"
    say.line(f"== live tests on Linux {kernel.release} ({name})")
    return guest.run(kernel, ko, guest.Job("test", script, LIVE_LIMIT_S), say.line)


def report(name: str, outcome: guest.Outcome) -> int:
    for fault in outcome.faults:
        say.line(f"!! {name}: {fault.what}\n{fault.context}")
    if outcome.status is None or outcome.faults:
        say.line(f"!! {name}: everything the run left is in {outcome.folder}")
    say.line(f"== {name}: {outcome.seconds:.0f} s")
    return len(outcome.faults) + (outcome.status is None)


def counts(output: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in reversed(output.splitlines()):
        if re.search(r"\d+ (passed|failed|error)", line):
            for number, word in re.findall(r"(\d+) (passed|failed|errors?|skipped|x\w+)", line):
                found[word.rstrip("s") if word.startswith("error") else word] += int(number)
            break
    return found


def closing(total: Counter[str], faults: int) -> str:
    failed = total["failed"] + total["error"] + faults
    return f"{total['passed']} passed, {failed} failed"
