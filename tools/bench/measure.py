# SPDX-License-Identifier: GPL-2.0
"""The guest's part of `tools/lab bench`. It writes the figures to a file after each benchmark."""

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

from ippfvslab.log import line

from bench import farm
from bench.benchmarks import BENCHMARKS
from bench.commands import run
from bench.model import Benchmark, Record

_SPARE_BYTES = 200 << 20


def main() -> int:
    """Write RUN/figures.json."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--share", type=float, default=1, help="share of each benchmark's time")
    parser.add_argument("names", nargs="+")
    chosen = parser.parse_args()
    touch_memory()
    known = {each.name: each for each in BENCHMARKS}
    records: dict[str, Any] = {}
    due = time.monotonic()
    for name in chosen.names:
        # A benchmark that ends early leaves its time to the next ones. A benchmark that takes too
        # long takes time from the next ones, but at most half of theirs.
        own = chosen.share * known[name].time_s
        due = max(due + own, time.monotonic() + own / 2)
        record = _measure(known[name], due)
        records[f"{name}@{chosen.kernel}"] = asdict(replace(record, kernel=chosen.kernel))
        _write({"guest": describe(), "records": records})
    farm.unload()
    return 0


def _measure(benchmark: Benchmark, until: float) -> Record:
    """Return the figures or the error. An error does not prevent the next benchmarks."""
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
    """Return facts about the guest."""
    memory = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "kernel": platform.release(),
        "CPUs": str(os.cpu_count()),
        "memory": f"{memory >> 10} MiB",
    }


def touch_memory() -> None:
    """Fill a file in memory with nearly all free memory, and remove it.

    User-Mode Linux gets each page of its memory from the host at the first access. Without this
    function, the host's page fault would be measured for the first variant that uses a page.
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
            # A tmpfs allocates space by clearing pages, which accesses them.
            os.posix_fallocate(file.fileno(), 0, max(1, free - _SPARE_BYTES))
    finally:
        run("umount", str(mount))


def _write(found: dict[str, Any]) -> None:
    file = Path(os.environ["IPPFVS_RUN"], "figures.json")
    part = file.with_suffix(".part")
    part.write_text(json.dumps(found))
    part.rename(file)


if __name__ == "__main__":
    raise SystemExit(main())
