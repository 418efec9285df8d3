# SPDX-License-Identifier: GPL-2.0
"""docs/PERFORMANCE.md: the text of docs/performance/page.md with the figures of one run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ippfvslab import log

from bench import chart, repeat
from bench.benchmarks import BENCHMARKS
from bench.model import Benchmark, Verdict
from bench.results import Results
from bench.stats import Estimate

PAGE, FOLDER = "PERFORMANCE.md", "performance"
_HEAD = (
    "<!-- Made by `tools/lab bench --write` of docs/performance/page.md and figures.json: edit"
    " those. -->\n"
)
_TWO_CPUS = "two CPUs"


def table(found: Results, benchmarks: Sequence[Benchmark]) -> Iterator[str]:
    """Yield a line of at most 80 columns for each target, for a terminal."""
    for benchmark, kernel, verdict in found.verdicts(benchmarks):
        name = f"{benchmark.name} ({kernel})"
        yield (
            f"{name:<23.23} {verdict.target.other:<19.19} {_short(benchmark, verdict):>20}"
            f" {verdict.target.sign} {_bound(benchmark, verdict):<8} {verdict.mark}"
        )


def write(docs: Path, found: Results) -> None:
    """Write the page, the figures and the pictures of a whole run below DOCS."""
    folder = docs / FOLDER
    found.write(folder / "figures.json")
    for name, text in chart.pictures(found).items():
        (folder / f"{name}.svg").write_text(text)
    (docs / PAGE).write_text(_HEAD + fill((folder / "page.md").read_text(), found))


def fill(text: str, found: Results) -> str:
    """Replace each {{name}} in TEXT by that part of the page."""
    parts: dict[str, Callable[[Results], str]] = {
        "run": _run,
        "targets": _targets,
        "missed": _missed,
        "wide": _wide,
        "figures": _figures,
        "machine": _machine,
        "repeat": lambda _: repeat.table(),
    }

    def part(match: re.Match[str]) -> str:
        if match[1] not in parts:
            raise log.LabError(f"docs/{FOLDER}/page.md has {{{{{match[1]}}}}}; no such part exists")
        return parts[match[1]](found)

    return re.sub(r"\{\{(\w+)\}\}", part, text)


def release(found: Results, kernel: str) -> str:
    """Return the version of KERNEL in its short form: "7.3"."""
    version = found.guests.get(kernel, {}).get("kernel", kernel)
    return ".".join(version.split(".")[:2])


def _run(found: Results) -> str:
    minutes = round(found.seconds / 60)
    return f"a run of {found.when} on commit {found.commit}, which took {minutes} minutes"


def _targets(found: Results) -> str:
    """Return one line for each target, with the kernels in columns."""
    names = [f"Linux {release(found, kernel)}" for kernel in ("6.12", "newest")]
    lines = [
        f"| benchmark | compared with | {names[0]} | {names[1]} | target | |",
        "|---|---|--:|--:|--:|---|",
    ]
    for benchmark in BENCHMARKS:
        for target in benchmark.targets:
            verdicts = {
                kernel: verdict
                for kernel, record in found.of(benchmark).items()
                if (verdict := target.verdict(record))
            }
            if not verdicts:
                continue
            newest = verdicts.get("newest") or verdicts.get("smp")
            cells = [_cell(benchmark, each) for each in (verdicts.get("6.12"), newest)]
            bounds = list(dict.fromkeys(_bound(benchmark, each) for each in verdicts.values()))
            marks = " ".join(each.mark for each in verdicts.values())
            other = "itself" if target.sense == "figure" else target.other
            if target.sense == "figure" and len(benchmark.targets) > 1:
                other = target.other
            lines.append(
                f"| {benchmark.title} | {other} | {cells[0]} | {cells[1]}"
                f" | {target.sign} {' / '.join(bounds)} | {marks} |"
            )
    return "\n".join(lines)


def _missed(found: Results) -> str:
    """Return a line for each target that is missed."""
    lines = [
        f"- {benchmark.title}, {_kernel(found, kernel)}: {_short(benchmark, verdict)} instead of"
        f" {verdict.target.sign} {_bound(benchmark, verdict)} ({verdict.target.other})"
        f"{'' if verdict.missed else ', within the interval'}"
        for benchmark, kernel, verdict in found.verdicts(BENCHMARKS)
        if not verdict.met
    ]
    return "\n".join(lines) or "None."


def _wide(found: Results) -> str:
    """Return how many intervals are wider than they should be."""
    ratios = [
        each
        for benchmark in BENCHMARKS
        for record in found.of(benchmark).values()
        for each in record.ratios.values()
        if each.sessions > 1
    ]
    wide = [each for each in ratios if not each.narrow]
    widest = max((each.width for each in wide), default=0.0)
    return f"{len(wide)} of {len(ratios)} intervals, the widest ±{100 * widest:.0f} %"


def _figures(found: Results) -> str:
    """Return every figure, as a table."""
    lines = [
        "| benchmark | variant | kernel | figure | times as much as the first | pairs | ended |",
        "|---|---|---|--:|--:|--:|---|",
    ]
    for benchmark in BENCHMARKS:
        for kernel, record in found.of(benchmark).items():
            if record.trouble:
                lines.append(
                    f"| {benchmark.name} | | {_kernel(found, kernel)} | no figures | | | |"
                )
            for label, each in record.figures.items():
                ratio = record.ratios.get(label)
                lines.append(
                    f"| {benchmark.name} | {label} | {_kernel(found, kernel)}"
                    f" | {value(each.value, benchmark.unit)}"
                    f" | {_interval(ratio) if ratio else ''} | {ratio.count if ratio else ''}"
                    f" | {record.end if ratio and ratio.sessions > 1 else ''} |"
                )
            lines += [
                f"| {benchmark.name} | {name} | {_kernel(found, kernel)} | {fact} | | | |"
                for name, fact in record.facts.items()
            ]
    return "\n".join(lines)


def _machine(found: Results) -> str:
    lines = [f"- {name}: {each}" for name, each in found.machine.items()]
    for kernel, facts in found.guests.items():
        lines.append(f"- guest {kernel}: " + ", ".join(f"{k} {v}" for k, v in facts.items()))
    return "\n".join(lines)


def _kernel(found: Results, kernel: str) -> str:
    name = release(found, kernel)
    return f"{name}, {_TWO_CPUS}" if kernel == "smp" else name


def _cell(benchmark: Benchmark, verdict: Verdict | None) -> str:
    return _short(benchmark, verdict) if verdict else ""


def _short(benchmark: Benchmark, verdict: Verdict) -> str:
    if verdict.target.sense == "figure":
        return value(verdict.found.value, benchmark.unit)
    return _interval(verdict.found)


def _bound(benchmark: Benchmark, verdict: Verdict) -> str:
    if verdict.target.sense == "figure":
        return value(verdict.bound, benchmark.unit)
    return (
        f"{verdict.bound:.2f}".rstrip("0").removesuffix(".")
        if verdict.bound % 1
        else (f"{verdict.bound:.1f}")
    )


def _interval(each: Estimate) -> str:
    digits = 2 if each.value < 20 else 0
    if each.count == 1:
        return f"{each.value:.{digits}f} (once)"
    return f"{each.value:.{digits}f} [{each.low:.{digits}f}, {each.high:.{digits}f}]"


def value(number: float, unit: str) -> str:
    """Return NUMBER with three digits and with UNIT or a fraction of it."""
    if unit == "s":
        for bound, factor, name in ((1, 1, "s"), (1e-3, 1e3, "ms"), (0, 1e6, "µs")):
            if number >= bound:
                return f"{_digits(number * factor)} {name}"
    return f"{_digits(number)} {unit}"


def _digits(number: float) -> str:
    if number >= 99.95:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 9.995 else f"{number:.2f}"
