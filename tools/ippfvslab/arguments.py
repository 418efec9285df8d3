# SPDX-License-Identifier: GPL-2.0
"""`python -m ippfvslab.arguments` validates the arguments of `tools/lab` before the set-up.

A fresh machine does not have the packages of the lab yet. So this module, and every module that it
imports, needs only the standard library.
"""

from __future__ import annotations

import sys

from ippfvslab.cli import validate

sys.exit(validate())
