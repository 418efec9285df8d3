# SPDX-License-Identifier: GPL-2.0
"""The arithmetic of the benchmark: medians, intervals, targets, packets, and valid slices."""

from __future__ import annotations

import argparse
import random
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bench import flood, packets, run, sessions, stats
from bench.farm import Case, Floor, Variant
from bench.model import Record, Verdict, cost, figure, times
from bench.probes import http, many
from bench.stats import Estimate
from ippfvslab.log import LabError


@pytest.mark.parametrize(
    ("count", "wanted"), [(1, None), (5, None), (6, 1), (9, 2), (30, 10), (100, 40)]
)
def test_rank_equals_the_rank_of_the_sign_test(count: int, wanted: int | None) -> None:
    assert stats.rank(count) == wanted


def test_interval_of_independent_values_covers_the_median_with_95_percent() -> None:
    chance = random.Random(1)
    covered = 0
    for _ in range(400):
        low, high = stats.interval([chance.lognormvariate(0, 1) for _ in range(40)])
        covered += low <= 1 <= high
    assert covered / 400 >= 0.93


def test_sessions_that_differ_widen_the_interval() -> None:
    """All pairs of a session agree, but the sessions differ.

    An interval computed only from the pairs would be too narrow.
    """
    equal_pairs = [[1.0 + 0.1 * number] * 20 for number in range(6)]
    estimate = stats.estimate(equal_pairs)
    assert (estimate.low, estimate.high) == (1.0, 1.5)
    assert estimate.value == pytest.approx(1.25)
    assert not estimate.narrow


def test_estimate_is_narrow_only_with_enough_pairs_and_sessions() -> None:
    assert stats.estimate([[2.0] * 5] * 6).narrow
    assert not stats.estimate([[2.0] * 100] * 5).narrow
    assert not stats.estimate([[2.0] * 4] * 7).narrow


def test_inverse_swaps_the_ends_of_the_interval() -> None:
    assert Estimate(2.0, 1.0, 4.0, 9).inverse == Estimate(0.5, 0.25, 1.0, 9)


def test_pairs_cancel_a_linear_drift() -> None:
    speed = [100.0 + number for number in range(9)]
    base, other = speed[0::2], [2 * each for each in speed[1::2]]
    assert stats.pair(base, [*other, 2 * speed[-1]]) == pytest.approx([2.0] * 5)


def test_pairs_of_unequal_counts_raise_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        stats.pair([1.0, 2.0], [1.0])


def record(ratio: Estimate, kernel: str = "6.12") -> Record:
    return Record(kernel, {"ippfvs": ratio}, {"IPVS": ratio})


@pytest.mark.parametrize(
    ("target", "estimate", "mark"),
    [
        (times("IPVS", 2.0), Estimate(2.1, 1.9, 2.3, 30), "✓"),
        (times("IPVS", 2.0), Estimate(1.9, 1.8, 2.1, 30), "≈"),
        (times("IPVS", 2.0), Estimate(1.8, 1.7, 1.9, 30), "✗"),
        (cost("IPVS", 1.3), Estimate(0.8, 0.75, 0.85, 30), "✓"),
        (cost("IPVS", 1.3), Estimate(0.75, 0.7, 0.8, 30), "≈"),
        (cost("IPVS", 1.3), Estimate(0.5, 0.4, 0.6, 30), "✗"),
        (figure("ippfvs", 112), Estimate(100, 99, 120, 3), "✓"),
        (figure("ippfvs", 112), Estimate(113, 111, 120, 3), "≈"),
        (figure("ippfvs", 112), Estimate(130, 120, 140, 3), "✗"),
    ],
)
def test_target_is_missed_only_beyond_its_interval(
    target: Any, estimate: Estimate, mark: str
) -> None:
    verdict = target.verdict(record(estimate))
    assert isinstance(verdict, Verdict)
    assert verdict.mark == mark
    assert verdict.missed == (mark == "✗")


def test_target_has_a_bound_for_each_kernel() -> None:
    estimate = Estimate(2.2, 2.1, 2.3, 30)
    marks = [times("IPVS", 2.0, 2.5).verdict(record(estimate, each)) for each in ("6.12", "newest")]
    assert [each.mark for each in marks if each] == ["✓", "✗"]


def test_a_target_that_was_not_measured_has_no_verdict() -> None:
    assert times("plain", 1.0).verdict(record(Estimate(1, 1, 1, 30))) is None


def summed(frame: packets.Frame, size: int) -> tuple[int, int]:
    """Return the checksums over the IPv4 header, and over the segment with its pseudo header."""
    ip = 14 + (20 if size == 4 else 40)
    ends, segment = frame.data[ip - 2 * size : ip], frame.data[ip:]
    number = frame.data[14 + (9 if size == 4 else 6)]
    pseudo = ends + struct.pack("!II", len(segment), number)
    return packets.checksum(frame.data[14:ip]), packets.checksum(pseudo + segment)


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
@pytest.mark.parametrize(
    ("client", "server", "size"), [("198.18.0.1", "10.0.0.1", 4), ("fd18::1", "fd00::1", 16)]
)
def test_frame_has_correct_checksums(protocol: str, client: str, server: str, size: int) -> None:
    ends = packets.End(client, 1024), packets.End(server, 80)
    frame = packets.frame("02:00:00:00:00:01", protocol, *ends, flags=packets.SYN, data=b"odd")
    ip, segment = summed(frame, size)
    assert segment == 0
    assert ip == 0 or size == 16
    assert frame.data[frame.source : frame.source + 4] == ends[0].packed[-4:]
    assert frame.data[frame.dest : frame.dest + 4] == ends[1].packed[-4:]
    assert struct.unpack_from("!HH", frame.data, frame.source_port) == (1024, 80)
    assert frame.dest_port == frame.source_port + 2


