# SPDX-License-Identifier: GPL-2.0
"""The constants of kernel/uapi/ippfvs.h.

The numbers of attributes are in pylvs/_netlink/messages.py, those of methods, states and
protocols in :mod:`pylvs.model`. A test compares all of them with the header by name.
"""

from __future__ import annotations

from enum import IntEnum

GENL_NAME = "ippfvs"
GENL_VERSION = 1
GENL_EVENTS = "events"

WEIGHT_MAX = 65535
SCHEDULER_LEN = 16
SERVICES_MAX = 65536
REALS_MAX = 16384
TIMEOUT_MAX_S = 2073600
UNPRIVILEGED_CONNS = 16384
UNPRIVILEGED_SERVICES = 256
UNPRIVILEGED_REALS = 1024


class Command(IntEnum):
    """The commands of the family: enum ippfvs_cmd."""

    SERVICE_NEW = 1
    SERVICE_SET = 2
    SERVICE_DEL = 3
    SERVICE_GET = 4
    REAL_NEW = 5
    REAL_SET = 6
    REAL_DEL = 7
    REAL_GET = 8
    CONN_GET = 9
    CONFIG_GET = 10
    CONFIG_SET = 11
    STATS_GET = 12
    ZERO = 13
    REPLACE = 14
    RULES_GET = 15
