# SPDX-License-Identifier: GPL-2.0
"""`python -m ippfvslab`: `tools/lab` runs this when the machine is ready."""

from __future__ import annotations

import os
import sys

from ippfvslab.cli import INTERRUPTED, main

code = main()
if code == INTERRUPTED:
    # Threads may still wait for guests, and a normal exit of Python would wait for these threads.
    sys.stdout.flush()
    os._exit(code)
sys.exit(code)
