# SPDX-License-Identifier: GPL-2.0
"""`tools/lab bench`: boots the kernels, has the benchmarks measured in them, judges the figures."""

from __future__ import annotations

import argparse
import json
import shlex
import time
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from ippfvslab import debian, guest, kernels, module, paths, say

from bench import page, programs, results
from bench.benchmarks import BENCHMARKS
from bench.model import Benchmark, Record, record_of

LIMIT_S = 2400
KERNEL = {"6.12": "bench-6.12", "newest": "bench-newest", "smp": "uml"}
MEMORY_GIB = {"6.12": 3, "newest": 6, "smp": 3}
QUICK_S = 40
"""For all benchmarks of one kernel in a quick run."""
FOLDER = paths.CACHE / "bench"
MODULES = ("flood", "limit")
"""Of the benchmark's own; a folder each."""


def refuse(words: argparse.Namespace) -> None:
    """Raise if there is no such benchmark or file, or if the page cannot be made of the run."""
    _chosen(words.questions)
    if words.of:
        former = results.read(Path(words.of))
        lacking = [each.name for each in BENCHMARKS if len(former.of(each)) < len(each.kernels)]
        if words.write and lacking:
            raise say.Trouble(f"--write needs a whole run; {words.of} lacks {' '.join(lacking)}")
    elif words.write and (words.quick or words.questions):
        raise say.Trouble("--write needs a whole run; leave out --quick and names of benchmarks")


def main(words: argparse.Namespace) -> int:
    """Measure; 0 only if every target is reached or missed by less than the interval."""
    chosen = _chosen(words.questions)
    found = results.read(Path(words.of)) if words.of else _measure(chosen, words)
    status = _tell(found, chosen)
    if words.write:
        page.write(paths.TREE / "docs", found)
        say.line("-- written: docs/PERFORMANCE.md and docs/performance/")
    return status


def _chosen(names: Sequence[str]) -> list[Benchmark]:
    known = [each.name for each in BENCHMARKS]
    if strange := [name for name in names if name not in known]:
        near = get_close_matches(strange[0], known, n=3, cutoff=0.3) or known[:2]
        hint = f"did you mean {' or '.join(near)}? docs/PERFORMANCE.md lists all"
        raise say.Trouble(f"there is no benchmark {' '.join(strange)}; {hint}")
    return [each for each in BENCHMARKS if not names or each.name in names]


def _measure(chosen: Sequence[Benchmark], words: argparse.Namespace) -> results.Results:
    began = time.monotonic()
    found = results.Results(
        time.strftime("%Y-%m-%d %H:%M"), results.commit(), words.quick, results.machine()
    )
    file = FOLDER / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    for kernel in KERNEL:
        asked = words.questions or not words.quick
        mine = [each for each in chosen if kernel in (each.kernels if asked else each.quick)]
        if mine:
            _boot(found, kernel, mine, quick=words.quick)
            found.machine["load after, with the guest's own"] = results.load()
            object.__setattr__(found, "seconds", round(time.monotonic() - began))
            found.write(file)
    say.line(f"-- figures: {file}")
    return found


def _boot(found: results.Results, kernel: str, mine: Sequence[Benchmark], *, quick: bool) -> None:
    """Have MINE measured in a guest with KERNEL and add what it found."""
    built = kernels.get(KERNEL[kernel])
    files = {"IPPFVS": module.build(built)} | {
        name.upper(): module.build_other(built, Path(__file__).with_name(name)) for name in MODULES
    }
    module.compile_tree()
    if any(each.probe == "http" for each in mine):
        programs.fetch()
    exports = {f"{name}_MODULE": file for name, file in files.items()}
    exports["IPVSADM"] = debian.program("ipvsadm", "sbin/ipvsadm")
    share = min(1, QUICK_S / sum(each.time_s for each in mine)) if quick else 1
    command = ["-m", "bench.measure", f"--kernel={kernel}", f"--share={share:.4f}"]
    script = (
        "".join(f"export {name}={shlex.quote(str(file))}\n" for name, file in exports.items())
        + f"$PYTHON {shlex.join([*command, *(each.name for each in mine)])}"
    )
    say.line(f"== Linux {built.release}, {'two CPUs' if kernel == 'smp' else 'one CPU'}")
    job = guest.Job("bench", script, LIMIT_S, f"{MEMORY_GIB[kernel]}G", measures=True)
    outcome = guest.run(built, None, job, say.line)
    figures = outcome.folder / "figures.json"
    data = json.loads(figures.read_text()) if figures.exists() else {"guest": {}, "records": {}}
    found.guests[kernel] = data["guest"]
    died = Record(kernel, trouble=f"the guest ended before; see {outcome.folder}")
    for each in mine:
        name = f"{each.name}@{kernel}"
        record = data["records"].get(name)
        found.records[name] = record_of(record) if record else died
    for fault in outcome.faults:
        say.line(f"!! the kernel: {fault.what}\n{fault.context}")
        found.faults.append(fault.what)


def _tell(found: results.Results, chosen: Sequence[Benchmark]) -> int:
    """Show the table of targets and what failed; return the exit status."""
    say.line()
    for text in page.table(found, chosen):
        say.line(text)
    missed = [f"{b.name} ({kernel})" for b, kernel, v in found.verdicts(chosen) if v.missed]
    if missed:
        say.line(f"!! missed by more than the interval: {', '.join(missed)}")
    names = {each.name for each in chosen}
    troubled = {
        name: each.trouble
        for name, each in found.records.items()
        if each.trouble and name.partition("@")[0] in names
    }
    for name, trouble in troubled.items():
        say.line(f"!! {name} has no figures: {trouble}")
    for fault in found.faults:
        say.line(f"!! the kernel complained: {fault}")
    return 1 if missed or troubled or found.faults else 0
