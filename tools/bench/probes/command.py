# SPDX-License-Identifier: GPL-2.0
"""One command that adds a real server, from exec to exit; and the start of Python alone."""

from __future__ import annotations

import os
from collections.abc import Callable

from bench.farm import Case, Variant, directors, load
from bench.laps import take, timed
from bench.model import Benchmark, Record

LIBRARIES = "import dataclasses, enum, socket, struct"
"""What pylvs imports of the standard library for one command."""


def measure(benchmark: Benchmark, until: float) -> Record:
    """Each lap adds another real server to a service of each balancer."""
    load()
    case = Case()
    with directors({"ippfvs": case, "IPVS": case}) as variants:
        python = os.environ["PYTHON"]
        found = take(
            {
                "ippfvs": _adding(variants["ippfvs"], "ippfvsadm"),
                "IPVS": _adding(variants["IPVS"], os.environ["IPVSADM"]),
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


def _adding(variant: Variant, command: str) -> Callable[[], float]:
    numbers = iter(range(1, 255))

    def lap() -> float:
        real = f"172.16.1.{next(numbers)}:80"
        with variant.host.inside():
            words = ("-a", "-u", f"{variant.case.vips[0]}:80", "-r", real, "-m")
            return timed(command, *words).seconds

    return lap
