# SPDX-License-Identifier: GPL-2.0
"""What a run found, kept as JSON, and the machine that it ran on."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ippfvslab import paths, process, say

from bench.model import KERNELS, Benchmark, Record, Verdict, record_of


@dataclass(frozen=True)
class Results:
    """One run."""

    when: str
    commit: str
    quick: bool
    machine: dict[str, str]
    guests: dict[str, dict[str, str]] = field(default_factory=dict)
    """By kernel."""
    records: dict[str, Record] = field(default_factory=dict)
    """By benchmark and kernel: "nat4@6.12"."""
    faults: list[str] = field(default_factory=list)
    """What the kernels complained of."""
    seconds: float = 0
    """The whole run."""

    def of(self, benchmark: Benchmark) -> dict[str, Record]:
        """The records of BENCHMARK, by kernel."""
        found = {kernel: self.records.get(f"{benchmark.name}@{kernel}") for kernel in KERNELS}
        return {kernel: record for kernel, record in found.items() if record}

    def verdicts(self, benchmarks: Sequence[Benchmark]) -> Iterator[tuple[Benchmark, str, Verdict]]:
        """Every target of BENCHMARKS that was measured, with its kernel."""
        for benchmark in benchmarks:
            for kernel, record in self.of(benchmark).items():
                for target in benchmark.targets:
                    if verdict := target.judge(record):
                        yield benchmark, kernel, verdict

    def write(self, file: Path) -> None:
        """Keep this run in FILE, with figures of six digits."""
        file.parent.mkdir(parents=True, exist_ok=True)
        data = json.loads(
            json.dumps(asdict(self)), parse_float=lambda text: float(f"{float(text):.6g}")
        )
        file.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def read(file: Path) -> Results:
    """The run that FILE keeps."""
    try:
        data = json.loads(file.read_text())
        records = {name: record_of(each) for name, each in data.pop("records").items()}
        return Results(**data, records=records)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as fault:
        raise say.Trouble(f"{file} is no file of figures of tools/lab bench: {fault}") from None


def machine() -> dict[str, str]:
    """What the figures depend on."""
    cpu = Path("/proc/cpuinfo").read_text()
    name = re.search(r"^model name\s*: (.*)$", cpu, re.MULTILINE)
    caches = sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index[0-9]*"))
    sizes = [
        f"L{(each / 'level').read_text().strip()} {(each / 'size').read_text().strip()}"
        for each in caches
        if (each / "type").read_text().strip() != "Instruction"
    ]
    memory = int(Path("/proc/meminfo").read_text().split()[1]) >> 20
    return {
        "CPU": name[1].strip() if name else "unknown",
        "caches": ", ".join(sizes),
        "cores": str(os.cpu_count()),
        "memory": f"{memory} GiB",
        "virtual machine": "yes" if " hypervisor" in cpu else "no",
        "load before": load(),
    }


def load() -> str:
    """How many programs wanted a CPU in the last 1, 5 and 15 minutes."""
    return ", ".join(Path("/proc/loadavg").read_text().split()[:3])


def commit() -> str:
    """The commit in the source tree, and whether it was changed since."""
    try:
        return process.run(["git", "-C", paths.TREE, "describe", "--always", "--dirty"]).strip()
    except (say.Trouble, FileNotFoundError):
        return "not under git"
