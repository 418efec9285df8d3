# SPDX-License-Identifier: GPL-2.0
"""pylvs's numbers against kernel/uapi/ippfvs.h, name by name and both ways."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import pylvs
from pylvs import uapi
from pylvs._netlink import messages
from pylvs._netlink.nlattr import AttrSet
from pylvs.model import Method, Protocol, State

KERNEL = Path(__file__).parents[2] / "kernel"


def uncommented(path: Path) -> str:
    return re.sub(r"/\*.*?\*/", " ", path.read_text(), flags=re.DOTALL)


def enums(text: str) -> dict[str, dict[str, int]]:
    """Return the members of every enum, by the enum's name, as C counts them."""
    found = {}
    for name, body in re.findall(r"\benum\s+(\w+)\s*\{(.*?)\}", text, re.DOTALL):
        members: dict[str, int] = {}
        following = 0
        for entry in filter(None, (part.strip() for part in body.split(","))):
            member, _, value = (part.strip() for part in entry.partition("="))
            assert re.fullmatch(r"\w+", member), f"{name}: {entry!r} is beyond this parser"
            following = ast.literal_eval(value) if value else following
            members[member] = following
            following += 1
        found[name] = members
    return found


def defines(text: str) -> dict[str, Any]:
    """Return every macro that is a literal."""
    found = {}
    for name, value in re.findall(r'^#define\s+(\w+)[ \t]+([\w".]+)[ \t]*$', text, re.MULTILINE):
        found[name] = ast.literal_eval(value)
    return found


HEADER = uncommented(KERNEL / "uapi" / "ippfvs.h")
ENUMS = enums(HEADER)


def attributes(attr_set: AttrSet, prefix: str) -> dict[str, int]:
    """Return the attributes of a set, with the number 0 and the padding that it leaves out."""
    declared = {attr.symbol: attr.number for attr in attr_set.attrs.values()}
    padding = {} if 1 in declared.values() else {f"{prefix}_PAD": 1}
    return {f"{prefix}_UNSPEC": 0, **padding, **declared}


def members(enum: Any, prefix: str, unspec: bool = True) -> dict[str, int]:
    mirrored = {f"{prefix}_{member.name}": int(member) for member in enum}
    return {f"{prefix}_UNSPEC": 0, **mirrored} if unspec else mirrored


MIRROR = {
    "ippfvs_cmd": members(uapi.Command, "IPPFVS_CMD"),
    "ippfvs_attr": attributes(messages.MESSAGE, "IPPFVS_A"),
    "ippfvs_service_attr": attributes(messages.SERVICE, "IPPFVS_SERVICE"),
    "ippfvs_real_attr": attributes(messages.REAL, "IPPFVS_REAL"),
    "ippfvs_conn_attr": attributes(messages.CONN, "IPPFVS_CONN"),
    "ippfvs_config_attr": attributes(messages.CONFIG, "IPPFVS_CONFIG"),
    "ippfvs_stats_attr": attributes(messages.STATS, "IPPFVS_STATS"),
    "ippfvs_method": members(Method, "IPPFVS_METHOD"),
    "ippfvs_state": members(State, "IPPFVS_STATE", unspec=False),
    "ippfvs_drop": attributes(messages.DROPS, "IPPFVS_DROP"),
    "ippfvs_eviction": attributes(messages.EVICTIONS, "IPPFVS_EVICTION"),
}


def test_the_mirror_has_every_enum_and_no_other() -> None:
    assert MIRROR.keys() == ENUMS.keys()


@pytest.mark.parametrize("name", sorted(MIRROR))
def test_every_name_has_its_number(name: str) -> None:
    counted = {m: n for m, n in ENUMS[name].items() if not m.startswith("__")}
    assert MIRROR[name] == counted


def test_every_constant_is_mirrored_and_no_other() -> None:
    constants = {
        f"IPPFVS_{name}": value
        for name, value in vars(uapi).items()
        if name.isupper() and isinstance(value, int | str)
    }
    assert constants == defines(HEADER)


# The type that the prose gives each attribute, compared with its kind in pylvs.


def prose_types() -> dict[str, str]:
    text = (KERNEL / "uapi" / "ippfvs.h").read_text()
    pattern = r"(IPPFVS_(?:SERVICE|REAL|CONN|CONFIG)_[A-Z_]+)[ \t]+(nest|binary|u8|u32|be16|string)"
    found = dict(re.findall(pattern, text))
    assert found.pop("IPPFVS_SERVICE_STATS") == found.pop("IPPFVS_REAL_STATS") == "nest"
    return found


def test_every_attribute_has_the_type_of_the_prose() -> None:
    sets = (messages.SERVICE, messages.REAL, messages.CONN, messages.CONFIG)
    attrs = [attr for attr_set in sets for attr in attr_set.attrs.values()]
    assert {attr.symbol: attr.kind for attr in attrs if attr.nest is None} == prose_types()


def test_counters_are_u64() -> None:
    for attr_set in (messages.STATS, messages.DROPS, messages.EVICTIONS):
        assert {attr.kind for attr in attr_set.attrs.values()} == {"u64"}


def test_protocols_are_the_ip_ones() -> None:
    assert (Protocol.TCP, Protocol.UDP) == (6, 17)


def test_one_version() -> None:
    assert defines(uncommented(KERNEL / "version.h"))["IPPFVS_VERSION"] == pylvs.__version__


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("enum a { X, Y = 4, Z, };", {"a": {"X": 0, "Y": 4, "Z": 5}}),
        ("enum b { P = 0x10 }; enum c { Q };", {"b": {"P": 16}, "c": {"Q": 0}}),
    ],
)
def test_the_parser_counts_like_c(text: str, expected: dict[str, dict[str, int]]) -> None:
    assert enums(text) == expected
