# SPDX-License-Identifier: GPL-2.0
"""The pure C code, run with sanitizers, reads and writes no byte outside its buffers."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from pylvs._core_build import ROOT, SOURCES
from tests.core.wire_cases import QUOTED, READ, REFUSED

FLAGS = [
    "-std=gnu11",
    "-O1",
    "-g",
    "-Wall",
    "-Wextra",
    "-Wno-unused-parameter",
    "-Werror",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
]


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("sanitized") / "sanitized"
    sources = [str(ROOT / source) for source in ("tests/core/sanitized.c", *SOURCES)]
    command = ["gcc", *FLAGS, f"-I{ROOT / 'kernel'}", "-o", str(program), *sources]
    subprocess.run(command, check=True, timeout=120)
    return program


def test_no_byte_too_many(harness: Path) -> None:
    packets = [case[1] for case in (*READ, *REFUSED, *QUOTED)]
    corpus = b"".join(struct.pack("=I", len(packet)) + packet for packet in packets)
    run = subprocess.run([harness], input=corpus, capture_output=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr.decode()
    assert run.stdout.decode() == f"{len(packets)} packets\n"
