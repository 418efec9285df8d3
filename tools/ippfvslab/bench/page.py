# SPDX-License-Identifier: GPL-2.0
"""docs/PERFORMANCE.md, made of a run's figures, of former ones and of its prose, page.md.

The same of all three make the same page, to the letter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ippfvslab.bench import history
from ippfvslab.bench.question import Question
from ippfvslab.bench.report import MEANINGS, REACHED, Answer, Verdict
from ippfvslab.bench.results import Record, Results
from ippfvslab.bench.units import short

PAGE = "PERFORMANCE.md"
FOLDER = "performance"
PROSE = "page.md"
FIGURES = "figures.json"
RUNS = "runs.json"
_GUEST = {"uml": "User-Mode Linux", "qemu": "QEMU"}


def page(
    prose: str, results: Results, runs: Sequence[history.Run], questions: Sequence[Question]
) -> str:
    """PROSE with each {{…}} replaced by what RESULTS and all RUNS say."""
    answers = results.answers(questions)
    parts = {
        "run": _run(results),
        "tally": "\n".join(_tally(answers)),
        "glance": "\n".join(_glance(answers)),
        "machine": "\n".join(_pairs(results.machine)),
        "guests": "\n".join(_guests(results)),
        "settings": "\n".join(_settings(results.records.values())),
        "runs": "\n".join(history.table(runs)),
        "questions": "\n".join(_questions(answers, results)),
        "unanswered": "\n".join(_unanswered(results, questions)),
    }
    for name, text in parts.items():
        prose = prose.replace(f"{{{{{name}}}}}", text)
    return prose


def _run(results: Results) -> str:
    kind = "a quick run" if results.quick else "a full run"
    minutes = sum(record.seconds for record in results.records.values()) / 60
    return f"{kind} of {results.when} on commit {results.tree}, {minutes:.0f} minutes of measuring"


def _tally(answers: Sequence[Answer]) -> Iterator[str]:
    """How many targets are reached, and which are not."""
    marks = [verdict.mark for answer in answers for verdict in answer.verdicts]
    yield f"- Of {len(marks)} targets {marks.count(REACHED)} are reached."
    for mark, meaning in MEANINGS.items():
        links = [
            f"[{answer.question.title}](#{answer.question.name}) ({verdict.target.says})"
            for answer in answers
            for verdict in answer.verdicts
            if verdict.mark == mark
        ]
        if links:
            yield f"- {len(links)} are {meaning}: {'; '.join(links)}."


def _glance(answers: Iterable[Answer]) -> Iterator[str]:
    """One row a target."""
    yield "| question | what is compared | measured | by medians | target | noise | |"
    yield "|---|---|--:|--:|--:|--:|---|"
    for answer in answers:
        question = answer.question
        link = f"[{question.title}](#{question.name})"
        for verdict in answer.verdicts:
            value, bound, noise = verdict.texts
            middle = short(verdict.middle, verdict.unit)
            compared = f"{link} | {verdict.target.says}"
            yield f"| {compared} | {value} | {middle} | {bound} | {noise} | {verdict.mark} |"


def _pairs(found: dict[str, str]) -> Iterator[str]:
    for name, value in found.items():
        yield f"- {name}: {value}"


def _guests(results: Results) -> Iterator[str]:
    for kind, found in sorted(results.guests.items()):
        yield f"- {_GUEST.get(kind, kind)}: " + ", ".join(f"{k} {v}" for k, v in found.items())
    for name, version in results.programs.items():
        yield f"- {name} {version}"


def _settings(records: Iterable[Record]) -> Iterator[str]:
    """Who had which settings; those that differed between questions are listed side by side."""
    seen: dict[tuple[str, str], list[str]] = {}
    for record in records:
        for who, found in record.settings.items():
            for name, value in found.items():
                values = seen.setdefault((who, name), [])
                if value not in values:
                    values.append(value)
    yield "| who | setting | value |"
    yield "|---|---|---|"
    for (who, name), values in sorted(seen.items()):
        yield f"| {who} | {name} | {' · '.join(values)} |"


def _questions(answers: Iterable[Answer], results: Results) -> Iterator[str]:
    for answer in answers:
        yield from _question(answer, results.records[answer.question.name])


def _question(answer: Answer, record: Record) -> Iterator[str]:
    question = answer.question
    yield f'### <a id="{question.name}"></a>{question.title}\n'
    if question.about:
        yield f"{question.about}\n"
    yield f"![{_words(answer)}]({FOLDER}/{question.name}.svg)\n"
    yield f"| {question.unit} | best | median | spread | rounds |"
    yield "|---|--:|--:|--:|--:|"
    for lane, figure in answer.figures.items():
        best, middle = short(figure.best, question.unit), short(figure.median, question.unit)
        yield f"| {lane} | {best} | {middle} | {figure.spread:.0%} | {figure.rounds} |"
    yield ""
    for verdict in answer.verdicts:
        value, bound, _ = verdict.texts
        more = f"; {verdict.remark}" if verdict.remark else ""
        said = f"{verdict.mark} {verdict.target.says}: **{value}**, target {bound}"
        yield f"{said}{_off(verdict)}{more}\n"
    if record.facts:
        yield from _facts(record.facts)
        yield ""


def _facts(facts: dict[str, dict[str, str]]) -> Iterator[str]:
    """What was seen besides."""
    for who, seen in facts.items():
        yield f"- {who}: " + "; ".join(f"{name}: {value}" for name, value in seen.items())


def _off(verdict: Verdict) -> str:
    """By how much a target is beaten, or missed; a miss beside its noise, in the same unit."""
    bound, value = verdict.target.bound, verdict.value
    if verdict.mark == REACHED:
        return f": beaten by {abs(value - bound) / bound:.0%}" if bound else ""
    noise = short((verdict.noise or 0) * abs(value), verdict.unit)
    return f": missed by {short(abs(value - bound), verdict.unit)}, noise {noise}"


def _words(answer: Answer) -> str:
    """What the chart shows, for those who do not see it."""
    bars = ", ".join(
        f"{lane} {short(figure.best, answer.question.unit)}"
        for lane, figure in answer.figures.items()
    )
    return f"{answer.question.title}, {answer.question.unit}: {bars}"


def _unanswered(results: Results, questions: Iterable[Question]) -> Iterator[str]:
    titles: dict[str, list[str]] = {}
    for question in questions:
        if why := results.trouble(question):
            titles.setdefault(why, []).append(f"*{question.title}*")
    for why, unanswered in titles.items():
        yield f"- {why}: {'; '.join(unanswered)}"
    for fault in results.faults:
        yield f"- the kernel complained: {fault}"


def draw(folder: Path, results: Results, questions: Sequence[Question]) -> None:
    """Make FOLDER hold a chart of each of QUESTIONS that was answered, and no other chart."""
    from ippfvslab.bench import chart

    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    for answer in results.answers(questions):
        name = answer.question.name
        chart.draw(answer, results.records[name].figures, folder / f"{name}.svg")


def write(docs: Path, results: Results, questions: Sequence[Question]) -> None:
    """Write page, charts and figures below DOCS."""
    folder = docs / FOLDER
    results.write(folder / FIGURES)
    runs = history.add(history.read(folder / RUNS), history.kept(results, questions))
    history.write(folder / RUNS, runs)
    draw(folder, results, questions)
    (docs / PAGE).write_text(page((folder / PROSE).read_text(), results, runs, questions))
