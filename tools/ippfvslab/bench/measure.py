# SPDX-License-Identifier: GPL-2.0
"""In the guest: have every question answered by its probe, and write the figures down."""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import time
import traceback
from pathlib import Path
from typing import Any

from ippfvslab.bench import settings
from ippfvslab.bench.question import Question
from ippfvslab.bench.questions import QUESTIONS
from ippfvslab.bench.rounds import Rounds
from ippfvslab.bench.warm import touch_memory
from ippfvslab.say import line

QUICK_S = 140
"""For all questions of a quick run; what one leaves of its share, the next may have."""


def main() -> int:
    """Measure what the words name and leave RUN/figures.json, written anew after each question."""
    words = argparse.ArgumentParser()
    words.add_argument("--rounds", type=int, required=True)
    words.add_argument("--quick", action="store_true")
    words.add_argument("names", nargs="+")
    chosen = words.parse_args()
    questions = {question.name: question for question in QUESTIONS}
    if questions[chosen.names[0]].guest == "uml":
        touch_memory()
    began = time.monotonic()
    share = QUICK_S / len(chosen.names) if chosen.quick else math.inf
    records: dict[str, Any] = {}
    for number, name in enumerate(chosen.names, 1):
        question = questions[name]
        most = min(chosen.rounds, question.rounds or chosen.rounds)
        rounds = Rounds(most, until=began + number * share)
        records[name] = _answer(question, rounds, chosen.quick)
        _keep({"guest": settings.guest(), "records": records})
    return 0


def _answer(question: Question, rounds: Rounds, quick: bool) -> dict[str, Any]:
    """Figures and settings, or what went wrong: the other questions are asked all the same."""
    line(f"-- {question.name}: {question.title}, {question.unit}")
    probe = importlib.import_module(f"ippfvslab.bench.probes.{question.probe}")
    began = time.monotonic()
    figures, trouble = {}, ""
    try:
        figures = probe.ask(question, rounds, quick)
        if sorted(figures) != sorted(question.lanes) or not all(figures.values()):
            trouble = f"the probe answered {sorted(figures)}"
    except Exception as fault:
        trouble = sentence(fault)
        line(f"!! {question.name} failed: {trouble} (traceback in {_log(question, fault)})")
    in_force, seen = settings.taken()
    return {
        "figures": figures,
        "settings": in_force,
        "facts": seen,
        "seconds": round(time.monotonic() - began, 1),
        "trouble": trouble,
    }


def sentence(fault: Exception) -> str:
    """What FAULT says, in one line; its kind, too, where it was not raised to be read."""
    said = " ".join(str(fault).split())
    return said if said and type(fault) is RuntimeError else f"{type(fault).__name__}: {said}"


def _log(question: Question, fault: Exception) -> Path:
    """Keep the traceback of FAULT with all else that the run leaves; where."""
    file = Path(os.environ["IPPFVS_RUN"], "tracebacks")
    with file.open("a") as log:
        log.write(f"{question.name}:\n{''.join(traceback.format_exception(fault))}\n")
    return file


def _keep(found: dict[str, Any]) -> None:
    file = Path(os.environ["IPPFVS_RUN"], "figures.json")
    part = file.with_suffix(".part")
    part.write_text(json.dumps(found))
    part.rename(file)


if __name__ == "__main__":
    raise SystemExit(main())
