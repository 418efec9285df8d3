# SPDX-License-Identifier: GPL-2.0
"""One module per way to measure: `measure(benchmark, until) -> Record`, run in the guest."""
