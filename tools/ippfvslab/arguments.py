# SPDX-License-Identifier: GPL-2.0
"""`python -m ippfvslab.arguments`: validates the arguments of `tools/lab` before the set-up.

A fresh machine has none of the packages yet. So this module and all that it imports need only the
standard library.
"""

from __future__ import annotations

import sys

from ippfvslab.cli import validate

sys.exit(validate())
