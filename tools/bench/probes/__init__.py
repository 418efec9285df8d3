# SPDX-License-Identifier: GPL-2.0
"""The probes, one module for each way to measure.

Each has `measure(benchmark, until) -> Record`, which runs in the guest. UNTIL is a value of
time.monotonic().
"""
