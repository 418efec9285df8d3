# SPDX-License-Identifier: GPL-2.0
"""The declarations for cffi have the same names and values as the headers."""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import Path

import pytest

from pylvs import _core_build, core
from pylvs._core import ffi, lib
from pylvs.model import State

KERNEL = _core_build.ROOT / "kernel"


def header(name: str) -> str:
    """Return a header without its comments."""
    return re.sub(r"/\*.*?\*/", "", (KERNEL / name).read_text(), flags=re.DOTALL)


def enum_in_header(text: str, name: str) -> dict[str, int]:
    body = re.search(rf"enum {name} {{(.*?)}};", text, flags=re.DOTALL)
    assert body
    numbers: dict[str, int] = {}
    following = 0
    for item in filter(None, map(str.strip, body[1].split(","))):
        label, _, value = (part.strip() for part in item.partition("="))
        numbers[label] = int(value, 0) if value else following
        following = numbers[label] + 1
    return numbers


ENUMS = [
    ("ippfvs_state", "uapi/ippfvs.h"),
    ("ippfvs_side", "core/tcp_state.h"),
    ("ippfvs_wire_error", "core/wire.h"),
]


@pytest.mark.parametrize(("enum", "file"), ENUMS)
def test_enum_lists_every_name(enum: str, file: str) -> None:
    assert ffi.typeof(f"enum {enum}").relements == enum_in_header(header(file), enum)


MIRRORS: list[tuple[type[IntEnum], str, str, set[str]]] = [
    (State, "ippfvs_state", "IPPFVS_STATE_", {"__IPPFVS_STATE_MAX"}),
    (core.Side, "ippfvs_side", "IPPFVS_SIDE_", {"IPPFVS_SIDES"}),
    (core.Unreadable, "ippfvs_wire_error", "IPPFVS_WIRE_", set()),
]


@pytest.mark.parametrize(("mirror", "enum", "prefix", "ends"), MIRRORS)
def test_python_mirrors_the_enum(
    mirror: type[IntEnum], enum: str, prefix: str, ends: set[str]
) -> None:
    numbers = ffi.typeof(f"enum {enum}").relements
    expected = {name: number for name, number in numbers.items() if name not in ends}
    assert {prefix + each.name: each.value for each in mirror} == expected


def test_python_mirrors_the_tcp_flags() -> None:
    macros = re.findall(r"#define (IPPFVS_TCP_\w+)\s+(0x\w+)", header("core/wire.h"))
    expected = {name: int(number, 16) for name, number in macros}
    assert {f"IPPFVS_TCP_{flag.name}": flag.value for flag in core.TcpFlags} == expected
    assert {name: getattr(lib, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("file", "struct"),
    [
        ("core/tuple.h", "ippfvs_tuple"),
        ("core/wire.h", "ippfvs_wire"),
        ("sched/sched.h", "ippfvs_load"),
        ("sched/sched.h", "ippfvs_sched_real"),
        ("sched/sched.h", "ippfvs_sched_view"),
        ("sched/sched.h", "ippfvs_flow"),
        ("sched/sched.h", "ippfvs_excluded"),
        ("sched/shares.h", "ippfvs_shares"),
        ("sched/sched.h", "ippfvs_scheduler"),
    ],
)
def test_struct_has_every_field(file: str, struct: str) -> None:
    body = re.search(rf"struct {struct} {{(.*?)\n}};", header(file), flags=re.DOTALL)
    assert body
    fields = re.findall(r"(?:\(\*)?(\w+)(?:\[\w+\]|\)\([^)]*\))?;", body[1])
    assert [name for name, _ in ffi.typeof(f"struct {struct}").fields] == fields


def test_kbuild_and_cffi_compile_the_same_sources() -> None:
    kbuild = (_core_build.ROOT / "Kbuild").read_text()
    objects = re.findall(r"^ippfvs-y \+= (kernel/(?:core|sched)/\w+)\.o$", kbuild, re.MULTILINE)
    assert sorted(_core_build.SOURCES) == sorted(f"{name}.c" for name in objects)


def test_every_header_of_the_pure_c_is_declared() -> None:
    paths = [*KERNEL.glob("core/*.h"), *KERNEL.glob("sched/*.h")]
    found = {str(Path("kernel") / path.relative_to(KERNEL)) for path in paths}
    assert set(_core_build.HEADERS) == found | {"kernel/uapi/ippfvs.h"}


def test_every_function_of_the_headers_is_declared() -> None:
    for name in _core_build.HEADERS:
        if name.endswith("port.h"):
            continue
        text = header(name.removeprefix("kernel/"))
        for function in re.findall(r"^[\w *]*?\b(ippfvs_\w+)\(", text, re.MULTILINE):
            assert hasattr(lib, function), f"{name}: {function}"
