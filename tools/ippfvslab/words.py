# SPDX-License-Identifier: GPL-2.0
"""`python -m ippfvslab.words`: refuses what `tools/lab` cannot do, before it is set up to do it.

A fresh machine has none of the packages yet, so this and all that it imports lean on none.
"""

from __future__ import annotations

import sys

from ippfvslab.cli import judge

sys.exit(judge())
