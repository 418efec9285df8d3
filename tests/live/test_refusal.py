# SPDX-License-Identifier: GPL-2.0
"""A kernel on which the module is not safe. The guest starts without the module."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ippfvslab import klog

REASON = "not safe on a PREEMPT_RT kernel without PREEMPT_RT_NEEDS_BH_LOCK"


def test_the_module_refuses_an_unsafe_kernel_and_says_why() -> None:
    module = os.environ["IPPFVS_MODULE"]
    needs = subprocess.run(
        ["modinfo", "-F", "depends", module], capture_output=True, text=True, check=True
    ).stdout
    subprocess.run(["modprobe", "-a", *needs.strip().split(",")], check=True)
    done = subprocess.run(["insmod", module], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Operation not supported" in done.stderr
    assert not Path("/sys/module/ippfvs").exists()
    log = subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout
    assert f"ippfvs: {REASON}; use another kernel" in log
    assert klog.JOB_BEGINS in log
    assert klog.scan(klog.since_job(log)) == []
