# SPDX-License-Identifier: GPL-2.0
"""`tools/lab test`: the plan of tests and kernels, and the sum of the results of guests."""

from __future__ import annotations

from collections import Counter

import pytest
from ippfvslab import cli, kernels, log, paths, suite
from ippfvslab.suite import Part


def _parts(*words: str) -> list[Part]:
    arguments = cli.parser().parse_args(["test", *words])
    names = [kernels.resolve(word) for word in arguments.kernel or []]
    return suite._plan(names, arguments)


def test_a_plain_run_tests_everything_on_the_sanitizer_kernel_and_smoke_on_stock_kernels() -> None:
    parts = _parts()
    stock = ["6.1", "6.12", "newest"]
    assert [part.kernel for part in parts] == ["sanitize", "sanitize", "races", *stock]
    assert [part.files for part in parts[3:]] == [(suite.SMOKE,)] * 3


def test_the_parallel_guests_share_every_live_test() -> None:
    parts = _parts("--kernel", "sanitize", "--kernel", "races")
    files = [file for part in parts for file in part.files]
    found = {str(file.relative_to(paths.TREE)) for file in (paths.TREE / suite.LIVE).glob("test_*")}
    assert len(files) == len(set(files))
    assert {*files, suite.REFUSAL} == found


def test_a_full_run_boots_every_kernel() -> None:
    assert {part.kernel for part in _parts("--full")} == set(kernels.NAMES)


def test_an_unsafe_kernel_runs_only_the_refusal_test() -> None:
    (part,) = _parts("--kernel", "newest-rt")
    assert (part.files, part.refused) == ((suite.REFUSAL,), True)


def test_named_files_run_on_their_default_kernels() -> None:
    races, refusal = f"{suite.LIVE}/test_races_in_the_table.py", suite.REFUSAL
    parts = _parts(f"{suite.LIVE}/test_icmp.py", races, refusal)
    assert [(part.kernel, part.refused) for part in parts] == [
        ("sanitize", False),
        ("races", False),
        ("newest-rt", True),
    ]


def test_the_first_line_names_every_kernel_and_what_runs_on_it() -> None:
    line = suite._announcement(_parts(), here=True)
    assert (
        "all live tests on sanitize; tests of races on races; smoke tests on 6.1, 6.12, newest"
        in line
    )


@pytest.mark.parametrize(
    ("output", "status", "counts"),
    [
        ("...\n3 passed in 2.00s\n", 0, {"passed": 3}),
        ("..F\n1 failed, 2 passed in 2.00s\n", 1, {"passed": 2, "failed": 1}),
        ("...\n3 passed in 2.00s\n", 1, {"passed": 3, "error": 1}),
        ("an unfinished line", 1, {"error": 1}),
        ("an unknown line", 0, {"error": 1}),
        ("no tests ran in 0.10s\n", 5, {"error": 1}),
    ],
)
def test_a_guest_that_failed_never_counts_as_passed(
    output: str, status: int, counts: dict[str, int]
) -> None:
    assert suite._counts(output, status) == counts


def test_a_part_that_cannot_run_is_an_error_and_the_others_continue() -> None:
    def fails() -> suite.Result:
        raise log.LabError("no kernel")

    passes = suite.Result(Counter(passed=1), 1)
    results = suite._run_parallel({"one": fails, "two": lambda: passes})
    assert results == {"one": suite.Result(Counter(error=1)), "two": passes}
    assert suite._conclude(results, 1) == 1


def test_kernels_without_fault_injection_run_no_fault_injection_tests() -> None:
    for name in ("uml", "6.1-uml"):
        files = [file for part in _parts("--kernel", name) for file in part.files]
        assert not set(files) & set(suite.FAULTS)
