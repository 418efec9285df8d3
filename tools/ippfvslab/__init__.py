# SPDX-License-Identifier: GPL-2.0
"""The lab: real kernels in guests, farms of network namespaces, the tests and the demo.

The script `tools/lab` prepares the machine and then runs this package with the Python of the cache.
Only `demo --host` loads a module into the running kernel, and it prints that it does so.
"""
