# SPDX-License-Identifier: GPL-2.0
"""The lab: real kernels in guests, farms of network namespaces, tests and the demo.

`tools/lab` is the door: it prepares the machine and runs this package with the Python of the
cache. Nothing here loads a module into the running kernel, except `demo --host`, which says so.
"""
