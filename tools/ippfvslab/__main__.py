# SPDX-License-Identifier: GPL-2.0
"""`python -m ippfvslab`: what `tools/lab` runs once the machine is ready."""

from __future__ import annotations

import sys

from ippfvslab.cli import main

sys.exit(main())
