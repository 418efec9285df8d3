# SPDX-License-Identifier: GPL-2.0
"""The module taken out and put in again: all that it knew is gone."""

from __future__ import annotations

import os
import subprocess


def reload(**parameters: int) -> None:
    """Load it anew, with PARAMETERS."""
    words = [f"{name}={value}" for name, value in parameters.items()]
    subprocess.run(["rmmod", "ippfvs"], check=True)
    subprocess.run(["insmod", os.environ["IPPFVS_MODULE"], *words], check=True)
