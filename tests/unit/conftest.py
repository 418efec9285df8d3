# SPDX-License-Identifier: GPL-2.0
from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import settings

from pylvs.cli import main
from pylvs.manager import Manager
from tests.unit.fakekernel import FakeKernel
from tests.unit.samples import Outcome

settings.register_profile("unit", deadline=None)  # tests must pass on a busy machine, too
settings.load_profile("unit")


@pytest.fixture
def kernel() -> FakeKernel:
    return FakeKernel()


@pytest.fixture
def lvs(kernel: FakeKernel) -> Manager:
    return Manager(transport=kernel)


@pytest.fixture
def run(
    kernel: FakeKernel, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """Return a function that runs a command line of ippfvsadm on the model of the kernel."""

    def ippfvsadm(line: str, stdin: str = "") -> Outcome:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        monkeypatch.setattr("pylvs.cli._input_name", lambda: "rules.txt")
        code = main(line.split(), lambda netns: Manager(transport=kernel.clone()))
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return ippfvsadm
