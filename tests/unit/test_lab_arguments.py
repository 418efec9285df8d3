# SPDX-License-Identifier: GPL-2.0
"""tools/lab refuses wrong arguments before the set-up, which needs only the standard library."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ippfvslab import paths

REFUSED = {
    "bench nosuch": "no benchmark nosuch",
    "bench nat4 --write": "--write needs a whole run",
    "bench --write --quick": "--write needs a whole run",
    "bench --of /nowhere": "/nowhere is not a file of figures",
    "test --kernel nosuch": "test cannot run on a kernel nosuch; the kernels are 6.1, ",
    "test --full -k nat": "--full runs every test on every kernel; leave it out, or ",
    "test --kernel 5.10": "test cannot run on a kernel 5.10; the kernels are 6.1, ",
    "test --ful": "unrecognized arguments: --ful",
    "demo --kernel uml": "demo cannot run on a kernel uml; the kernels are 6.1, 6.12, newest, ",
    "test tests/live/nosuch.py": "there is no file tests/live/nosuch.py",
    "test tests/unit/test_cli.py": "tests/unit/test_cli.py is not a live test",
    "test /etc/passwd": "/etc/passwd is not a live test",
    "demo --method lvs": "invalid choice: 'lvs' (choose from 'nat', 'tun', 'dr', 'local')",
    "check fast": "unrecognized arguments: fast",
}


def _validate(arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-S",
            "-m",
            "ippfvslab.arguments",
            *arguments.split(),
        ],  # -S leaves out site-packages
        env={"PYTHONPATH": f"{paths.TREE}/tools:{paths.TREE}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("arguments", REFUSED)
def test_a_wrong_argument_is_refused_in_one_line(arguments: str) -> None:
    done = _validate(arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tools/lab: ")
    assert done.stderr.count("\n") == 1
    assert REFUSED[arguments] in done.stderr


@pytest.mark.parametrize(
    "arguments",
    ["demo", "test --kernel 6.1 --kernel 7.3 tests/live/test_icmp.py", "bench --quick nat4"],
)
def test_valid_arguments_pass_without_output(arguments: str) -> None:
    done = _validate(arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
