# SPDX-License-Identifier: GPL-2.0
"""`tools/lab test`: every test at its place, and one sum at the end."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import time
from collections import Counter

from ippfvslab import check, guest, kernels, module, nginx, paths, process, say

LIVE_LIMIT_S = 1800
TEST_LIMIT_S = 600
# Plugins that guests do not need cost seconds to import there.
_PLUGINS = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
_WORDS = re.compile(r"(\d+) (passed|failed|error|skipped|xfailed|xpassed)")


def refuse(words: argparse.Namespace) -> None:
    """Raise when a file is no live test."""
    for file in words.files:
        found = (paths.TREE / file.partition("::")[0]).resolve()
        if not found.exists():
            raise say.Trouble(f"there is no {file}; give files of tests/live")
        if not found.is_relative_to(paths.TREE / "tests/live"):
            raise say.Trouble(f"{file} is no live test; give files of tests/live")


def main(words: argparse.Namespace) -> int:
    """Run what was asked for; 0 only when something passed and nothing else happened."""
    began = time.monotonic()
    _refuse_expression(words)
    sums: dict[str, Counter[str]] = {}
    if not words.live_only and not words.kernel:
        sums["checks"] = _checks()
        sums["on this machine"] = _here()
    nginx.program()
    for name in words.kernel or kernels.NAMES:
        sums[f"live, {name}"] = _live(name, words)
    return _conclude(sums, time.monotonic() - began)


def _refuse_expression(words: argparse.Namespace) -> None:
    """Raise when no live test matches: a guest takes minutes to find that out."""
    if not words.expression:
        return
    select = ["--collect-only", "-q", "-k", words.expression, *(words.files or ["tests/live"])]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *_PLUGINS, *select],
        cwd=paths.TREE,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr + done.stdout).strip().splitlines()
        why = next((line for line in said if line.startswith("ERROR: ")), "no live test matches")
        raise say.Trouble(f"-k {words.expression}: {why.removeprefix('ERROR: ')}")


def _conclude(sums: dict[str, Counter[str]], seconds: float) -> int:
    total: Counter[str] = Counter()
    say.line()
    for what, each in sums.items():
        say.line(f"{what:20} " + ", ".join(f"{each[word]} {word}" for word in sorted(each)))
        total += each
    bad = total.total() - total["passed"]
    say.line(f"in {seconds / 60:.0f} minutes")
    say.line(f"{total['passed']} passed, {bad} failed")
    return 0 if total["passed"] and not bad else 1


def _checks() -> Counter[str]:
    say.line("== checks")
    findings = check.main()
    return Counter(passed=len(check.CHECKS)) if not findings else Counter(failed=findings)


def _here() -> Counter[str]:
    """The pure and unit tests, on this machine."""
    say.line("== pure and unit tests, on this machine")
    tests = ["tests/core", "tests/unit", "tests/uapi"]
    output: list[str] = []
    child = subprocess.Popen(
        process.cage([sys.executable, "-m", "pytest", "-q", *tests]),
        cwd=paths.TREE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=process.die_with_parent,
    )
    try:
        assert child.stdout
        for text in child.stdout:
            say.line(text.rstrip("\n"))
            output.append(text)
        return _counts("".join(output), child.wait())
    finally:
        child.kill()
        child.wait()


def _live(name: str, words: argparse.Namespace) -> Counter[str]:
    """The live tests, in a guest that boots the kernel NAME."""
    kernel = kernels.get(name)
    ko = module.build(kernel)
    module.compile_tree()
    arguments = [*_PLUGINS, "-o", f"timeout={TEST_LIMIT_S}", "-q", *(words.files or ["tests/live"])]
    if words.expression:
        arguments += ["-k", words.expression]
    script = f"$PYTHON -m pytest {shlex.join(arguments)}"
    say.line(f"== live tests on Linux {kernel.release} ({name}): half a minute to boot")
    outcome = guest.run(kernel, ko, guest.Job("test", script, LIVE_LIMIT_S), say.line)
    for fault in outcome.faults:
        say.line(f"!! {name}: {fault.what}\n{fault.context}")
    if outcome.status or outcome.faults:
        say.line(f"!! {name}: what the run left is in {outcome.folder}")
    say.line(f"== {name}: {outcome.seconds:.0f} s")
    status = 1 if outcome.status is None else outcome.status
    return _counts(outcome.output, status) + Counter(kernel=len(outcome.faults))


def _counts(output: str, status: int) -> Counter[str]:
    """What pytest's closing line says; a run that failed without saying so is an error."""
    found: Counter[str] = Counter()
    for line in reversed(output.splitlines()):
        if re.search(r"\d+ (passed|failed|error)\b.* in [\d.]+s|no tests ran", line):
            found.update({word: int(number) for number, word in _WORDS.findall(line)})
            break
    if status and not found.total() - found["passed"]:
        found["error"] += 1
    return found
