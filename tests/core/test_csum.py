# SPDX-License-Identifier: GPL-2.0
"""Checksums, compared with a simple sum over all bytes, and the special cases of RFC 1624."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scapy.utils import checksum as scapy_checksum

from pylvs import core


def naive_sum(data: bytes) -> int:
    """Return the sum of big-endian words, after each of which the carry is added."""
    total = 0
    for at in range(0, len(data), 2):
        total += int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big")
        if total > 0xFFFF:
            total -= 0xFFFF
    return total


def naive_csum(data: bytes) -> int:
    return 0xFFFF ^ naive_sum(data)


def words(count: st.SearchStrategy[int]) -> st.SearchStrategy[bytes]:
    """Return byte strings of even length, often with words that cause or absorb carries."""
    edge = st.sampled_from([b"\0\0", b"\xff\xff", b"\0\1", b"\xff\xfe", b"\x80\0"])
    word = edge | st.binary(min_size=2, max_size=2)
    return count.flatmap(lambda n: st.lists(word, min_size=n, max_size=n).map(b"".join))


@given(st.binary(max_size=200))
@example(b"")
@example(b"\xff" * 7)
@example(b"\0" * 40)
def test_csum_is_the_naive_sum(data: bytes) -> None:
    assert core.csum(data) == naive_csum(data)
    assert core.csum(data) == scapy_checksum(data)


@pytest.mark.parametrize("byte", [0x00, 0x01, 0xFF])
@pytest.mark.parametrize("size", [1499, 65535, 1 << 20, (1 << 20) + 3])
def test_csum_of_long_runs_loses_no_carry(byte: int, size: int) -> None:
    data = bytes([byte]) * size
    assert core.csum(data) == naive_csum(data)


@given(st.data())
def test_update_is_recomputation(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 12))
    old = data.draw(words(st.just(size)))
    new = data.draw(words(st.just(size)))
    before = data.draw(words(st.integers(0, 6)))
    after = b"\0\6" + data.draw(words(st.integers(0, 6)))  # a protocol is never all zero
    check = naive_csum(before + old + after)

    assert core.csum_update(check, old, new) == naive_csum(before + new + after)


@given(st.data())
def test_partial_update_is_recomputation(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 12))
    old = data.draw(words(st.just(size)))
    new = data.draw(words(st.just(size)))
    rest = b"\0\x11" + data.draw(words(st.integers(0, 6)))

    assert core.csum_update_partial(naive_sum(old + rest), old, new) == naive_sum(new + rest)


@given(words(st.integers(0, 20)), st.integers(1, 0xFFFF))
def test_there_and_back_again(data: bytes, check: int) -> None:
    turned = data[::-1]
    updated = core.csum_update(check ^ 0xFFFF, data, turned)
    assert core.csum_update(updated, turned, data) == check ^ 0xFFFF


CORNERS = [
    ("RFC 1624, section 4", 0xDD2F, "5555", "3285", 0x0000),
    ("nothing changes", 0x1234, "abcd", "abcd", 0x1234),
    ("no bytes", 0x1234, "", "", 0x1234),
    ("zero stays zero", 0x0000, "0000", "0000", 0x0000),
    ("zero, all ones to zero", 0x0000, "ffff", "0000", 0x0000),
    ("zero, zero to all ones", 0x0000, "0000", "ffff", 0x0000),
    ("all ones to zero", 0x1234, "ffff", "0000", 0x1234),
    ("the sum wraps", 0x0001, "0000", "0001", 0x0000),
    ("and wraps again", 0x0000, "0000", "0001", 0xFFFE),
]


@pytest.mark.parametrize(("check", "old", "new", "expected"), [c[1:] for c in CORNERS],
                         ids=[c[0] for c in CORNERS])  # fmt: skip
def test_corners(check: int, old: str, new: str, expected: int) -> None:
    assert core.csum_update(check, bytes.fromhex(old), bytes.fromhex(new)) == expected


def test_a_right_sum_never_becomes_all_ones() -> None:
    for check in range(0xFFFF):
        edges = (0x0000, 0x8000, 0xFFFF, check, check ^ 0xFFFF)
        for edge in edges:
            old, new = edge.to_bytes(2, "big"), b"\0\0"
            assert core.csum_update(check, old, new) != 0xFFFF
            assert core.csum_update(check, new, old) != 0xFFFF


@pytest.mark.parametrize(("old", "new"), [(b"abc", b"abc"), (b"ab", b"abcd")])
def test_odd_or_uneven_bytes_are_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(ValueError, match="even length"):
        core.csum_update(0, old, new)
