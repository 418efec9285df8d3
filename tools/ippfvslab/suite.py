# SPDX-License-Identifier: GPL-2.0
"""`tools/lab test` runs every test on its kernel and adds up the results."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread

from ippfvslab import check, guest, kernels, log, module, nginx, paths, process

LIVE = "tests/live"
SMOKE = f"{LIVE}/test_smoke.py"
REFUSAL = f"{LIVE}/test_refusal.py"
FAULTS = (
    f"{LIVE}/test_no_memory.py",
    f"{LIVE}/test_reallocation.py",
    f"{LIVE}/test_memory_cgroup.py",
    f"{LIVE}/test_totals_without_lock.py",
)
"""Only a kernel with fault injection, memory cgroups and lockdep can run these files."""
UNSAFE = "newest-rt"
"""The kernel on which the module must refuse to load."""
DEFAULT = ("sanitize", "races", "6.1", "6.12", "newest")
PARALLEL = 2
"""The number of guests that run at the same time. Live tests spend most of their time waiting."""
LIVE_LIMIT_S = 2400
TEST_LIMIT_S = 600
# Importing plugins that guests do not need costs seconds there.
_PLUGINS = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
_COUNTS = re.compile(r"(\d+) (passed|failed|error|skipped|xfailed|xpassed)")


@dataclass(frozen=True)
class Part:
    """The tests that one guest runs."""

    kernel: str
    files: tuple[str, ...]
    what: str
    """A description of the files for the first line of a run."""
    share: str = ""
    """The number of this guest among those with the same kernel, such as "1/2"."""
    refused: bool = False
    """Whether the module must refuse this kernel. The guest then does not load it first."""

    @property
    def title(self) -> str:
        """The name of the guest in the output."""
        return f"{self.kernel} {self.share}".strip()


@dataclass(frozen=True)
class Result:
    """The result of one job: the numbers of tests by pytest's words, and its duration."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0


Job = Callable[[], Result]


def validate(args: argparse.Namespace) -> None:
    """Raise LabError if an argument does not name a kernel or a live test."""
    for file in args.files:
        found = (paths.TREE / file.partition("::")[0]).resolve()
        if not found.exists():
            raise log.LabError(f"there is no file {file}; name files of {LIVE}")
        if not found.is_relative_to(paths.TREE / LIVE):
            raise log.LabError(f"{file} is not a live test; name files of {LIVE}")
    for name in args.kernel or []:
        kernels.validate(name, "test")
    if args.full and (args.kernel or args.files or args.expression):
        raise log.LabError(
            "--full runs every test on every kernel; leave it out, or --kernel, -k and the files"
        )


def main(args: argparse.Namespace) -> int:
    """Run the tests. Return 0 only if some tests passed and no test or check failed."""
    began = time.monotonic()
    names = [kernels.resolve(name) for name in args.kernel or []]
    _validate_expression(args)
    parts = _plan(names, args)
    here = not (args.live_only or names or args.files or args.expression)
    log.line(_announcement(parts, here))
    nginx.program()
    module.compile_tree()
    jobs: dict[str, Job] = {part.title: _guest_job(part, args.expression) for part in parts}
    if here:
        # These two jobs follow the first guest, whose kernel may have to be built.
        first = next(iter(jobs))
        jobs = {first: jobs.pop(first), "checks": _checks, "on this machine": _here, **jobs}
    return _conclude(_run_parallel(jobs), time.monotonic() - began)


def _plan(names: Sequence[str], args: argparse.Namespace) -> list[Part]:
    """Return the parts of a run. Those that take longest come first."""
    if args.files or args.expression:
        files = args.files or [LIVE]
        files_of = dict.fromkeys(names, files) or {
            kernel: [file for file in files if _default_kernel(file) == kernel]
            for kernel in map(_default_kernel, files)
        }
        return [
            Part(name, tuple(chosen), "these live tests", refused=name == UNSAFE)
            for name, chosen in files_of.items()
        ]
    if args.full:
        names = [*reversed(kernels.USER_MODE), *kernels.STOCK]
    return [part for name in names or DEFAULT for part in _parts(name)]


def _default_kernel(file: str) -> str:
    """Return the kernel on which the tests of FILE run if the user does not name a kernel."""
    if file.startswith(REFUSAL):
        return UNSAFE
    return "races" if file.startswith(f"{LIVE}/test_races") else "sanitize"


def _parts(name: str) -> list[Part]:
    """Return the parts that test the kernel NAME."""
    if name == UNSAFE:
        return [Part(name, (REFUSAL,), "the refusal to load", refused=True)]
    if name in kernels.STOCK:
        return [Part(name, (SMOKE,), "smoke tests")]
    races = _files("test_races*.py")
    if name == "races":
        return [Part(name, races, "tests of races")]
    # "races" boots the same build as "sanitize", but with two CPUs, which the tests of races need.
    elsewhere = {REFUSAL, *(races if name == "sanitize" else FAULTS)}
    files = [file for file in _files("test_*.py") if file not in elsewhere]
    return [
        Part(name, tuple(files[half::2]), "all live tests", f"{half + 1}/2") for half in range(2)
    ]


