# SPDX-License-Identifier: GPL-2.0
"""Large numbers of connections: their memory, a lookup among ten million, and their listing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ippfvslab.say import line

from bench.farm import Case, Ippfvs, Variant, directors, kind, load, settled
from bench.flood import Flood, flood
from bench.laps import take, timed
from bench.model import Benchmark, Record
from bench.sittings import Plan, honest
from bench.sittings import measure as slices
from bench.stats import Estimate
from bench.streams import MANY, STRIDE, stream

IDLE_S = 2000
PAGE = 4096
BUCKET_BYTES = 64


@dataclass(frozen=True)
class Setting:
    """What is measured: memory, lookup or listing."""

    what: str
    counts: Mapping[str, int]
    """The connections of each variant."""


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
    """Make COUNT connections and return the seconds that it took."""
    addresses = -(-count // MANY)
    number = generator.add(stream(variant, addresses=addresses))
    made = generator.send(number, count)
    honest(label, variant, [made])
    variant.settle()
    if variant.made() != count:
        raise RuntimeError(f"{label}: {variant.made()} connections were made, not {count}")
    return made.ns / 1e9


def _lookup(benchmark: Benchmark, setting: Setting, until: float) -> Record:
    """Packets of known connections, in an order that jumps through all of memory."""
    facts: dict[str, str] = {}

    def prepare(generator: Flood, variants: Mapping[str, Variant]) -> dict[str, list[int]]:
        streams = {}
        for label, variant in variants.items():
            assert isinstance(variant, Ippfvs)
            with variant.manager() as lvs:
                lvs.configure(udp_timeout_s=IDLE_S)
            count = setting.counts[label]
            seconds = _open(generator, label, variant, count)
            facts[label] = f"made in {seconds:.1f} s; {variant.buckets():,} buckets"
            addresses = count // MANY
            each = stream(variant, stride=STRIDE, addresses=addresses, jumping=True)
            number = generator.add(each)
            honest(label, variant, [generator.send(number, 2 * MANY)])
            streams[label] = [number]
        return streams

    def check(variants: Mapping[str, Variant], sent: Mapping[str, int]) -> None:
        for label, variant in variants.items():
            if variant.made() != setting.counts[label]:
                raise RuntimeError(f"{label} made {variant.made()} connections")

    plan = Plan(dict.fromkeys(setting.counts, Case()), prepare, rounds=40, check=check)
    found = slices(benchmark, plan, until)
    found.facts.update(facts)
    return found


def _memory(setting: Setting) -> Record:
    """Bytes per connection with its share of the table; both balancers grow theirs here."""
    figures = {}
    for label, count in setting.counts.items():
        with directors({label: Case()}) as variants, flood() as generator:
            variant = variants[label]
            settled(_slabs, still_s=1)  # the former namespace goes by itself
            before = Ledger.read()
            first = variant.buckets() * BUCKET_BYTES if isinstance(variant, Ippfvs) else 0
            _open(generator, label, variant, count)
            settled(_slabs, still_s=1)
            each = (Ledger.read().taken_since(before) + first) / count
        figures[label] = Estimate(each, each, each, 1)
        line(f"   {label:<24.24} {each:7.1f} bytes")
    return Record("", figures)


def _slabs() -> int:
    return Ledger.read().slabs >> 20


def _listing(setting: Setting, until: float) -> Record:
    """Seconds from exec to exit of each command that lists its connections."""
    commands = {"ippfvs": "ippfvsadm", "IPVS": os.environ["IPVSADM"]}
    head_lines = {"ippfvs": 1, "IPVS": 2}
    cases = dict.fromkeys(setting.counts, Case())
    with directors(cases) as variants, flood() as generator:

        def listing(label: str) -> Callable[[], float]:
            variant, count = variants[label], setting.counts[label]
            _open(generator, label, variant, count)

            def lap() -> float:
                with variant.host.inside():
                    done = timed(commands[kind(label)], "-L", "-n", "-c")
                if done.lines - head_lines[kind(label)] != count:
                    raise RuntimeError(f"{label} listed {done.lines} lines of {count} connections")
                return done.seconds / count

            return lap

        return take({label: listing(label) for label in cases}, until, most=6)


@dataclass(frozen=True)
class Ledger:
    """The memory that the kernel has given away."""

    slabs: int
    """Bytes of the pages of all slab caches."""
    vmalloc: int
    free: int
    """Bytes that nobody has, those in the CPUs' own lists of free pages among them."""

    @classmethod
    def read(cls) -> Ledger:
        """Read /proc, without what the page cache holds for a while."""
        Path("/proc/sys/vm/drop_caches").write_text("3")
        time.sleep(0.1)
        memory = dict(each.split(":") for each in Path("/proc/meminfo").read_text().splitlines())
        listed = listed_bytes(Path("/proc/zoneinfo").read_text())
        return cls(
            slabs=slab_bytes(Path("/proc/slabinfo").read_text()),
            vmalloc=_kib(memory["VmallocUsed"]),
            free=_kib(memory["MemFree"]) + listed,
        )

    def taken_since(self, before: Ledger) -> int:
        """Bytes of slabs and vmalloc, or bytes that are missing: whichever is more."""
        told = self.slabs - before.slabs + self.vmalloc - before.vmalloc
        return max(told, before.free - self.free)


def slab_bytes(slabinfo: str) -> int:
    """Bytes of the pages of all caches in the text of /proc/slabinfo."""
    total = 0
    for each in slabinfo.splitlines()[2:]:
        cache, _, slabdata = each.partition(" : slabdata")
        total += int(slabdata.split()[1]) * int(cache.split()[5]) * PAGE
    return total


def listed_bytes(zoneinfo: str) -> int:
    """Bytes of free pages that CPUs keep for themselves: as much as an eighth of the memory."""
    words = (each.split() for each in zoneinfo.splitlines())
    return PAGE * sum(int(each[1]) for each in words if each[:1] == ["count:"])


def _kib(text: str) -> int:
    return int(text.split()[0]) << 10
