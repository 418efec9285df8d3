# SPDX-License-Identifier: GPL-2.0
"""Complaints in a kernel log: lines that a healthy kernel never prints."""

from __future__ import annotations

import re
from dataclasses import dataclass

_COMPLAINTS = re.compile(
    r"""
      \bWARNING: | \bBUG: | kernel\ BUG\ at | \bOops[:\ ] | \bUBSAN: | \bKFENCE: | \bKCSAN:
    | possible\ recursive\ locking | possible\ circular\ locking | possible\ irq\ lock\ inversion
    | inconsistent\ lock\ state | held\ lock\ freed | lock\ held\ when\ returning | bad\ unlock
    | suspicious\ RCU\ usage | [Ii]nvalid\ wait\ context | scheduling\ while\ atomic
    | sleeping\ function\ called\ from\ invalid | \bODEBUG: | DEBUG_LOCKS_WARN_ON
    | refcount_t: | unregister_netdevice:\ waiting | leaked\ reference | list_(add|del)\ corruption
    | INFO:\ task\ .*\ blocked | rcu.*detected.*stall | soft\ lockup | hard\ LOCKUP
    | general\ protection | unable\ to\ handle | stack\ segment | double\ fault | Kernel\ panic
    | kmemleak:.*disabled | turning\ off\ the\ locking
    | page\ allocation\ failure | [Oo]bjects\ remaining | kmem_cache_destroy | hw\ csum\ failure
    """,
    re.VERBOSE,
)
# A misaligned access is harmless on x86, and UML aligns many kernel objects less than their type
# requires. virtme-ng's init also writes to the kernel log if a small Debian lacks a program. pktgen
# does so if a test removes a device that sends.
_HARMLESS = re.compile(
    r"UBSAN: misaligned-access|virtme-ng-init:"
    r"|pktgen: WARNING: trying to remove a running interface"
)
_END = re.compile(r"---\[ end trace|^={20,}$")
CONTEXT_LINES = 60


JOB_BEGINS = "ippfvs lab: the job begins"
"""The line that guest.sh writes to the kernel log after boot, before it loads the module."""


@dataclass(frozen=True)
class Fault:
    """One complaint of a kernel: its first line, and the report that follows."""

    what: str
    context: str


def since_job(text: str) -> str:
    """Return the part of the kernel log TEXT after the line JOB_BEGINS, or nothing without it."""
    return text.partition(JOB_BEGINS)[2]


def scan(text: str) -> list[Fault]:
    """Return every complaint in a kernel log, in its order."""
    lines = text.splitlines()
    faults: list[Fault] = []
    position = 0
    while position < len(lines):
        line = lines[position]
        if not _COMPLAINTS.search(line) or _HARMLESS.search(line):
            position += 1
            continue
        after = _report(lines, position)
        context = "\n".join(lines[position : position + after])
        faults.append(Fault(_message(line), context))
        position += after
    return faults


def _report(lines: list[str], first: int) -> int:
    """Return the number of lines of the report that begins at line FIRST."""
    for count, line in enumerate(lines[first + 1 : first + CONTEXT_LINES], start=2):
        if _END.search(_message(line)):
            return count
    return min(CONTEXT_LINES, len(lines) - first)


def _message(line: str) -> str:
    return re.sub(r"^(<\d+>)?\[\s*[\d.]+\]\s?", "", line).strip()
