# SPDX-License-Identifier: GPL-2.0
"""`tools/lab test`: every test in its place, several guests at a time, and one sum at the end."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

from ippfvslab import check, guest, kernels, module, nginx, paths, process, say

LIVE = "tests/live"
SMOKE = f"{LIVE}/test_smoke.py"
REFUSAL = f"{LIVE}/test_refusal.py"
FAULTS = (f"{LIVE}/test_no_memory.py", f"{LIVE}/test_reallocation.py")
"""What only a kernel with fault injection can run."""
UNSAFE = "newest-rt"
"""The kernel on which the module must refuse to load."""
DEFAULT = ("sanitize", "races", "6.1", "6.12", "newest")
SIDE_BY_SIDE = 2
"""Guests at a time: those of the live tests wait for most of their time."""
LIVE_LIMIT_S = 2400
TEST_LIMIT_S = 600
# Plugins that guests do not need cost seconds to import there.
_PLUGINS = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
_WORDS = re.compile(r"(\d+) (passed|failed|error|skipped|xfailed|xpassed)")
Sum = Counter[str]


@dataclass(frozen=True)
class Part:
    """What one guest runs."""

    kernel: str
    files: tuple[str, ...]
    what: str
    """What the files are, for the first line of a run."""
    share: str = ""
    """Which of several guests with the same kernel it is."""
    refused: bool = False
    """Whether the module must refuse this kernel, so that the guest does not load it first."""

    @property
    def title(self) -> str:
        """The name of the guest in the output."""
        return f"{self.kernel} {self.share}".strip()


def refuse(words: argparse.Namespace) -> None:
    """Raise when a word names no kernel or no live test."""
    for file in words.files:
        found = (paths.TREE / file.partition("::")[0]).resolve()
        if not found.exists():
            raise say.Trouble(f"there is no file {file}; name files of {LIVE}")
        if not found.is_relative_to(paths.TREE / LIVE):
            raise say.Trouble(f"{file} is no live test; name files of {LIVE}")
    for word in words.kernel or []:
        kernels.refuse(word, "test")
    if words.full and (words.kernel or words.files or words.expression):
        raise say.Trouble(
            "--full runs every test on every kernel; leave it out, or --kernel, -k and the files"
        )


def main(words: argparse.Namespace) -> int:
    """Run what was asked for; 0 only if something passed and nothing else happened."""
    began = time.monotonic()
    names = [kernels.resolve(word) for word in words.kernel or []]
    _refuse_expression(words)
    parts = _plan(names, words)
    here = not (words.live_only or names or words.files or words.expression)
    say.line(_announce(parts, here))
    nginx.program()
    module.compile_tree()
    jobs = {part.title: _guest(part, words.expression) for part in parts}
    if here:
        # Behind the first guest, which may have to wait for its kernel to be built.
        first = next(iter(jobs))
        jobs = {first: jobs.pop(first), "checks": _checks, "on this machine": _here, **jobs}
    return _conclude(_side_by_side(jobs), time.monotonic() - began)


def _plan(names: Sequence[str], words: argparse.Namespace) -> list[Part]:
    """The parts of a run: those that take longest first."""
    if words.files or words.expression:
        files = words.files or [LIVE]
        homes = dict.fromkeys(names, files) or {
            home: [file for file in files if _home(file) == home] for home in map(_home, files)
        }
        return [
            Part(name, tuple(mine), "these live tests", refused=name == UNSAFE)
            for name, mine in homes.items()
        ]
    if words.full:
        names = [*reversed(kernels.USER_MODE), *kernels.STOCK]
    return [part for name in names or DEFAULT for part in _parts(name)]


def _home(file: str) -> str:
    """The kernel on which the tests of FILE run if the user names none."""
    if file.startswith(REFUSAL):
        return UNSAFE
    return "races" if file.startswith(f"{LIVE}/test_races") else "sanitize"


def _parts(name: str) -> list[Part]:
    """The parts that test the kernel NAME."""
    if name == UNSAFE:
        return [Part(name, (REFUSAL,), "the refusal to load", refused=True)]
    if name in kernels.STOCK:
        return [Part(name, (SMOKE,), "smoke tests")]
    races = _files("test_races*.py")
    if name == "races":
        return [Part(name, races, "tests of races")]
    # The same build as for races, which has two CPUs for them.
    elsewhere = {REFUSAL, *(races if name == "sanitize" else FAULTS)}
    files = [file for file in _files("test_*.py") if file not in elsewhere]
    return [
        Part(name, tuple(files[half::2]), "all live tests", f"{half + 1}/2") for half in range(2)
    ]


def _files(pattern: str) -> tuple[str, ...]:
    found = (paths.TREE / LIVE).glob(pattern)
    return tuple(sorted(str(file.relative_to(paths.TREE)) for file in found))


def _announce(parts: Sequence[Part], here: bool) -> str:
    """One line that says what runs where, and why there."""
    where: dict[str, list[str]] = {}
    for kernel, what in {part.kernel: part.what for part in parts}.items():
        where.setdefault(what, []).append(kernel)
    listed = "; ".join(f"{what} on {', '.join(names)}" for what, names in where.items())
    if not here:
        return f"-- {listed}"
    return (
        f"-- checks and host tests here; {listed} "
        "(sanitize: every checker; races: the same, two CPUs; stock kernels: emulated, slow)"
    )


def _refuse_expression(words: argparse.Namespace) -> None:
    """Raise when no live test matches: a guest takes minutes to find that out."""
    if not words.expression:
        return
    select = ["--collect-only", "-q", "-k", words.expression, *(words.files or [LIVE])]
    done = subprocess.run(
        process.cage([sys.executable, "-m", "pytest", *_PLUGINS, *select]),
        preexec_fn=process.die_with_parent,
        cwd=paths.TREE,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr + done.stdout).strip().splitlines()
        why = next((line for line in said if line.startswith("ERROR: ")), "no live test matches")
        raise say.Trouble(f"-k {words.expression}: {why.removeprefix('ERROR: ')}")


def _side_by_side(jobs: dict[str, Callable[[], Sum]]) -> dict[str, Sum]:
    """The sums of JOBS, SIDE_BY_SIDE at a time, in their order.

    The threads are daemons: when this process ends early, so do they, and their children with them.
    """
    waiting: SimpleQueue[str] = SimpleQueue()
    for title in jobs:
        waiting.put(title)
    sums: dict[str, Sum] = {}
    failures: list[BaseException] = []

    def work() -> None:
        while not failures:
            try:
                title = waiting.get_nowait()
            except Empty:
                return
            try:
                sums[title] = jobs[title]()
            except say.Trouble as trouble:
                say.line(f"!! {title}: {trouble}")
                sums[title] = Counter(error=1, seconds=1)
            except BaseException as failure:
                failures.append(failure)

    workers = [Thread(target=work, daemon=True) for _ in range(SIDE_BY_SIDE)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers) and not failures:
        time.sleep(0.2)
    if failures:
        raise failures[0]
    return {title: sums[title] for title in jobs}


def _conclude(sums: dict[str, Sum], seconds: float) -> int:
    total: Sum = Counter()
    say.line()
    for what, each in sums.items():
        minutes = each.pop("seconds") / 60
        listed = ", ".join(f"{each[word]} {word}" for word in sorted(each) if each[word])
        say.line(f"{what:28} {minutes:4.1f} min  {listed}")
        total += each
    bad = total.total() - total["passed"]
    say.line(f"in {seconds / 60:.0f} minutes")
    say.line(f"{total['passed']} passed, {bad} failed")
    return 0 if total["passed"] and not bad else 1


def _checks() -> Sum:
    began = time.monotonic()
    failed = check.main()
    return Counter(failed=failed, passed=len(check.CHECKS) - failed) + _seconds(began)


def _seconds(began: float) -> Sum:
    return Counter(seconds=1 + int(time.monotonic() - began))


def _here() -> Sum:
    """The pure and unit tests, on this machine."""
    began = time.monotonic()
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
            say.line(f"on this machine | {text.rstrip()}")
            output.append(text)
        return _counts("".join(output), child.wait()) + _seconds(began)
    finally:
        child.kill()
        child.wait()


def _guest(part: Part, expression: str | None) -> Callable[[], Sum]:
    """A function that runs the live tests of PART in a guest."""

    def run() -> Sum:
        kernel = kernels.get(part.kernel)
        ko = module.build(kernel)
        arguments = [*_PLUGINS, "-o", f"timeout={TEST_LIMIT_S}", "-q", *part.files]
        if expression:
            arguments += ["-k", expression]
        script = f"$PYTHON -m pytest {shlex.join(arguments)}"
        say.line(f"== {part.title}: Linux {kernel.release}, {kernel.cpus} CPU(s)")
        job = guest.Job("test", script, LIVE_LIMIT_S, load=not part.refused)
        outcome = guest.run(kernel, ko, job, lambda text: say.line(f"{part.title} | {text}"))
        for fault in outcome.faults:
            say.line(f"!! {part.title}: {fault.what}\n{fault.context}")
        if outcome.status or outcome.faults:
            say.line(f"!! {part.title}: the files of this run are in {outcome.folder}")
        say.line(f"== {part.title}: {outcome.seconds:.0f} s")
        status = 1 if outcome.status is None else outcome.status
        counts = _counts(outcome.output, status) + Counter(kernel=len(outcome.faults))
        return counts + Counter(seconds=int(outcome.seconds))

    return run


def _counts(output: str, status: int) -> Sum:
    """The numbers in pytest's closing line; a run that failed without them is an error."""
    found: Sum = Counter()
    for line in reversed(output.splitlines()):
        if re.search(r"\d+ (passed|failed|error)\b.* in [\d.]+s|no tests ran", line):
            found.update({word: int(number) for number, word in _WORDS.findall(line)})
            break
    if not found["passed"] or (status and not found.total() - found["passed"]):
        found["error"] += 1
    return found
