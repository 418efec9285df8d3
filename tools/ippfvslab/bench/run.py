# SPDX-License-Identifier: GPL-2.0
"""`tools/lab bench`: boots the kernels for measuring, has them measure, judges the figures."""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from ippfvslab import debian, guest, kernels, module, paths, say
from ippfvslab.bench import machine, page, programs, results, table
from ippfvslab.bench.question import Guest, Question
from ippfvslab.bench.questions import QUESTIONS

LIMIT_S = 2400
ROUNDS, QUICK_ROUNDS = 7, 3
KERNEL: dict[Guest, str] = {"uml": "bench-6.12", "qemu": "6.12"}
FOLDER = paths.CACHE / "bench"
MODULES = ("limit", "pulse", "syn")
"""Of the benchmark's own; a folder each."""


def refuse(words: argparse.Namespace) -> None:
    """Raise when there is no such question or file, or no page can be made of what is asked for."""
    _chosen(words.questions, words.quick)
    if words.write and words.questions:
        raise say.Trouble("--write takes a whole run; leave out the names of questions")
    former = results.read(Path(words.of)).records if words.of else {}
    if not words.write:
        return
    if words.quick and not words.of:
        raise say.Trouble("--write takes a whole run; leave out --quick")
    lacking = [each.name for each in QUESTIONS if each.name not in former]
    if words.of and lacking:
        raise say.Trouble(f"--write takes a whole run, and {words.of} lacks {' '.join(lacking)}")


def main(words: argparse.Namespace) -> int:
    """Measure; 0 only when every target is reached, or missed by less than the noise."""
    questions = _chosen(words.questions, words.quick)
    if words.of:
        found = results.read(Path(words.of))
        if not words.questions:
            questions = [each for each in QUESTIONS if each.name in found.records]
    else:
        found = _measure(questions, words.quick)
    status = _tell(found, questions)
    if words.write:
        page.write(paths.TREE / "docs", found, QUESTIONS)
        say.line(f"-- written: docs/{page.PAGE}")
    return status


def _chosen(names: Sequence[str], quick: bool) -> list[Question]:
    """Those that were named; without names all, or all the quick ones."""
    known = [question.name for question in QUESTIONS]
    if strange := [name for name in names if name not in known]:
        near = get_close_matches(strange[0], known, n=3, cutoff=0.3) or known[:2]
        hint = f"did you mean {' or '.join(near)}? docs/PERFORMANCE.md has them all"
        raise say.Trouble(f"no question {' '.join(strange)}; {hint}")
    if names:
        return [each for each in QUESTIONS if each.name in names]
    return [each for each in QUESTIONS if each.quick or not quick]


def _measure(questions: Sequence[Question], quick: bool) -> results.Results:
    found = results.Results(
        when=time.strftime("%Y-%m-%d %H:%M"),
        tree=machine.tree(),
        quick=quick,
        machine={**machine.describe(), "load before": machine.load()},
        programs={name: debian.HERE.version(name) for name in ("ipvsadm", *programs.NAMES)},
    )
    file = FOLDER / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    for kind in KERNEL:
        if mine := [each for each in questions if each.guest == kind]:
            _add(found, kind, mine, _in_guest(kind, mine, quick))
            found.machine["load after, the guests' own included"] = machine.load()
            found.write(file)
    say.line(f"-- figures, and beside them a chart of each question:\n   {file}")
    page.draw(file.with_suffix(""), found, questions)
    return found


def _add(
    found: results.Results, kind: Guest, questions: Sequence[Question], outcome: guest.Outcome
) -> None:
    """Take over what a guest left; what went wrong in it is kept beside the figures."""
    found.add(kind, outcome.folder / "figures.json")
    if (pages := outcome.folder / "pages").exists():
        found.guests[kind]["pages of its memory"] = pages.read_text().strip()
    for fault in outcome.faults:
        say.line(f"!! the kernel: {fault.what}\n{fault.context}")
        found.faults.append(fault.what)
    for each in questions:
        if each.name not in found.records:
            found.records[each.name] = results.Record(
                {}, {}, 0, f"the guest died before; see {outcome.folder}"
            )


def _in_guest(kind: Guest, questions: Sequence[Question], quick: bool) -> guest.Outcome:
    """Have a guest of KIND answer QUESTIONS."""
    kernel = kernels.get(KERNEL[kind])
    ko = module.build(kernel)
    module.compile_tree()
    kos = {"ippfvs": ko} | {
        name: module.build_other(kernel, Path(__file__).with_name(name)) for name in MODULES
    }
    ipvsadm = debian.program("ipvsadm", "sbin/ipvsadm")
    for program in programs.PROGRAMS:
        program.fetch()
    rounds = QUICK_ROUNDS if quick else ROUNDS
    measure = ["-m", "ippfvslab.bench.measure", f"--rounds={rounds}"]
    if quick:
        measure.append("--quick")
    exports = {f"{name.upper()}_MODULE": file for name, file in kos.items()} | {"IPVSADM": ipvsadm}
    script = (
        "".join(f"export {name}={shlex.quote(str(file))}\n" for name, file in exports.items())
        + f"$PYTHON {shlex.join([*measure, *(each.name for each in questions)])}"
    )
    memory = f"{max(each.memory_gib for each in questions)}G"
    what = "User-Mode Linux, one CPU" if kernel.user_mode else "QEMU, two CPUs"
    say.line(f"== Linux {kernel.release}, {what}: questions {len(questions)}, rounds {rounds}")
    job = guest.Job("bench", script, LIMIT_S, memory, measures=True)
    outcome = guest.run(kernel, None, job, say.line)
    if not (outcome.folder / "figures.json").exists():
        raise say.Trouble(f"the benchmark answered no question; see {outcome.folder}")
    return outcome


def _tell(found: results.Results, questions: Sequence[Question]) -> int:
    answers = found.answers(questions)
    say.line()
    for text in table.table(answers):
        say.line(text)
    missed = [answer.question.name for answer in answers if answer.missed]
    if missed:
        say.line(f"!! targets missed by more than the noise: {' '.join(missed)}")
    troubled = {each.name: why for each in questions if (why := found.trouble(each))}
    for name, why in troubled.items():
        say.line(f"!! {name} has no figures: {why}")
    for fault in found.faults:
        say.line(f"!! the kernel complained: {fault}")
    return 1 if missed or troubled or found.faults else 0
