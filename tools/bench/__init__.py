# SPDX-License-Identifier: GPL-2.0
"""The benchmark: ippfvs and the kernel's own IPVS, measured in one boot, in alternating slices.

    benchmarks ─► run ─► in a guest: measure ─► probes ─► records (JSON) ─► page, charts

A benchmark is data: its probe, the probe's setting, its variants and its targets. A variant is
something that forwards packets (ippfvs, IPVS, plain routing …) in a separate network namespace
(`farm`). A probe implements one way to measure. Every figure is a cost (nanoseconds per packet,
seconds, bytes). A ratio is the cost of another variant divided by that of the first variant.
`stats` computes medians and intervals, and `model` compares them with the targets.
"""
