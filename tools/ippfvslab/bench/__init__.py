# SPDX-License-Identifier: GPL-2.0
"""The benchmark: ippfvs beside the kernel's own IPVS, in one kernel, in one boot.

    questions ─► run ─► in a guest: measure ─► probes × lanes, in rounds ─► results (JSON)
                                                                              │
                                        table, chart, page ◄─ report ◄────────┘

A question is data: which probe answers it, for which lanes, and what must be reached. A probe knows
how something is measured, a lane who is measured; neither knows the other. `report` judges.
"""
