# SPDX-License-Identifier: GPL-2.0
"""`tools/lab bench`: boots the kernels, runs the benchmarks in them, and reports the figures."""

from __future__ import annotations

import argparse
import json
import shlex
import time
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from ippfvslab import debian, guest, kernels, log, module, paths

from bench import commands, page, results
from bench.benchmarks import BENCHMARKS
from bench.model import Benchmark, Record, record_of

LIMIT_S = 2400
KERNEL = {"6.12": "bench-6.12", "newest": "bench-newest", "smp": "uml"}
MEMORY_GIB = {"6.12": 3, "newest": 6, "smp": 3}
QUICK_S = 40
"""The time for all benchmarks of one kernel in a quick run."""
FOLDER = paths.CACHE / "bench"
MODULES = ("flood", "limit")
"""The benchmark's own modules. Each has a folder here."""


def validate(args: argparse.Namespace) -> None:
    """Raise LabError for an unknown benchmark or file, or if --write does not have a whole run."""
    _chosen(args.benchmarks)
    if args.of:
        former = results.read(Path(args.of))
        lacking = [each.name for each in BENCHMARKS if len(former.of(each)) < len(each.kernels)]
        if args.write and lacking:
            raise log.LabError(f"--write needs a whole run; {args.of} lacks {' '.join(lacking)}")
    elif args.write and (args.quick or args.benchmarks):
        raise log.LabError("--write needs a whole run; leave out --quick and names of benchmarks")


def main(args: argparse.Namespace) -> int:
    """Run the benchmarks. Return 0 only if no target is missed by more than its interval."""
    chosen = _chosen(args.benchmarks)
    found = results.read(Path(args.of)) if args.of else _measure(chosen, args)
    status = _report(found, chosen)
    if args.write:
        page.write(paths.TREE / "docs", found)
        log.line("-- written: docs/PERFORMANCE.md and docs/performance/")
    return status


def _chosen(names: Sequence[str]) -> list[Benchmark]:
    known = [each.name for each in BENCHMARKS]
    if unknown := [name for name in names if name not in known]:
        near = get_close_matches(unknown[0], known, n=3, cutoff=0.3) or known[:2]
        hint = f"did you mean {' or '.join(near)}? docs/PERFORMANCE.md lists all"
        raise log.LabError(f"there is no benchmark {' '.join(unknown)}; {hint}")
    return [each for each in BENCHMARKS if not names or each.name in names]


def _measure(chosen: Sequence[Benchmark], args: argparse.Namespace) -> results.Results:
    began = time.monotonic()
    found = results.Results(
        time.strftime("%Y-%m-%d %H:%M"), results.commit(), args.quick, results.machine()
    )
    file = FOLDER / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    for kernel in KERNEL:
        named = args.benchmarks or not args.quick
        mine = [each for each in chosen if kernel in (each.kernels if named else each.quick)]
        if mine:
            _boot(found, kernel, mine, quick=args.quick)
            found.machine["load after, with the guest's own"] = results.load()
            found.seconds = round(time.monotonic() - began)
            found.write(file)
    log.line(f"-- figures: {file}")
    return found


def _boot(found: results.Results, kernel: str, mine: Sequence[Benchmark], *, quick: bool) -> None:
    """Run the benchmarks MINE in a guest with KERNEL and add the results to FOUND."""
    built = kernels.get(KERNEL[kernel])
    files = {"IPPFVS": module.build(built)} | {
        name.upper(): module.build_other(built, Path(__file__).with_name(name)) for name in MODULES
    }
    module.compile_tree()
    if any(each.probe == "http" for each in mine):
        commands.fetch_programs()
    exports = {f"{name}_MODULE": file for name, file in files.items()}
    exports["IPVSADM"] = debian.program("ipvsadm", "sbin/ipvsadm")
    share = min(1, QUICK_S / sum(each.time_s for each in mine)) if quick else 1
    command = ["-m", "bench.measure", f"--kernel={kernel}", f"--share={share:.4f}"]
    script = (
        "".join(f"export {name}={shlex.quote(str(file))}\n" for name, file in exports.items())
        + f"$PYTHON {shlex.join([*command, *(each.name for each in mine)])}"
    )
    log.line(f"== Linux {built.release}, {'two CPUs' if kernel == 'smp' else 'one CPU'}")
    job = guest.Job("bench", script, LIMIT_S, f"{MEMORY_GIB[kernel]}G", measures=True)
    outcome = guest.run(built, None, job, log.line)
    figures = outcome.folder / "figures.json"
    data = json.loads(figures.read_text()) if figures.exists() else {"guest": {}, "records": {}}
    found.guests[kernel] = data["guest"]
    died = Record(kernel, trouble=f"the guest ended before it; see {outcome.folder}")
    for each in mine:
        name = f"{each.name}@{kernel}"
        record = data["records"].get(name)
        found.records[name] = record_of(record) if record else died
    for fault in outcome.faults:
        log.line(f"!! the kernel: {fault.what}\n{fault.context}")
        found.faults.append(fault.what)


def _report(found: results.Results, chosen: Sequence[Benchmark]) -> int:
    """Print the table of targets and the failures. Return the exit status."""
    log.line()
    for text in page.table(found, chosen):
        log.line(text)
    missed = [f"{b.name} ({kernel})" for b, kernel, v in found.verdicts(chosen) if v.missed]
    if missed:
        log.line(f"!! missed by more than the interval: {', '.join(missed)}")
    names = {each.name for each in chosen}
    troubled = {
        name: each.trouble
        for name, each in found.records.items()
        if each.trouble and name.partition("@")[0] in names
    }
    for name, trouble in troubled.items():
        log.line(f"!! {name} has no figures: {trouble}")
    for fault in found.faults:
        log.line(f"!! the kernel complained: {fault}")
    return 1 if missed or troubled or found.faults else 0
