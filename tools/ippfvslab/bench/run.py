# SPDX-License-Identifier: GPL-2.0
"""`tools/lab bench`: boots the kernel for measuring, has it measure, judges the figures."""

from __future__ import annotations

import argparse
import json
import shlex

from ippfvslab import debian, guest, kernels, module, say
from ippfvslab.bench import report
from ippfvslab.bench.questions import QUESTIONS

LIMIT_S = 1500


def main(words: argparse.Namespace) -> int:
    """Measure; 0 only when every target is reached, or missed by less than the noise."""
    known = [question.name for question in QUESTIONS]
    if strange := [name for name in words.questions if name not in known]:
        raise say.Trouble(f"no question {' '.join(strange)}; there are {' '.join(known)}")
    kernel = kernels.get("bench")
    ko = module.build(kernel)
    ipvsadm = debian.program("ipvsadm", "sbin/ipvsadm")
    rounds, packets = (3, 300_000) if words.quick else (7, 1_000_000)
    measure = ["-m", "ippfvslab.bench.measure", f"--rounds={rounds}", f"--packets={packets}"]
    script = (
        f"export IPPFVS_MODULE={shlex.quote(str(ko))} IPVSADM={shlex.quote(str(ipvsadm))}\n"
        f"$PYTHON {shlex.join([*measure, *words.questions])}"
    )
    say.line(f"== benchmark on Linux {kernel.release}, User-Mode Linux, one CPU")
    outcome = guest.run(kernel, None, guest.Job("bench", script, LIMIT_S), say.line)
    for fault in outcome.faults:
        say.line(f"!! the kernel: {fault.what}\n{fault.context}")
    figures = outcome.folder / "figures.json"
    if outcome.status or outcome.faults or not figures.exists():
        raise say.Trouble(f"the benchmark did not come to its end; see {outcome.folder}")
    answers = report.judge(json.loads(figures.read_text()))
    say.line()
    for text in report.table(answers):
        say.line(text)
    say.line(f"-- figures: {figures}")
    return 0 if all(answer.reached for answer in answers) else 1
