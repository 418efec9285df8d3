# SPDX-License-Identifier: GPL-2.0
"""The comparison of several runs of one commit: `python -m bench.repeat JSON JSON JSON`.

The command writes their ratios to docs/performance/repeat.json, which the page shows as a table.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ippfvslab import paths

from bench import results

FILE = paths.TREE / "docs/performance/repeat.json"


def main(files: list[str]) -> int:
    """Write FILE from the runs in FILES."""
    runs = [_ratios(results.read(Path(file))) for file in files]
    FILE.write_text(json.dumps(runs).replace("], ", "],\n") + "\n")
    return 0


def _ratios(found: results.Results) -> dict[str, Any]:
    """Return the ratios that were measured in pairs of slices."""
    ratios = {
        f"{name} | {label}": [round(each, 4) for each in (one.value, one.low, one.high)]
        for name, record in found.records.items()
        for label, one in record.ratios.items()
        if one.sessions > 1
    }
    return {
        "when": found.when,
        "commit": found.commit,
        "load": found.machine["load before"],
        "ratios": ratios,
    }


def agree(intervals: list[tuple[float, float]]) -> bool:
    """Return whether some value lies in all INTERVALS."""
    return max(low for low, _ in intervals) <= min(high for _, high in intervals)


def table(file: Path = FILE) -> str:
    """Return a table with each ratio in all runs, which says whether their intervals agree."""
    runs = json.loads(file.read_text()) if file.exists() else []
    if not runs:
        return "Not shown yet."
    lines = [
        "| benchmark | compared with | " + " | ".join(each["when"] for each in runs) + " | agree |",
        "|---|---|" + "--:|" * len(runs) + "---|",
    ]
    count = 0
    names = [each for each in runs[0]["ratios"] if all(each in run["ratios"] for run in runs)]
    for name in names:
        found = [run["ratios"][name] for run in runs]
        good = agree([(low, high) for _, low, high in found])
        count += good
        cells = " | ".join(f"{value:.2f} [{low:.2f}, {high:.2f}]" for value, low, high in found)
        lines.append(f"| {name} | {cells} | {'yes' if good else 'no'} |")
    commits = ", ".join(dict.fromkeys(each["commit"] for each in runs))
    loads = "; ".join(each["load"] for each in runs)
    return (
        f"{len(runs)} runs of commit {commits}: the intervals of {count} of {len(names)} ratios"
        f" agree, which means that one value lies in all of them. The machine's load in the last 1,"
        f" 5 and 15 minutes before each run was {loads}.\n\n" + "\n".join(lines)
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
