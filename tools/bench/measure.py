# SPDX-License-Identifier: GPL-2.0
"""In the guest: measure the benchmarks that are named, and write the figures down after each."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import time
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ippfvslab.say import line

from bench import farm
from bench.benchmarks import BENCHMARKS
from bench.model import Benchmark, Record
from bench.shell import run

_LEAVE_BYTES = 200 << 20


def main() -> int:
    """Leave RUN/figures.json."""
    words = argparse.ArgumentParser()
    words.add_argument("--kernel", required=True)
    words.add_argument("--share", type=float, default=1, help="of each benchmark's time")
    words.add_argument("names", nargs="+")
    chosen = words.parse_args()
    touch_memory()
    known = {each.name: each for each in BENCHMARKS}
    records: dict[str, Any] = {}
    due = time.monotonic()
    for name in chosen.names:
        # What one benchmark leaves of its time, the next ones may take; what one takes too much,
        # they lose, but for half of theirs.
        own = chosen.share * known[name].time_s
        due = max(due + own, time.monotonic() + own / 2)
        record = _measure(known[name], due)
        records[f"{name}@{chosen.kernel}"] = asdict(replace(record, kernel=chosen.kernel))
        _write({"guest": describe(), "records": records})
    farm.unload()
    return 0


def _measure(benchmark: Benchmark, until: float) -> Record:
    """Figures, or what went wrong: the other benchmarks are measured all the same."""
    line(f"-- {benchmark.name}: {benchmark.title}")
    probe = importlib.import_module(f"bench.probes.{benchmark.probe}")
    began = time.monotonic()
    try:
        record: Record = probe.measure(benchmark, until)
    except Exception as fault:
        text = " ".join(str(fault).split())
        trouble = text if type(fault) is RuntimeError else f"{type(fault).__name__}: {text}"
        line(f"!! {benchmark.name} failed: {trouble}")
        with Path(os.environ["IPPFVS_RUN"], "tracebacks").open("a") as log:
            log.write(f"{benchmark.name}:\n{''.join(traceback.format_exception(fault))}\n")
        record = Record("", trouble=trouble)
    return replace(record, seconds=round(time.monotonic() - began, 1))


def describe() -> dict[str, str]:
    """The guest itself."""
    memory = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "kernel": platform.release(),
        "CPUs": str(os.cpu_count()),
        "memory": f"{memory >> 10} MiB",
    }


def touch_memory() -> None:
    """Have a file in memory take nearly all that is free, and drop it.

    User-Mode Linux gets its memory from the host page by page, at first touch. Otherwise the first
    variant that uses a page would pay for the host's page fault.
    """
    free = next(
        int(each.split()[1]) << 10
        for each in Path("/proc/meminfo").read_text().splitlines()
        if each.startswith("MemAvailable:")
    )
    mount = Path("/run/touch")
    mount.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={free}", "tmpfs", str(mount))
    try:
        with (mount / "all").open("wb") as file:
            # A tmpfs makes room by clearing pages, which touches them.
            os.posix_fallocate(file.fileno(), 0, max(1, free - _LEAVE_BYTES))
    finally:
        run("umount", str(mount))


def _write(found: dict[str, Any]) -> None:
    file = Path(os.environ["IPPFVS_RUN"], "figures.json")
    part = file.with_suffix(".part")
    part.write_text(json.dumps(found))
    part.rename(file)


if __name__ == "__main__":
    raise SystemExit(main())
