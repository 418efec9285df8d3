# SPDX-License-Identifier: GPL-2.0
"""The framing of messages, and the socket, tested with the family nlctrl of every kernel."""

from __future__ import annotations

import errno
import os
import struct
import subprocess
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pylvs
from pylvs._netlink import transport
from pylvs._netlink.error_map import Refusal
from pylvs._netlink.transport import (
    Answer,
    NetlinkTransport,
    headers,
    messages,
    refusal_in,
    warning_in,
)
from pylvs.uapi import Command

NLCTRL = "nlctrl"


@pytest.fixture
def nlctrl(monkeypatch: pytest.MonkeyPatch) -> Iterator[NetlinkTransport]:
    """Yield a transport to the family nlctrl, whose version is 2, instead of to ippfvs."""
    monkeypatch.setattr(transport, "GENL_NAME", NLCTRL)
    monkeypatch.setattr(transport, "GENL_VERSION", 2)
    monkeypatch.setattr(transport, "GENL_EVENTS", "notify")
    opened = NetlinkTransport()
    yield opened
    opened.close()


def name_attribute(name: str) -> bytes:
    content = name.encode() + b"\0"
    return struct.pack("=HH", 4 + len(content), 2) + content + b"\0" * (-len(content) % 4)


GETFAMILY = Command(transport.CTRL_CMD_GETFAMILY)  # 3, which has another name in Command


def test_a_missing_module_raises_an_error_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "GENL_NAME", "ippfvs-absent")
    with pytest.raises(pylvs.ModuleNotLoaded, match="module is not loaded") as missing:
        pylvs.Manager()
    assert missing.value.remedy == "load it with: modprobe ippfvs"


def test_a_request_is_answered(nlctrl: NetlinkTransport) -> None:
    (answer,) = nlctrl.do(GETFAMILY, name_attribute(NLCTRL))
    assert b"nlctrl\0" in answer


def test_a_refusal_has_its_errno(nlctrl: NetlinkTransport) -> None:
    with pytest.raises(Refusal) as refused:
        nlctrl.do(GETFAMILY, name_attribute("no such"))
    assert refused.value.errno == errno.ENOENT
    (answer,) = nlctrl.do(GETFAMILY, name_attribute(NLCTRL))
    assert answer


def test_a_refusal_has_the_kernels_message_and_the_offset(nlctrl: NetlinkTransport) -> None:
    wrong = name_attribute(NLCTRL) + struct.pack("=HHI", 5, 1, 0)  # a u16 of one byte
    with pytest.raises(Refusal) as refused:
        nlctrl.do(GETFAMILY, wrong)
    assert refused.value.errno in (errno.EINVAL, errno.ERANGE)
    assert refused.value.kernel
    assert refused.value.offset == len(name_attribute(NLCTRL))


def test_a_dump_is_read_to_its_end_and_the_socket_stays_usable(nlctrl: NetlinkTransport) -> None:
    bodies = list(nlctrl.dump(GETFAMILY))
    assert sum(b"nlctrl\0" in body for body in bodies) == 1
    assert nlctrl.do(GETFAMILY, name_attribute(NLCTRL))


def test_an_abandoned_dump_does_not_confuse_the_next_request(nlctrl: NetlinkTransport) -> None:
    next(nlctrl.dump(GETFAMILY))
    (answer,) = nlctrl.do(GETFAMILY, name_attribute(NLCTRL))
    assert b"nlctrl\0" in answer


def test_a_request_of_megabytes_is_sent_in_one_piece(nlctrl: NetlinkTransport) -> None:
    padding = struct.pack("=HH", 4, 200) * (1 << 20)
    with pytest.raises(Refusal) as refused:
        nlctrl.do(GETFAMILY, name_attribute("no such") + padding)
    assert refused.value.errno in (errno.ENOENT, errno.EINVAL)


def test_another_version_of_the_interface_raises_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "GENL_NAME", NLCTRL)
    with pytest.raises(pylvs.VersionMismatch, match="has version 2 of the interface, pylvs has 1"):
        NetlinkTransport()


def test_a_clone_is_another_socket(nlctrl: NetlinkTransport) -> None:
    clone = nlctrl.clone()
    dump = clone.dump(GETFAMILY)
    next(dump)
    assert nlctrl.do(GETFAMILY, name_attribute(NLCTRL))
    assert list(dump)
    clone.close()
    clone.close()


