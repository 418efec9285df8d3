# SPDX-License-Identifier: GPL-2.0
"""The probe of a rule set with 10,000 services × 10 real servers: load, list, save, replace."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ippfvslab.netns import Host

import pylvs
from bench.farm import Case, Variant, directors, load
from bench.flood import Flood, flood
from bench.model import Benchmark, Record
from bench.streams import stream
from bench.trials import Trial, run_trials, timed

SERVICES, SERVERS = 10_000, 10
RULES = SERVICES * (1 + SERVERS)
FILES = (Path("/tmp/rules-0"), Path("/tmp/rules-1"))
FLOWS, PACKETS = 60_000, 300_000
CASE = Case(services=SERVICES, servers=SERVERS)
_records: dict[str, Record] = {}
"""The results of three benchmarks, which are measured together."""


class Balancer(NamedTuple):
    """A command, and the difference between the lines that it prints and the rules."""

    command: str
    list_lines: int
    save_lines: int


def measure(benchmark: Benchmark, until: float) -> Record:
    """Measure as the setting of the benchmark says: "load", "list", "save" or "replace"."""
    work: str = benchmark.setting
    if work == "replace":
        return _replace(until)
    if not _records:
        _records.update(_load_list_save(until))
    return _records[work]


def _load_list_save(until: float) -> dict[str, Record]:
    """Load, list and save the same set, because ipvsadm takes more than a minute to load it."""
    load()
    FILES[0].write_text(distinct_rules(1))
    with directors({"ippfvs": Case(), "IPVS": Case()}) as variants:
        hosts = {name: variant.host for name, variant in variants.items()}
        for name, host in hosts.items():
            host.run(_balancers()[name].command, "-C")
        return {
            work: run_trials(
                {name: _trial_of(name, host, work) for name, host in hosts.items()}, until, most
            )
            for work, most in (("load", 1), ("list", 3), ("save", 3))
        }


def distinct_rules(weight: int) -> str:
    """Return the rules in the format of `ipvsadm -S -n`. No two services share a real server."""
    lines = []
    for service in range(SERVICES):
        virtual = f"10.{service >> 8}.{service & 255}.1:80"
        lines.append(f"-A -t {virtual} -s rr\n")
        for number in range(service * SERVERS, (service + 1) * SERVERS):
            real = f"100.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}:80"
            lines.append(f"-a -t {virtual} -r {real} -m -w {weight}\n")
    return "".join(lines)


@cache
def _balancers() -> dict[str, Balancer]:
    # ippfvsadm lists a service in the line of its first server, and saves three settings.
    ours = Balancer("ippfvsadm", 1 - SERVICES, 3)
    return {"ippfvs": ours, "IPVS": Balancer(os.environ["IPVSADM"], 3, 0)}


def _trial_of(name: str, host: Host, work: str) -> Callable[[], float]:
    """Return a function that does WORK once and returns its duration in seconds."""
    each = _balancers()[name]

    def save() -> Trial:
        done = _run(host, each.command, "-S", "-n")
        if done.lines != RULES + each.save_lines:
            raise RuntimeError(f"{name} saved {done.lines} lines of {RULES} rules")
        return done

    def trial() -> float:
        if work == "save":
            return save().seconds
        if work == "load":
            done = _run(host, each.command, "-R", text=FILES[0])
            save()
        elif (done := _run(host, each.command, "-L", "-n")).lines != RULES + each.list_lines:
            raise RuntimeError(f"{name} listed {done.lines} lines of {RULES} rules")
        return done.seconds

    return trial


def _run(host: Host, *command: str, text: Path | None = None) -> Trial:
    with host.inside():
        return timed(*command, text=text)


def _replace(until: float) -> Record:
    """Replace the whole set during traffic. No packet may be lost, and no connection created."""
    load()
    for weight, file in enumerate(FILES, 1):
        file.write_text(CASE.rules.replace(" -w 1\n", f" -w {weight}\n"))
    with directors({"ippfvs": CASE}) as variants, flood() as generator:
        variant = variants["ippfvs"]
        number = generator.add(stream(variant, FLOWS))
        generator.send(number, 2 * FLOWS)
        weights = iter(range(1, 1000))

        def trial() -> float:
            weight = next(weights) % 2 + 1
            with _flowing(generator, number), variant.host.inside():
                seconds = timed("ippfvsadm", "-R", text=FILES[weight - 1]).seconds
            _check(variant, weight)
            return seconds

        return run_trials({"ippfvs": trial}, until, most=6)


def _check(variant: Variant, weight: int) -> None:
    with pylvs.Manager(netns=str(variant.host.path)) as lvs:
        wrong = sum(real.weight != weight for each in lvs.services() for real in each.reals)
    if wrong or variant.created() != FLOWS:
        raise RuntimeError(f"{wrong} wrong weights, {variant.created()} connections of {FLOWS}")


@contextmanager
def _flowing(generator: Flood, number: int) -> Iterator[None]:
    """Send packets of known connections in a thread until exit. A lost packet is an error."""
    over = threading.Event()
    lost: list[int] = []

    def send() -> None:
        while not over.is_set():
            done = generator.send(number, PACKETS)
            lost.append(done.sent - done.forwarded)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if any(lost) or not lost:
        raise RuntimeError(f"packets were lost while rules were replaced: {lost}")