def _files(pattern: str) -> tuple[str, ...]:
    found = (paths.TREE / LIVE).glob(pattern)
    return tuple(sorted(str(file.relative_to(paths.TREE)) for file in found))


def _announcement(parts: Sequence[Part], here: bool) -> str:
    """Return one line that says which tests run on which kernel."""
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


def _validate_expression(args: argparse.Namespace) -> None:
    """Raise LabError if -k selects no live test. A guest would need minutes to find that out."""
    if not args.expression:
        return
    select = ["--collect-only", "-q", "-k", args.expression, *(args.files or [LIVE])]
    done = subprocess.run(
        process.cage([sys.executable, "-m", "pytest", *_PLUGINS, *select]),
        preexec_fn=process.die_with_parent,
        cwd=paths.TREE,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        output = (done.stderr + done.stdout).strip().splitlines()
        why = next((line for line in output if line.startswith("ERROR: ")), "no live test matches")
        raise log.LabError(f"-k {args.expression}: {why.removeprefix('ERROR: ')}")


def _run_parallel(jobs: dict[str, Job]) -> dict[str, Result]:
    """Run JOBS, PARALLEL at a time, and return their results in the order of JOBS.

    The threads are daemons: if this process ends early, they end, and their children with them.
    """
    waiting: SimpleQueue[str] = SimpleQueue()
    for title in jobs:
        waiting.put(title)
    results: dict[str, Result] = {}
    failures: list[BaseException] = []

    def work() -> None:
        while not failures:
            try:
                title = waiting.get_nowait()
            except Empty:
                return
            try:
                results[title] = jobs[title]()
            except log.LabError as error:
                log.line(f"!! {title}: {error}")
                results[title] = Result(Counter(error=1))
            except BaseException as failure:
                failures.append(failure)

    workers = [Thread(target=work, daemon=True) for _ in range(PARALLEL)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers) and not failures:
        time.sleep(0.2)
    if failures:
        raise failures[0]
    return {title: results[title] for title in jobs}


def _conclude(results: dict[str, Result], seconds: float) -> int:
    """Print a line for each job and the totals, and return the exit status."""
    total: Counter[str] = Counter()
    log.line()
    for title, result in results.items():
        counts = result.counts
        listed = ", ".join(f"{counts[word]} {word}" for word in sorted(counts) if counts[word])
        log.line(f"{title:28} {result.seconds / 60:4.1f} min  {listed}")
        total += counts
    bad = total.total() - total["passed"]
    log.line(f"in {seconds / 60:.0f} minutes")
    log.line(f"{total['passed']} passed, {bad} failed")
    return 0 if total["passed"] and not bad else 1


def _checks() -> Result:
    began = time.monotonic()
    failed = check.main()
    counts = Counter(failed=failed, passed=len(check.CHECKS) - failed)
    return Result(counts, time.monotonic() - began)


def _here() -> Result:
    """Run the tests that need no guest on this machine."""
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
            log.line(f"on this machine | {text.rstrip()}")
            output.append(text)
        return Result(_counts("".join(output), child.wait()), time.monotonic() - began)
    finally:
        child.kill()
        child.wait()


def _guest_job(part: Part, expression: str | None) -> Job:
    """Return a function that runs the live tests of PART in a guest."""

    def run() -> Result:
        kernel = kernels.get(part.kernel)
        ko = module.build(kernel)
        arguments = [*_PLUGINS, "-o", f"timeout={TEST_LIMIT_S}", "-q", *part.files]
        if expression:
            arguments += ["-k", expression]
        script = f"$PYTHON -m pytest {shlex.join(arguments)}"
        log.line(f"== {part.title}: Linux {kernel.release}, {kernel.cpus} CPU(s)")
        job = guest.Job("test", script, LIVE_LIMIT_S, load=not part.refused)
        outcome = guest.run(kernel, ko, job, lambda text: log.line(f"{part.title} | {text}"))
        for fault in outcome.faults:
            log.line(f"!! {part.title}: {fault.what}\n{fault.context}")
        if outcome.status or outcome.faults:
            log.line(f"!! {part.title}: the files of this run are in {outcome.folder}")
        log.line(f"== {part.title}: {outcome.seconds:.0f} s")
        status = 1 if outcome.status is None else outcome.status
        counts = _counts(outcome.output, status) + Counter(kernel=len(outcome.faults))
        return Result(counts, outcome.seconds)

    return run


def _counts(output: str, status: int) -> Counter[str]:
    """Return the counts in pytest's last line.

    A run that failed without a count of failures, or that passed no test, counts as one error.
    """
    found: Counter[str] = Counter()
    for line in reversed(output.splitlines()):
        if re.search(r"\d+ (passed|failed|error)\b.* in [\d.]+s|no tests ran", line):
            found.update({word: int(number) for number, word in _COUNTS.findall(line)})
            break
    if not found["passed"] or (status and not found.total() - found["passed"]):
        found["error"] += 1
    return found
