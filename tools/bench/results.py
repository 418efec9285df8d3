# SPDX-License-Identifier: GPL-2.0
"""The results of a run, which are kept as JSON, and facts about the machine."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ippfvslab import log, paths, process

from bench.model import KERNELS, Benchmark, Record, Verdict, record_of


@dataclass
class Results:
    """The results of one run."""

    when: str
    commit: str
    quick: bool
    machine: dict[str, str]
    guests: dict[str, dict[str, str]] = field(default_factory=dict)
    """Facts about the guest of each kernel."""
    records: dict[str, Record] = field(default_factory=dict)
    """The records by benchmark and kernel: "nat4@6.12"."""
    faults: list[str] = field(default_factory=list)
    """The complaints in the kernel logs."""
    seconds: float = 0
    """The duration of the whole run."""

    def of(self, benchmark: Benchmark) -> dict[str, Record]:
        """Return the records of BENCHMARK, by kernel."""
        found = {kernel: self.records.get(f"{benchmark.name}@{kernel}") for kernel in KERNELS}
        return {kernel: record for kernel, record in found.items() if record}

    def verdicts(self, benchmarks: Sequence[Benchmark]) -> Iterator[tuple[Benchmark, str, Verdict]]:
        """Yield every measured target of BENCHMARKS with its benchmark and kernel."""
        for benchmark in benchmarks:
            for kernel, record in self.of(benchmark).items():
                for target in benchmark.targets:
                    if verdict := target.verdict(record):
                        yield benchmark, kernel, verdict

    def write(self, file: Path) -> None:
        """Write this run to FILE, with figures of six digits."""
        file.parent.mkdir(parents=True, exist_ok=True)
        data = json.loads(
            json.dumps(asdict(self)), parse_float=lambda text: float(f"{float(text):.6g}")
        )
        file.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def read(file: Path) -> Results:
    """Return the run in FILE."""
    try:
        data = json.loads(file.read_text())
        records = {name: record_of(each) for name, each in data.pop("records").items()}
        return Results(**data, records=records)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as fault:
        raise log.LabError(f"{file} is not a file of figures of tools/lab bench: {fault}") from None


def machine() -> dict[str, str]:
    """Return the facts about the machine on which the figures depend."""
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
    """Return the load of the machine in the last 1, 5 and 15 minutes."""
    return ", ".join(Path("/proc/loadavg").read_text().split()[:3])


def commit() -> str:
    """Return the commit of the source tree, and whether the tree differs from it."""
    try:
        return process.run(["git", "-C", paths.TREE, "describe", "--always", "--dirty"]).strip()
    except (log.LabError, FileNotFoundError):
        return "not under git"
