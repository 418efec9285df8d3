# SPDX-License-Identifier: GPL-2.0
"""The benchmark: ippfvs beside the kernel's own IPVS, in one kernel, in one boot.

    questions ─► run ─► in a guest: measure ─► probes × lanes, in rounds ─► results (JSON)
                                                                              │
                                        table, chart, page ◄─ report ◄────────┘

A question is data: which probe answers it, for which lanes, and what must be reached. A probe knows
how something is measured, a lane who is measured, and the facts about it that probes ask for: where
its packets go, whether they leave again and make connections, whether its table grows. Probes know
a contestant by name only where it alone has what they measure: its commands (command, listing,
replace, rules), the counters of ippfvs's own table (growth, memory, millions). `report` judges.
"""
