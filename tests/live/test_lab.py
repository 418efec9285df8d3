# SPDX-License-Identifier: GPL-2.0
"""The lab itself: the guest runs the kernel it should, with what the farms need."""

from __future__ import annotations

import os


def test_runs_the_kernel_that_was_asked_for() -> None:
    wanted = os.environ["IPPFVS_KERNEL"]
    release = os.uname().release
    assert release.startswith("6.12." if wanted == "sanitize" else f"{wanted}.")
