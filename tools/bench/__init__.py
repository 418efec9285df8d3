# SPDX-License-Identifier: GPL-2.0
"""The benchmark: ippfvs beside the kernel's own IPVS, in one boot, in alternating slices.

    benchmarks ─► run ─► in a guest: measure ─► probes ─► records (JSON) ─► page, charts

A benchmark is data: which probe measures it, with which setting, for which variants, and which
targets it has. A variant is one who forwards packets (ippfvs, IPVS, plain routing …), in a network
namespace of its own (`farm`). A probe knows how something is measured. Every figure is a cost
(nanoseconds per packet, seconds, bytes), and every ratio says how many times as much the other
variant costs. `stats` makes medians and intervals of them, `model` judges targets.
"""
