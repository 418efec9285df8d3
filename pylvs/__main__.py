# SPDX-License-Identifier: GPL-2.0
"""``python -m pylvs`` runs ippfvsadm."""

from __future__ import annotations

import sys

from .cli import main

sys.exit(main())
