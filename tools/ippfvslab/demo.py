# SPDX-License-Identifier: GPL-2.0
"""`tools/lab demo`: prepares everything, then plays the acts in a guest (or on the host)."""

from __future__ import annotations

import argparse

from ippfvslab import guest, kernels, kvm, module, nginx, onhost, say, shell

LIMIT_S = 600
SHELL_LIMIT_S = 24 * 3600


def main(words: argparse.Namespace) -> int:
    """Play the demo; 0 only when every row and every share is right and the kernel is content."""
    nginx.program()
    arguments = ["--method", words.method] if words.method else []
    if words.host:
        return onhost.play(arguments, interactive=words.shell)
    kernel = kernels.get(kernels.resolve(words.kernel))
    ko = module.build(kernel)
    module.compile_tree()
    if words.shell:
        arguments += ["--shell", "/dev/ttyS1"]
    script = f"$PYTHON -m ippfvslab.play {' '.join(arguments)}"
    limit = SHELL_LIMIT_S if words.shell else LIMIT_S
    job = guest.Job("demo", script, limit, terminal=words.shell)
    how = "with KVM" if kvm.usable(kernel) else "emulated"
    usual = "10 seconds" if kvm.usable(kernel) else "half a minute"
    say.line(f"-- Linux {kernel.release} boots {how} (usually {usual})")
    terminal = shell.Relay() if words.shell else None
    outcome = guest.run(kernel, ko, job, say.line, terminal)
    for fault in outcome.faults:
        say.line(f"✗ the kernel: {fault.what}\n{fault.context}")
    if outcome.status or outcome.faults:
        say.line(f"tools/lab: the demo went wrong; what it left is in {outcome.folder}")
    return 1 if outcome.status != 0 or outcome.faults else 0