def test_partial_frame_has_the_length_and_the_pseudo_checksum_of_the_whole() -> None:
    ends = packets.End("10.0.0.1", 80), packets.End("198.18.0.1", 1024)
    data = packets.partial(packets.frame("02:00:00:00:00:02", "tcp", *ends), 60_000)
    assert struct.unpack_from("!H", data, 16) == (40 + 60_000,)
    assert packets.checksum(data[14:34]) == 0
    pseudo = data[26:34] + struct.pack("!II", 20 + 60_000, 6)
    assert struct.unpack_from("!H", data, 34 + 16) == (0xFFFF & ~packets.checksum(pseudo),)


def test_stream_is_as_long_as_the_module_reads_it() -> None:
    """The size in bytes in flood.c is 3 × 4, 2 × 16, 4 × 2, 4, 3 fields of 2 × 2 + 4 × 4, 128."""
    stream = flood.Stream(Path("/x"), b"frame", 24, 40, [flood.Field(34, 2, 1024, 60_000)])
    packed = stream.pack(7)
    assert len(packed) == 12 + 32 + 8 + 4 + 3 * 20 + 128
    assert packed.endswith(b"frame".ljust(128, b"\0"))


def slice_of(sent: int, left: int, wall_ns: int = 1000) -> flood.Slice:
    return flood.Slice(0, 0, sent, 1000, wall_ns, sent, left, 0)


def test_a_slice_that_did_not_forward_every_packet_is_refused() -> None:
    host: Any = SimpleNamespace(name="v0")
    assert sessions.check_forwarded("plain", Variant(host, Case()), [slice_of(9, 9)]) == 9
    with pytest.raises(RuntimeError, match="plain forwarded 8 of 9 packets"):
        sessions.check_forwarded("plain", Variant(host, Case()), [slice_of(9, 8)])
    with pytest.raises(RuntimeError, match="floor forwarded 9 of 0 packets"):
        sessions.check_forwarded("floor", Floor(host, Case()), [slice_of(9, 9)])


def test_two_cpus_that_took_turns_are_refused() -> None:
    host: Any = SimpleNamespace(name="v0")
    both = [slice_of(5, 12), slice_of(7, 12)]
    assert sessions.check_forwarded("ippfvs, 2 CPUs", Variant(host, Case()), both) == 12
    in_turns = [slice_of(5, 12, wall_ns=2000), slice_of(7, 12, wall_ns=2000)]
    with pytest.raises(RuntimeError, match="too busy to run 2 CPUs at a time"):
        sessions.check_forwarded("ippfvs, 2 CPUs", Variant(host, Case()), in_turns)


def test_samples_are_compared_with_the_first_variant() -> None:
    samples = sessions.Samples()
    for _ in range(6):
        samples.add({"ippfvs": [100.0] * 5, "IPVS": [250.0] * 5})
    assert samples.ratios == {"IPVS": Estimate(2.5, 2.5, 2.5, 30, 6)}
    assert samples.figures["IPVS"].value == 250.0


def test_few_services_are_the_middle_of_many() -> None:
    few, many_ = Case(services=10).vips, Case(services=10_000).vips
    assert many_[4995:5005] == few


def test_rules_have_the_format_of_ipvsadm() -> None:
    assert Case("dr", 6, "tcp", "wlc", servers=1).rules == (
        "-A -t [fd00::100]:80 -s wlc\n-a -t [fd00::100]:80 -r [fd16::2]:80 -g -w 1\n"
    )


def test_slabs_are_counted_in_pages() -> None:
    text = "slabinfo\n# name\nsmall 10 20 64 64 1 : tunables 0 0 0 : slabdata 3 3 0\n"
    assert many.slab_bytes(text) == 3 * 4096
    assert many.listed_bytes("  cpu: 0\n  count: 7\n  high: 9\n") == 7 * 4096


@pytest.mark.parametrize(
    ("change", "error"),
    [({"errors": 1}, "1 errors"), ({"requests": 0}, "0 requests"), ({"bytes": 10}, "10 bytes")],
)
def test_an_http_run_with_errors_is_refused(change: dict[str, float], error: str) -> None:
    seen = {"requests": 100, "bytes": 30_000, "errors": 0, **change}
    with pytest.raises(RuntimeError, match=error):
        http.check_replies("ippfvs", seen, [200, 200])


def test_an_http_run_that_only_one_server_answered_is_refused() -> None:
    with pytest.raises(RuntimeError, match="packets"):
        http.check_replies("ippfvs", {"requests": 100, "bytes": 30_000, "errors": 0}, [10, 400])


def args(*benchmarks: str, **more: Any) -> argparse.Namespace:
    return argparse.Namespace(
        benchmarks=list(benchmarks), **{"quick": False, "write": False, "of": None, **more}
    )


def test_an_unknown_benchmark_is_refused_with_a_suggestion() -> None:
    with pytest.raises(LabError, match=r"no benchmark nat5; did you mean .*nat4"):
        run.validate(args("nat5"))


@pytest.mark.parametrize("more", [{"quick": True}, {"benchmarks": ["nat4"]}])
def test_write_without_a_whole_run_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(LabError, match="--write needs a whole run"):
        run.validate(args(*more.pop("benchmarks", []), write=True, **more))


def test_a_file_without_figures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("{}")
    with pytest.raises(LabError, match="is not a file of figures"):
        run.validate(args(of=str(tmp_path / "x")))