def test_events_are_subscribed_at_once(nlctrl: NetlinkTransport) -> None:
    events = nlctrl.events()
    nlctrl.close()
    with pytest.raises(pylvs.TransportError):
        next(events)


# Another namespace


@pytest.fixture
def netns() -> Iterator[str]:
    name = f"pylvs-test-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True, timeout=30)
    yield name
    subprocess.run(["ip", "netns", "del", name], check=True, timeout=30)


def test_a_socket_in_another_namespace_leaves_the_caller_where_it_was(
    netns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "GENL_NAME", NLCTRL)
    monkeypatch.setattr(transport, "GENL_VERSION", 2)
    here = os.readlink("/proc/thread-self/ns/net")
    threads = threading.active_count()
    for where in (netns, f"/run/netns/{netns}"):
        opened = NetlinkTransport(where)
        assert opened.do(GETFAMILY, name_attribute(NLCTRL))
        assert cookie(opened) != 0
        opened.close()
    assert os.readlink("/proc/thread-self/ns/net") == here
    assert threading.active_count() == threads


def cookie(opened: NetlinkTransport) -> int:
    """Return the cookie of the socket's namespace."""
    so_netns_cookie = 71
    raw = opened._socket.getsockopt(1, so_netns_cookie, 8)
    return int.from_bytes(raw, "little")


def test_the_socket_belongs_to_the_namespace(netns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "GENL_NAME", NLCTRL)
    monkeypatch.setattr(transport, "GENL_VERSION", 2)
    there, here = NetlinkTransport(netns), NetlinkTransport()
    clone = there.clone()
    assert cookie(there) == cookie(clone) != cookie(here)
    for opened in (there, here, clone):
        opened.close()


@pytest.mark.parametrize("name", ["no-such-namespace", "/no/such/file", "/etc/passwd"])
def test_a_missing_namespace_raises_an_error(name: str) -> None:
    with pytest.raises(pylvs.NoSuchNamespace, match=f"no network namespace '{name}'"):
        pylvs.Manager(name)


# Framing


def frame(family: int, flags: int, sequence: int, command: int, version: int, body: bytes) -> bytes:
    return headers(family, flags, sequence, command, version, len(body)) + body


def test_framed_messages_are_parsed() -> None:
    data = frame(30, 1, 7, 3, 1, b"abcd") + frame(31, 2, 8, 4, 1, b"")
    assert list(messages(data)) == [Answer(30, 1, 7, 3, b"abcd"), Answer(31, 2, 8, 4, b"")]


@given(st.binary(max_size=80))
def test_garbage_raises_one_error(garbage: bytes) -> None:
    try:
        for answer in messages(garbage):
            refusal_in(answer)
    except pylvs.TransportError:
        pass


def error(number: int, flags: int = 0, rest: bytes = b"") -> Answer:
    return Answer(transport.NLMSG_ERROR, flags, 1, 0, struct.pack("=i", -number) + rest)


def test_acknowledgements_and_errors_are_told_apart() -> None:
    assert refusal_in(error(0)) is None
    assert refusal_in(Answer(transport.NLMSG_DONE, 0, 1, 0, b"")) is None
    refused = refusal_in(error(errno.EPERM))
    assert refused is not None
    assert (refused.errno, refused.kernel, refused.offset) == (errno.EPERM, "", -1)


def test_extended_errors_are_decoded_with_and_without_the_request() -> None:
    sentence = struct.pack("=HH", 4 + 6, 1) + b"wrong\0\0\0"
    offset = struct.pack("=HHI", 8, 2, 24)
    request = frame(30, 5, 1, 3, 1, b"12345678")
    whole = error(errno.EINVAL, transport.NLM_F_ACK_TLVS, request + sentence + offset)
    capped = error(
        errno.EINVAL,
        transport.NLM_F_ACK_TLVS | transport.NLM_F_CAPPED,
        request[:16] + sentence + offset,
    )
    assert warning_in(error(0)) == ""
    success = transport.NLM_F_ACK_TLVS | transport.NLM_F_CAPPED
    assert warning_in(error(0, success, request[:16] + sentence)) == "wrong"
    for answer in (whole, capped):
        refused = refusal_in(answer)
        assert refused is not None
        assert (refused.kernel, refused.offset) == ("wrong", 4)
