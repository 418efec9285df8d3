# SPDX-License-Identifier: GPL-2.0
"""The kernel's packet generator is told what to do through files: /proc/net/pktgen."""

from __future__ import annotations

from pathlib import Path

FILES = Path("/proc/net/pktgen")


def tell(file: str, *commands: str) -> None:
    """Write COMMANDS to FILE, that of a device, a thread or all of it, one by one."""
    for command in commands:
        (FILES / file).write_text(f"{command}\n")


def shown(device: str) -> str:
    """All that it says of DEVICE: parameters, how far it has come, and the last result."""
    return (FILES / device).read_text()
