# SPDX-License-Identifier: GPL-2.0
"""The probe of a command that adds a real server, from exec to exit, and of the start of Python."""

from __future__ import annotations

import os
from collections.abc import Callable

from bench.farm import Case, Variant, directors, load
from bench.model import Benchmark, Record
from bench.trials import run_trials, timed

LIBRARIES = "import dataclasses, enum, socket, struct"
"""The modules of the standard library that pylvs imports for one command."""


def measure(benchmark: Benchmark, until: float) -> Record:
    """Measure the trials. Each one adds another real server to a service of each balancer."""
    load()
    case = Case()
    with directors({"ippfvs": case, "IPVS": case}) as variants:
        python = os.environ["PYTHON"]
        found = run_trials(
            {
                "ippfvs": _add_real(variants["ippfvs"], "ippfvsadm"),
                "IPVS": _add_real(variants["IPVS"], os.environ["IPVSADM"]),
                "Python": lambda: timed(python, "-c", "pass").seconds,
                "libraries": lambda: timed(python, "-c", LIBRARIES).seconds,
            },
            until,
            most=40,
        )
        for command, variant in (("ippfvsadm", "ippfvs"), (os.environ["IPVSADM"], "IPVS")):
            listed = variants[variant].host.run(command, "-S", "-n").stdout
            if (there := listed.count("172.16.1.")) != found.figures[variant].count:
                raise RuntimeError(f"{variant}: {there} real servers were added")
        return found


def _add_real(variant: Variant, command: str) -> Callable[[], float]:
    numbers = iter(range(1, 255))

    def trial() -> float:
        real = f"172.16.1.{next(numbers)}:80"
        with variant.host.inside():
            arguments = ("-a", "-u", f"{variant.case.vips[0]}:80", "-r", real, "-m")
            return timed(command, *arguments).seconds

    return trial
