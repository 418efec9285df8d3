# SPDX-License-Identifier: GPL-2.0
"""What a run found, kept as JSON: figures, settings, guests, machine."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ippfvslab.bench.question import Figures, Question
from ippfvslab.bench.report import Answer, judge
from ippfvslab.say import Trouble


@dataclass(frozen=True)
class Record:
    """How one question went."""

    figures: Figures
    settings: dict[str, dict[str, str]]
    """What was in force for each lane, as read from the kernel."""
    seconds: float
    trouble: str = ""
    """Why there are no figures."""
    facts: dict[str, dict[str, str]] = field(default_factory=dict)
    """What else was seen of each lane."""


@dataclass(frozen=True)
class Results:
    """One run."""

    when: str
    tree: str
    """The commit that was measured."""
    quick: bool
    machine: dict[str, str]
    programs: dict[str, str]
    """Versions of the programs that took part."""
    guests: dict[str, dict[str, str]] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """What the guests' kernels complained of."""

    def add(self, kind: str, found: Path) -> None:
        """Take over what the guest KIND wrote to the file FOUND."""
        data = json.loads(found.read_text())
        self.guests[kind] = data["guest"]
        self.records.update({name: Record(**each) for name, each in data["records"].items()})

    def trouble(self, question: Question) -> str:
        """Why QUESTION has no figures here; nothing when it has."""
        record = self.records.get(question.name)
        if record is None:
            return "not asked"
        if not record.trouble and set(record.figures) != set(question.lanes):
            return f"asked of other lanes ({', '.join(record.figures)})"
        return record.trouble

    def answers(self, questions: Iterable[Question]) -> list[Answer]:
        """The answers to QUESTIONS, as far as there are figures."""
        good = (each for each in questions if not self.trouble(each))
        return judge((each, self.records[each.name].figures) for each in good)

    def write(self, file: Path) -> None:
        """Keep this run in FILE."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")


def read(file: Path) -> Results:
    """The run that FILE keeps."""
    try:
        data = json.loads(file.read_text())
        records = {name: Record(**each) for name, each in data.pop("records").items()}
        return Results(**data, records=records)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as fault:
        raise Trouble(f"{file} is no file of figures that tools/lab bench wrote: {fault}") from None
