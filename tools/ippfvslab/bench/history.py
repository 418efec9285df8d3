# SPDX-License-Identifier: GPL-2.0
"""Whole runs side by side: how many times as much as IPVS each found; docs/performance/runs.json.

A shared machine is never the same, so that one run tells less than several.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ippfvslab.bench.question import Question, Ratio
from ippfvslab.bench.results import Results
from ippfvslab.bench.units import short


@dataclass(frozen=True)
class Run:
    """What is kept of a whole run."""

    when: str
    tree: str
    """The commit that was measured."""
    cpu: str
    best: dict[str, float]
    """By question: ippfvs to IPVS, where more is better, of the best rounds."""
    middle: dict[str, float]
    """The same of the medians."""


def kept(results: Results, questions: Iterable[Question]) -> Run:
    """What is to be kept of RESULTS."""
    verdicts = {
        answer.question.name: verdict
        for answer in results.answers(questions)
        for verdict in answer.verdicts
        if isinstance(verdict.target, Ratio)
        and verdict.target.better == "more"
        and verdict.target.lanes == ("ippfvs", "IPVS")
    }
    return Run(
        when=results.when,
        tree=results.tree,
        cpu=results.machine.get("CPU", "?"),
        best={name: round(verdict.value, 3) for name, verdict in verdicts.items()},
        middle={name: round(verdict.middle, 3) for name, verdict in verdicts.items()},
    )


def read(file: Path) -> list[Run]:
    """The runs that FILE keeps; none when there is no such file."""
    return [Run(**each) for each in json.loads(file.read_text())] if file.exists() else []


def add(runs: Sequence[Run], run: Run) -> list[Run]:
    """RUNS and RUN in the order of their time; one of the same time is replaced."""
    return sorted([*(each for each in runs if each.when != run.when), run], key=lambda r: r.when)


def write(file: Path, runs: Iterable[Run]) -> None:
    """Keep RUNS in FILE."""
    file.write_text(json.dumps([asdict(run) for run in runs], indent=1, ensure_ascii=False) + "\n")


def table(runs: Sequence[Run]) -> Iterator[str]:
    """A row a run, by the best and, in brackets, by the medians."""
    names = list(dict.fromkeys(name for run in runs for name in run.best))
    yield "| " + " | ".join(["run", "CPU", *names]) + " |"
    yield "|---|---|" + "--:|" * len(names)
    for run in runs:
        cells = [
            f"{short(run.best[name])} ({short(run.middle[name])})" if name in run.best else ""
            for name in names
        ]
        yield "| " + " | ".join([f"{run.when}, {run.tree}", run.cpu, *cells]) + " |"
