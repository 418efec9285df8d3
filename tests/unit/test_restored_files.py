# SPDX-License-Identifier: GPL-2.0
"""Rule files as people have them: each is restored, or refused with one sentence."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from pylvs._rulefile import loads
from pylvs.cli import main
from pylvs.manager import Manager
from pylvs.model import Method
from tests.unit.fakekernel import FakeKernel
from tests.unit.samples import Outcome

Run = Callable[..., Outcome]

V = "203.0.113.5:80"
SERVICE = f"-A -t {V} -s rr\n"
REAL = f"-a -t {V} -r 172.16.0.2:80 -m -w 1\n"
SAVED = SERVICE + REAL
OTHER = REAL.replace("0.2:", "0.3:")

RESTORED = {
    "CRLF": SAVED.replace("\n", "\r\n"),
    "path": f"/sbin/ipvsadm {SERVICE}/usr/local/sbin/ipvsadm {REAL.replace(' -w 1', '')}",
    "program": f"ipvsadm {SERVICE}  ippfvsadm {REAL}",
    "clear_first": f"-C\n{SAVED}",
    "clear_first_as_a_command": f"#!/bin/sh\n\n/sbin/ipvsadm --clear\nipvsadm {SERVICE}{REAL}",
    "order": REAL + SERVICE,
    "order_with_a_mark": f"\ufeff{REAL}-A -t {V} -s rr",
    "byte_order_mark": f"\ufeff{SAVED}",
    "byte_order_mark_and_path": f"\ufeff/sbin/ipvsadm {SAVED}",
    "no-break_spaces": SAVED.replace(" ", "\u00a0"),
    "long_names": (
        f"--add-service --tcp-service {V} --scheduler rr\n"
        f"--add-server --tcp-service {V} --real-server 172.16.0.2:80 --masquerading\n"
    ),
    "thresholds_of_0": SERVICE + REAL.rstrip() + " -x 0 -y 0\n",
}


@pytest.mark.parametrize("text", RESTORED.values(), ids=RESTORED)
def test_a_file_that_can_mean_one_thing_only_is_restored(run: Run, text: str) -> None:
    assert run("-R", text) == Outcome(0, "", "")
    rules = [line for line in run("-S").out.splitlines() if not line.startswith("--")]
    assert rules == SAVED.splitlines()


AT = "»"  # precedes the word at fault; without it the line is the place
AFTER = "is no value: ipvsadm writes it for one that it does not know"
NOT_IPV4 = (
    "'172.16.0.300:80': '172.16.0.300' is not an IPv4 address; an IPv4 address has four numbers "
    "from 0 to 255"
)
REFUSED = {
    "names": (
        (
            "-A -t 203.0.113.142:https -s rr\n"
            "-a -t 203.0.113.142:https -r »ns1.example.net:https -g -w 1\n"
        ),
        (
            "'ns1.example.net:https': 'ns1.example.net' is not an address; "
            "host names are not looked up, use the address"
        ),
    ),
    "persistence": (
        f"# ipvsadm.rules\n-A -t {V} -s rr »-p\n{REAL}",
        "'-p': ippfvs does not have persistence yet",
    ),
    "netmask": (
        f"-A -t {V} -s wlc »-p 300 -M 255.255.255.0\n",
        "'-p': ippfvs does not have persistence yet",
    ),
    "flags": (
        f"-A -t {V} -s sh »-b flag-1,flag-2\n{REAL}",
        "'-b': ippfvs does not have scheduler flags yet",
    ),
    "engine": (
        "-A -u 203.0.113.5:5060 -s rr »--pe sip\n",
        "'--pe': ippfvs does not have persistence engines yet",
    ),
    "ops": (
        "-A -u 203.0.113.5:9125 -s wlc »--ops\n",
        "'-o': ippfvs does not have one-packet scheduling yet",
    ),
    "thresholds": (
        f"{SERVICE}{REAL.rstrip()} »-x 200 -y 1\n",
        "'-x': ippfvs does not have connection thresholds yet",
    ),
    "mark": (
        "-A »-f 1 -s wlc -p 300\n-a -f 1 -r 172.16.0.2:0 -g -w 1\n",
        "'-f': ippfvs does not have services by firewall mark yet",
    ),
    "en_dash": (
        f"{SERVICE}»\u2013a -t {V} -r 172.16.0.2:80 -m\n",
        "'\u2013a': the character '\u2013' is U+2013 (en dash), not '-'; write '-a'",
    ),
    "en_dash_after_a_path": (
        f"/sbin/ipvsadm -A »\u2013t {V}\n",
        "'\u2013t': the character '\u2013' is U+2013 (en dash), not '-'; write '-t'",
    ),
    "semicolon": (f"-A -t {V} -s »rr;\n", "'rr;' ends with a semicolon; leave it out"),
    "semicolon_after_a_weight": (
        f"{SERVICE}{REAL}{OTHER[:-2]}»1;\n",
        "'1;' ends with a semicolon; leave it out",
    ),
    "null": (
        f"{SERVICE}-a -t {V} -r 172.16.0.2:80 »(null) -w 1\n",
        f"'(null)' {AFTER}; replace it, a forwarding method by -m, -i or -g",
    ),
    "address": (
        f"{SAVED}  -a -t {V}\t -r »172.16.0.300:80 -m -w 1\n",
        NOT_IPV4,
    ),
    "address_of_a_known_form": (
        f"{SAVED}-a -t {V} -r »172.16.0.300:80 -m -w 1\n",
        NOT_IPV4,
    ),
    "attached_value": (
        f"{SERVICE}-a -t {V} -r 172.16.0.2:80 -m »-w65536\n",
        "'-w 65536': a weight is a whole number from 0 to 65535",
    ),
    "ipv6_without_brackets": (
        "-A -t »2001:db8::1:80 -s rr\n",
        (
            "'2001:db8::1:80' may be an address, or 2001:db8::1 with port 80; "
            "write [2001:db8::1:80] or [2001:db8::1]:80"
        ),
    ),
    "shell": (
        f"»modprobe ip_vs\n/sbin/ipvsadm {SERVICE}",
        "'modprobe' belongs to no option; see: ippfvsadm --help",
    ),
    "old_ops": (  # as ipvsadm 1.26 writes it
        "-A -u 203.0.113.5:9125 -s rr »ops\n",
        "'ops' belongs to no option; see: ippfvsadm --help",
    ),
    "timeout": (
        "--set 900 120 »2073601\n",
        "'--set 2073601': a timeout is a whole number from 0 to 2073600 seconds",
    ),
    "two_methods": (f"{SERVICE}{REAL.rstrip()} »-g\n", "-m and -g are two methods; use only one"),
    "clear_later": (
        f"{SERVICE}-C\n{REAL}",
        "line 2: -C removes the rules above it; make it the first rule or leave it out",
    ),
    "clear_below_an_early_real_server": (
        f"{REAL}-C\n{SERVICE}",
        "line 2: -C removes the rules above it; make it the first rule or leave it out",
    ),
    "no_service": (
        f"{REAL}-A -u {V} -s rr\n{OTHER}",
        f"line 1: no service tcp {V} in this file; add it with: -A -t {V} -s wlc",
    ),
    "early_real_server_twice": (
        f"{REAL}{REAL}{SERVICE}",
        f"line 2: 172.16.0.2:80 is already a real server of tcp {V}",
    ),
    "delete": (
        f"{SAVED}-d -t {V} -r 172.16.0.2:80\n",
        (
            "line 3: this is not a rule: a rule set consists of -C (first), -A, -a, --set, "
            "--default-method and --conn-max"
        ),
    ),
    "utf16": (f"\udcff\udcfe{SERVICE}", "line 1: the file is in UTF-16; save it in UTF-8"),
}


def place_of(text: str) -> str:
    """Return the place of the mark as an error names it, nothing if there is no mark."""
    for number, row in enumerate(text.split("\n"), 1):
        if AT in row:
            return f"line {number} column {row.index(AT) + 1}: "
    return ""


@pytest.mark.parametrize(("text", "sentence"), REFUSED.values(), ids=REFUSED)
def test_any_other_file_is_refused_with_its_place_and_changes_nothing(
    run: Run, text: str, sentence: str
) -> None:
    assert run("-R", SAVED).code == 0
    before = run("-S").out
    refused = run("-R", text.replace(AT, ""))
    assert (refused.code in (1, 2), refused.out, run("-S").out) == (True, "", before)
    assert refused.err == f"ippfvsadm: rules.txt {place_of(text)}{sentence}; nothing was changed\n"


def test_a_file_with_nothing_but_a_clear_is_refused(run: Run) -> None:
    assert run("-R", SAVED).code == 0
    refused = run("-R", "-C\n")
    assert (refused.code, run("-L").out.count("\n")) == (2, 2)
    assert refused.err.endswith("to remove every service: ippfvsadm -C\n")


def test_early_real_servers_come_in_the_order_of_the_file_and_know_their_lines() -> None:
    read = loads(f"{OTHER}{SERVICE}{REAL}", "f")
    reals = [real.endpoint.address for real in read.services[0].reals]
    assert reals == ["172.16.0.3", "172.16.0.2"]
    assert [read.rule_at(place).where for place in range(3)] == ["f line 2", "f line 1", "f line 3"]


def test_an_early_real_server_may_wait_for_a_service_of_1999() -> None:
    read = loads(f"{REAL}-A -t {V} -R 172.16.0.3 -s rr\n")
    assert [real.method for real in read.services[0].reals] == [Method.NAT, None]


def test_the_kernels_refusal_of_an_early_real_server_names_its_line(
    run: Run, kernel: FakeKernel
) -> None:
    refused = run("-R", f"-a -t {V} -r 172.16.0.9:81 -g\n{SERVICE}{REAL}")
    assert "rules.txt line 1: 172.16.0.9:81 cannot be a DR server" in refused.err
    assert not kernel.rules.services


def test_standard_input_is_read_as_utf8_in_every_locale(
    kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte order mark is three letters in Latin-1."""
    data = io.BytesIO(f"\ufeff{SAVED}".encode())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(data, encoding="latin-1"))
    assert main(["-R"], lambda netns: Manager(transport=kernel.clone())) == 0
    assert len(kernel.rules.services) == 1
