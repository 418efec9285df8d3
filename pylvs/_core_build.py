# SPDX-License-Identifier: GPL-2.0
"""Build pylvs._core: the kernel's pure C core and schedulers as a Python extension.

setup.py names ``ffibuilder``; ``python -m pylvs._core_build`` builds the extension
beside this file, for tests and simulations from a source tree.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from cffi import FFI  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent.parent

SOURCES = (
    "kernel/core/tcp_state.c",
    "kernel/core/wire.c",
    "kernel/sched/least.c",
    "kernel/sched/lc.c",
    "kernel/sched/rr.c",
    "kernel/sched/sched.c",
    "kernel/sched/wlc.c",
    "kernel/sched/wrr.c",
)
HEADERS = (
    "kernel/core/csum.h",
    "kernel/core/port.h",
    "kernel/core/tcp_state.h",
    "kernel/core/tuple.h",
    "kernel/core/user_port.h",
    "kernel/core/wire.h",
    "kernel/sched/least.h",
    "kernel/sched/sched.h",
    "kernel/uapi/ippfvs.h",
)

INCLUDES = """
#include "core/csum.h"
#include "core/tcp_state.h"
#include "core/wire.h"
#include "sched/sched.h"
"""

# What the headers declare. cffi compares every number and offset with the
# compiler's; an enum that lacked a name would not be noticed by it, but is by
# tests/core/test_declarations.py.
DECLARATIONS = """
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef uint16_t __be16;
typedef uint32_t __be32;

#define IPPFVS_FAMILY_IPV4 2
#define IPPFVS_FAMILY_IPV6 10
#define IPPFVS_WIRE_EXTENSIONS_MAX 8
#define IPPFVS_TCP_FIN 0x01
#define IPPFVS_TCP_SYN 0x02
#define IPPFVS_TCP_RST 0x04
#define IPPFVS_TCP_ACK 0x10
#define IPPFVS_WEIGHT_MAX 65535
#define IPPFVS_REALS_MAX 16384

enum ippfvs_state {
    IPPFVS_STATE_NONE,
    IPPFVS_STATE_SYN_SENT,
    IPPFVS_STATE_SYN_RECV,
    IPPFVS_STATE_ESTABLISHED,
    IPPFVS_STATE_FIN_WAIT,
    IPPFVS_STATE_CLOSE_WAIT,
    IPPFVS_STATE_LAST_ACK,
    IPPFVS_STATE_TIME_WAIT,
    IPPFVS_STATE_CLOSED,
    IPPFVS_STATE_UDP,
    __IPPFVS_STATE_MAX
};

enum ippfvs_side {
    IPPFVS_SIDE_CLIENT,
    IPPFVS_SIDE_SERVER,
    IPPFVS_SIDE_CLIENT_ONLY,
    IPPFVS_SIDES
};

enum ippfvs_wire_error {
    IPPFVS_WIRE_MALFORMED = 1,
    IPPFVS_WIRE_FRAGMENT,
    IPPFVS_WIRE_OTHER
};

struct in6_addr {
    u8 s6_addr[16];
    ...;
};

union ippfvs_addr {
    __be32 ip;
    struct in6_addr ip6;
    __be32 word[4];
    u8 byte[16];
};

struct ippfvs_tuple {
    union ippfvs_addr saddr;
    union ippfvs_addr daddr;
    __be16 sport;
    __be16 dport;
    u8 family;
    u8 protocol;
};

struct ippfvs_wire {
    struct ippfvs_tuple tuple;
    u32 length;
    u16 l4;
    u16 l4_size;
    u16 inner;
    u8 ttl;
    u8 tos;
    u8 tcp_flags;
    u8 icmp_type;
    u8 icmp_code;
    bool options;
    bool dont_fragment;
};

typedef struct {
    u64 value;
} ippfvs_atomic64;

struct ippfvs_load {
    ippfvs_atomic64 counts;
};

struct ippfvs_sched_real {
    const struct ippfvs_load *load;
    u32 weight;
};

struct ippfvs_sched_view {
    const struct ippfvs_sched_real *real;
    u32 n;
};

struct ippfvs_flow {
    u32 hash;
};

struct ippfvs_scheduler {
    const char *name;
    size_t (*state_size)(u32 n);
    void (*init)(const struct ippfvs_sched_view *view, void *state, u64 cursor);
    u64 (*cursor)(const void *state);
    int (*pick)(const struct ippfvs_sched_view *view, void *state,
                const struct ippfvs_flow *flow);
    void (*changed)(const struct ippfvs_sched_view *view, void *state, u32 index);
};

bool ippfvs_addr_equal(const union ippfvs_addr *a, const union ippfvs_addr *b);
unsigned int ippfvs_addr_len(u8 family);

int ippfvs_wire_read(struct ippfvs_wire *wire, const u8 *data, u32 avail, u32 total);
int ippfvs_wire_read_quoted(struct ippfvs_wire *wire, const u8 *data, u32 avail,
                            u32 total);

u16 ippfvs_csum_update(u16 check, const void *from, const void *to, u32 len);
u16 ippfvs_csum_update_partial(u16 check, const void *from, const void *to, u32 len);
u16 ippfvs_csum(const void *data, u32 len);

u8 ippfvs_tcp_next(u8 state, enum ippfvs_side side, u8 flags);
bool ippfvs_tcp_reopens(u8 state, u8 flags);
bool ippfvs_state_active(u8 state);

u64 ippfvs_load_cost(const struct ippfvs_load *load);
extern const struct ippfvs_scheduler *const ippfvs_schedulers[];
const struct ippfvs_scheduler *ippfvs_sched_lookup(const char *name);
"""


def builder(root: str = "") -> FFI:
    """Return the cffi builder.

    :param root: the source tree with a slash at its end; empty: the folder in which
        the build runs, which an sdist needs (setup.py runs in its own folder)
    """
    ffi = FFI()
    ffi.cdef(DECLARATIONS)
    ffi.set_source(
        "pylvs._core",
        INCLUDES,
        sources=[root + source for source in SOURCES],
        depends=[root + header for header in HEADERS],
        include_dirs=[f"{root}kernel"],
        extra_compile_args=["-std=gnu11", "-O2", "-Wall"],
    )
    return ffi


def build_in_place() -> Path:
    """Build the extension into the source tree and return its path.

    Objects go to a temporary folder: kbuild makes files of the same names. An
    extension that another build tool left there goes: it might be imported instead.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = Path(builder(f"{ROOT}/").compile(tmpdir=folder))
        target = ROOT / "pylvs" / made.name
        fresh = target.with_suffix(".new")
        shutil.copy(made, fresh)
        fresh.replace(target)
    for other in target.parent.glob("_core.*.so"):
        if other != target:
            other.unlink()
    return target


ffibuilder = builder()

if __name__ == "__main__":
    print(build_in_place())
