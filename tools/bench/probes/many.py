# SPDX-License-Identifier: GPL-2.0
"""Measures large numbers of connections: memory, a lookup among ten million, and the listing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ippfvslab.log import line

from bench.farm import Case, Ippfvs, Variant, directors, kind, load, wait_until_stable
from bench.flood import Flood, flood
from bench.model import Benchmark, Record
from bench.sessions import Plan, check_forwarded
from bench.sessions import measure as measure_sessions
from bench.stats import Estimate
from bench.streams import MANY, STRIDE, stream
from bench.trials import run_trials, timed

IDLE_S = 2000
PAGE = 4096
BUCKET_BYTES = 64


@dataclass(frozen=True)
class Setting:
    """What is measured: "memory", "lookup" or "listing"."""

    what: str
    counts: Mapping[str, int]
    """The number of connections of each variant."""


def measure(benchmark: Benchmark, until: float) -> Record:
    """Measure what the setting names."""
    setting: Setting = benchmark.setting
    load(20)
    if setting.what == "lookup":
        return _lookup(benchmark, setting, until)
    if setting.what == "memory":
        return _memory(setting)
    return _listing(setting, until)


def _open(generator: Flood, label: str, variant: Variant, count: int) -> float:
    """Create COUNT connections and return the duration in seconds."""
    addresses = -(-count // MANY)
    number = generator.add(stream(variant, addresses=addresses))
    created = generator.send(number, count)
    check_forwarded(label, variant, [created])
    variant.settle()
    if variant.created() != count:
        raise RuntimeError(f"{label}: {variant.created()} connections were created, not {count}")
    return created.ns / 1e9


def _confirm(generator: Flood, label: str, variant: Variant, count: int) -> None:
    """Send several packets of each connection over more than a second.

    ippfvs forgets a client that has sent fewer after a minute.
    """
    number = generator.add(stream(variant, addresses=-(-count // MANY)))
    time.sleep(1)
    for _ in range(4):
        check_forwarded(label, variant, [generator.send(number, count)])


def _lookup(benchmark: Benchmark, setting: Setting, until: float) -> Record:
    """Measure packets of known connections, in an order that jumps through all of memory."""
    facts: dict[str, str] = {}

    def prepare(generator: Flood, variants: Mapping[str, Variant]) -> dict[str, list[int]]:
        streams = {}
        for label, variant in variants.items():
            assert isinstance(variant, Ippfvs)
            with variant.manager() as lvs:
                lvs.configure(udp_timeout_s=IDLE_S)
            count = setting.counts[label]
            seconds = _open(generator, label, variant, count)
            facts[label] = f"created in {seconds:.1f} s; {variant.buckets():,} buckets"
            addresses = count // MANY
            each = stream(variant, stride=STRIDE, addresses=addresses, jumping=True)
            number = generator.add(each)
            check_forwarded(label, variant, [generator.send(number, 2 * MANY)])
            streams[label] = [number]
        return streams

    def check(variants: Mapping[str, Variant], sent: Mapping[str, int]) -> None:
        for label, variant in variants.items():
            if variant.created() != setting.counts[label]:
                raise RuntimeError(f"{label} created {variant.created()} connections")

    plan = Plan(dict.fromkeys(setting.counts, Case()), prepare, rounds=40, check=check)
    found = measure_sessions(benchmark, plan, until)
    found.facts.update(facts)
    return found


def _memory(setting: Setting) -> Record:
    """Measure the bytes per connection with its share of the table, which both balancers grow."""
    figures = {}
    for label, count in setting.counts.items():
        with directors({label: Case()}) as variants, flood() as generator:
            variant = variants[label]
            wait_until_stable(
                _slabs, still_s=1
            )  # the former namespace is destroyed in the background
            before = MemoryUse.read()
            first = variant.buckets() * BUCKET_BYTES if isinstance(variant, Ippfvs) else 0
            _open(generator, label, variant, count)
            wait_until_stable(_slabs, still_s=1)
            each = (MemoryUse.read().taken_since(before) + first) / count
        figures[label] = Estimate(each, each, each, 1)
        line(f"   {label:<24.24} {each:7.1f} bytes")
    return Record("", figures)


def _slabs() -> int:
    return MemoryUse.read().slabs >> 20


def _listing(setting: Setting, until: float) -> Record:
    """Measure the seconds from exec to exit of each command that lists its connections."""
    commands = {"ippfvs": "ippfvsadm", "IPVS": os.environ["IPVSADM"]}
    head_lines = {"ippfvs": 1, "IPVS": 2}
    cases = dict.fromkeys(setting.counts, Case())
    with directors(cases) as variants, flood() as generator:

        def trial_of(label: str) -> Callable[[], float]:
            variant, count = variants[label], setting.counts[label]
            _open(generator, label, variant, count)
            _confirm(generator, label, variant, count)

            def trial() -> float:
                with variant.host.inside():
                    done = timed(commands[kind(label)], "-L", "-n", "-c")
                if done.lines - head_lines[kind(label)] != count:
                    raise RuntimeError(f"{label} listed {done.lines} lines of {count} connections")
                return done.seconds / count

            return trial

        return run_trials({label: trial_of(label) for label in cases}, until, most=6)


@dataclass(frozen=True)
class MemoryUse:
    """The memory that the kernel has allocated."""

    slabs: int
    """The bytes in pages of all slab caches."""
    vmalloc: int
    free: int
    """The free bytes, including the free pages in the lists of each CPU."""

    @classmethod
    def read(cls) -> MemoryUse:
        """Read /proc after the page cache was dropped."""
        Path("/proc/sys/vm/drop_caches").write_text("3")
        time.sleep(0.1)
        memory = dict(each.split(":") for each in Path("/proc/meminfo").read_text().splitlines())
        listed = listed_bytes(Path("/proc/zoneinfo").read_text())
        return cls(
            slabs=slab_bytes(Path("/proc/slabinfo").read_text()),
            vmalloc=_kib(memory["VmallocUsed"]),
            free=_kib(memory["MemFree"]) + listed,
        )

    def taken_since(self, before: MemoryUse) -> int:
        """Return the growth of slabs and vmalloc, or the loss of free bytes if that is larger."""
        allocated = self.slabs - before.slabs + self.vmalloc - before.vmalloc
        return max(allocated, before.free - self.free)


def slab_bytes(slabinfo: str) -> int:
    """Return the bytes in pages of all caches in the text of /proc/slabinfo."""
    total = 0
    for each in slabinfo.splitlines()[2:]:
        cache, _, slabdata = each.partition(" : slabdata")
        total += int(slabdata.split()[1]) * int(cache.split()[5]) * PAGE
    return total


def listed_bytes(zoneinfo: str) -> int:
    """Return the bytes of free pages in the lists of each CPU: up to an eighth of the memory."""
    fields = (each.split() for each in zoneinfo.splitlines())
    return PAGE * sum(int(each[1]) for each in fields if each[:1] == ["count:"])


def _kib(text: str) -> int:
    return int(text.split()[0]) << 10
