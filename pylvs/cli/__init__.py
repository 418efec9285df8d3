# SPDX-License-Identifier: GPL-2.0
"""ippfvsadm, the command."""

from __future__ import annotations

from .program import main

__all__ = ["main"]
