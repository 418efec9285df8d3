# SPDX-License-Identifier: GPL-2.0
"""The benchmark: ippfvs beside the kernel's own IPVS, in one kernel, in one boot."""
