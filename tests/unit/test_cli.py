# SPDX-License-Identifier: GPL-2.0
"""Command lines of ippfvsadm, with their output, their error sentence and their exit code."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from pylvs._netlink.error_map import not_loaded
from pylvs.cli import main
from pylvs.endpoint import Endpoint
from pylvs.errors import ModuleNotLoaded
from pylvs.manager import Manager
from pylvs.model import Config, Method, Protocol, Service
from pylvs.uapi import Command
from tests.unit.fakekernel import FakeKernel
from tests.unit.reference import encode
from tests.unit.samples import (
    Outcome,
    config_nest,
    connection,
    connection_tree,
    real_nest,
    service_nest,
)

Run = Callable[..., Outcome]

PAPER = (
    "-A -t 202.103.106.5:80 -R 172.16.0.2:80",
    "-A -t 202.103.106.5:80 -R 172.16.0.3:8000 -w 2",
    "-A -t 202.103.106.5:21 -R 172.16.0.2:21",
)
PAPER_TABLE = """\
Protocol  Virtual IP Address  Port  Real IP Address  Port  Weight
TCP       202.103.106.5       80    172.16.0.2       80    1
                                    172.16.0.3       8000  2
TCP       202.103.106.5       21    172.16.0.2       21    1
"""


@pytest.fixture
def paper(run: Run, kernel: FakeKernel) -> Iterator[Run]:
    for line in PAPER:
        assert run(line) == Outcome(0, "", "")
    yield run
    assert kernel.open == 1, "a socket was left open"


def test_the_papers_commands_give_the_papers_table(paper: Run) -> None:
    assert paper("-L") == Outcome(0, PAPER_TABLE, "")
    for same in ("", "-Ln", "-l", "--list --numeric", "-n"):
        assert paper(same).out == PAPER_TABLE


def test_a_warning_of_the_kernel_is_printed(run: Run, kernel: FakeKernel) -> None:
    kernel.warning = "no route leads to the virtual address"
    assert run("-A -t 10.0.0.1:80") == Outcome(
        0, "", "ippfvsadm: warning: tcp 10.0.0.1:80: no route leads to the virtual address\n"
    )


def saved(run: Run) -> list[str]:
    lines = run("-S").out.splitlines()
    return [line for line in lines if not line.startswith("--")]


# Valid command lines, and the rules that -S prints after them.
GOOD: list[tuple[list[str], list[str]]] = [
    (["-A -t 1.2.3.4:80"], ["-A -t 1.2.3.4:80 -s wlc"]),
    (["-A -t 1.2.3.4:http -s rr"], ["-A -t 1.2.3.4:80 -s rr"]),
    (["-A -u 1.2.3.4:domain"], ["-A -u 1.2.3.4:53 -s wlc"]),
    (["--add-service --tcp-service=1.2.3.4:80 --scheduler lc"], ["-A -t 1.2.3.4:80 -s lc"]),
    (["-At1.2.3.4:80 -slc"], ["-A -t 1.2.3.4:80 -s lc"]),
    (["-A -t [2001:db8::1]:80"], ["-A -t [2001:db8::1]:80 -s wlc"]),
    (["-A -t 2001:db8::1"], ["-A -t 2001:db8::1 -s wlc"]),
    (["-A -t 1.2.3.4:80", "-E -t 1.2.3.4:80 -s rr"], ["-A -t 1.2.3.4:80 -s rr"]),
    (["-A -t 1.2.3.4:80 -s rr", "-E -t 1.2.3.4:80"], ["-A -t 1.2.3.4:80 -s rr"]),
    (["-A -t 1.2.3.4:80", "-D -t 1.2.3.4:80"], []),
    (["-A -t 1.2.3.4:80 -R 5.6.7.8", "-C"], []),
    (
        ["-A -t 1.2.3.4:80 -R 5.6.7.8"],
        ["-A -t 1.2.3.4:80 -s wrr", "-a -t 1.2.3.4:80 -r 5.6.7.8:80 -m -w 1"],
    ),
    (
        ["--default-method dr", "-A -t 1.2.3.4:80 -R 5.6.7.8"],
        ["-A -t 1.2.3.4:80 -s wrr", "-a -t 1.2.3.4:80 -r 5.6.7.8:80 -g -w 1"],
    ),
    (
        ["--default-method dr", "-A -t 1.2.3.4:80 -R 5.6.7.8:80"],
        ["-A -t 1.2.3.4:80 -s wrr", "-a -t 1.2.3.4:80 -r 5.6.7.8:80 -m -w 1"],
    ),
    (
        ["-A -t 192.168.1.110 -R 127.0.0.1"],
        ["-A -t 192.168.1.110 -s wrr", "-a -t 192.168.1.110 -r 127.0.0.1 --method local -w 1"],
    ),
    (
        ["-A -t 1.2.3.4:80", "-A -t 1.2.3.4:80 -R 5.6.7.8 -i -w0"],
        ["-A -t 1.2.3.4:80 -s wlc", "-a -t 1.2.3.4:80 -r 5.6.7.8:80 -i -w 0"],
    ),
    (
        ["-A -t 1.2.3.4:80 -R 5.6.7.8 -s rr --method tun"],
        ["-A -t 1.2.3.4:80 -s rr", "-a -t 1.2.3.4:80 -r 5.6.7.8:80 -i -w 1"],
    ),
    (
        ["-A -t 1.2.3.4:80 -s lc", "-A -t 1.2.3.4:80 -R 5.6.7.8 -s lc"],
        ["-A -t 1.2.3.4:80 -s lc", "-a -t 1.2.3.4:80 -r 5.6.7.8:80 -m -w 1"],
    ),
    (
        ["-A -t 1.2.3.4:80", "-a -t 1.2.3.4:80 -r 5.6.7.8:80"],
        ["-A -t 1.2.3.4:80 -s wlc", "-a -t 1.2.3.4:80 -r 5.6.7.8:80 -g -w 1"],
    ),
    (
        ["--default-method tun", "-A -t 1.2.3.4:80", "-a -t 1.2.3.4:80 -r 5.6.7.8 -w 2"],
        ["-A -t 1.2.3.4:80 -s wlc", "-a -t 1.2.3.4:80 -r 5.6.7.8:80 -g -w 2"],
    ),
    (
        ["-A -t 1.2.3.4:80", "-a -t 1.2.3.4:80 -r 127.0.0.1:8080"],
        ["-A -t 1.2.3.4:80 -s wlc", "-a -t 1.2.3.4:80 -r 127.0.0.1:8080 --method local -w 1"],
    ),
    (
        ["-A -t 1.2.3.4:80", "-a -t 1.2.3.4:80 -r 192.168.1.110 -m"],
        ["-A -t 1.2.3.4:80 -s wlc", "-a -t 1.2.3.4:80 -r 192.168.1.110:80 --method local -w 1"],
    ),
    (
        ["-A -t 1.2.3.4:80", "-a -t 1.2.3.4:80 -r 5.6.7.8:http -g -w 65535"],
        ["-A -t 1.2.3.4:80 -s wlc", "-a -t 1.2.3.4:80 -r 5.6.7.8:80 -g -w 65535"],
    ),
    (
        ["-A -t 1.2.3.4:80 -R 5.6.7.8:80 -w 3", "-e -t 1.2.3.4:80 -r 5.6.7.8:80 -i"],
        ["-A -t 1.2.3.4:80 -s wrr", "-a -t 1.2.3.4:80 -r 5.6.7.8:80 -i -w 3"],
    ),
    (
        ["-A -t 1.2.3.4:80 -R 5.6.7.8:80 -i", "-e -t 1.2.3.4:80 -r 5.6.7.8:80 -w 0"],
        ["-A -t 1.2.3.4:80 -s wrr", "-a -t 1.2.3.4:80 -r 5.6.7.8:80 -i -w 0"],
    ),
    (["-A -t 1.2.3.4:80 -R 5.6.7.8", "-D -t 1.2.3.4:80 -R 5.6.7.8"], ["-A -t 1.2.3.4:80 -s wrr"]),
    (["-A -t 1.2.3.4:80 -R 5.6.7.8", "-d -t 1.2.3.4:80 -r 5.6.7.8"], ["-A -t 1.2.3.4:80 -s wrr"]),
]


@pytest.mark.parametrize(("lines", "left"), GOOD, ids=lambda value: " + ".join(value) or "nothing")
def test_good(run: Run, lines: list[str], left: list[str]) -> None:
    for line in lines:
        assert run(line) == Outcome(0, "", "")
    assert saved(run) == left


T = "-t 202.103.106.5:80"
DR_PORT = (
    "172.16.0.9:8000 cannot be a DR server of tcp 202.103.106.5:80: "
    "DR keeps the port; use -m (NAT) or port 80"
)
BAD: list[tuple[str, int, str]] = [
    # the kernel's refusals
    (f"-A {T}", 1, "service tcp 202.103.106.5:80 already exists; change it with: ippfvsadm -E"),
    (f"-A {T} -R 172.16.0.2:80", 1, "172.16.0.2:80 is already a real server of tcp 202.10"),
    (f"-a {T} -r 172.16.0.2:80", 1, "172.16.0.2:80 is already a real server of tcp 202.10"),
    (
        f"-A {T} -R 172.16.0.9:80 -s lc",
        1,
        (
            "tcp 202.103.106.5:80 is scheduled by wrr, not lc; "
            f"change it with: ippfvsadm -E {T} -s lc\n"
        ),
    ),
    (
        "-a -t 202.103.106.5:81 -r 1.1.1.1",
        1,
        (
            "no service tcp 202.103.106.5:81; list them with: ippfvsadm -L, "
            "or add it with: ippfvsadm -A -t 202.103.106.5:81\n"
        ),
    ),
    ("-D -u 202.103.106.5:80", 1, "no service udp 202.103.106.5:80; list them with: ippfvsadm -L"),
    ("-E -t 1.1.1.1:80", 1, "no service tcp 1.1.1.1:80"),
    ("-E -t 1.1.1.1:80 -s rr", 1, "no service tcp 1.1.1.1:80"),
    ("-Z -t 1.1.1.1:80", 1, "no service tcp 1.1.1.1:80"),
    ("-L -t 1.1.1.1:80", 1, "no service tcp 1.1.1.1:80"),
    ("-L -c -t 1.1.1.1:80", 1, "no service tcp 1.1.1.1:80"),
    (f"-d {T} -r 1.1.1.1", 1, "no real server 1.1.1.1 in tcp 202.103.106.5:80; list them with"),
    (f"-e {T} -r 1.1.1.1 -w 2", 1, "no real server 1.1.1.1 in tcp 202.103.106.5:80"),
    (f"-D {T} -R 1.1.1.1", 1, "no real server 1.1.1.1 in tcp 202.103.106.5:80"),
    ("-A -t 1.1.1.1:80 -s best", 1, "the kernel has no scheduler 'best'; it has: rr wrr lc wlc\n"),
    (f"-E {T} -s best", 1, "the kernel has no scheduler 'best'; it has: rr wrr lc wlc\n"),
    (
        f"-a {T} -r 172.16.0.9:8000 -g",
        1,
        f"{DR_PORT}\n",
    ),
    (f"-a {T} -r 172.16.0.9:8000", 1, f"{DR_PORT}\n"),
    (f"-e {T} -r 172.16.0.3:8000 -i", 1, "TUN keeps the port; use -m (NAT) or port 80"),
    (
        f"-a {T} -r [2001:db8::2]:80",
        1,
        "[2001:db8::2]:80 cannot serve tcp 202.103.106.5:80: one address is IPv4, the other IPv6",
    ),
    ("-A -t 224.0.0.1:80", 1, "224.0.0.1:80: a virtual address must be a unicast address"),
    (f"-a {T} -r 224.0.0.1:80", 1, "224.0.0.1:80: a real server must have a unicast"),
    (
        f"-a {T} -r 9.9.9.9:80 --method local",
        1,
        "9.9.9.9:80: the method local needs an address of this host; use",
    ),
    # invalid values
    ("-A -t 202.103.106.256:80", 2, "'202.103.106.256' is not an IPv4 address"),
    ("-A -t example.org:80", 2, "'example.org' is not an address; host names are not looked up"),
    ("-A -t 1.2.3.4:65536", 2, "'1.2.3.4:65536': a port is a number from 0 to 65535"),
    ("-A -t 1.2.3.4:-80", 2, "'-80' is neither a port from 0 to 65535 nor a tcp service name"),
    ("-A -t 1.2.3.4:", 2, "the port is missing after ':'"),
    ("-A -t 2001:db8::1:99999", 2, "not an IPv6 address; an IPv6 port needs brackets"),
    (
        "-A -t 2001:db8::1:80",
        2,
        (
            "'2001:db8::1:80' may be an address, or 2001:db8::1 with port 80; "
            "write [2001:db8::1:80] or [2001:db8::1]:80\n"
        ),
    ),
    ("-A -t 1.2.3.4:80 -s", 2, "'-s' needs a scheduler: rr, wrr, lc or wlc"),
    ("-A -t 1.2.3.4:80 -s a-scheduler-with-a-long-name", 2, "is not a scheduler: use rr"),
    (f"-a {T} -r 1.1.1.1 -w heavy", 2, "'-w heavy': a weight is a whole number from 0 to 65535"),
    (f"-a {T} -r 1.1.1.1 -w 65536", 2, "'-w 65536': a weight is a whole number from 0 to 65535"),
    (f"-a {T} -r 1.1.1.1 -w -1", 2, "'-w -1': a weight is a whole number from 0 to 65535"),
    (f"-a {T} -r 1.1.1.1 -w 1.5", 2, "'-w 1.5': a weight is a whole number"),
    (f"-a {T} -r 1.1.1.1 --method magic", 2, "'magic' is not a method: use nat, tun, dr or"),
    ("--default-method local", 2, "'local' is not a default method: use nat, tun or dr"),
    ("--set 1 2", 2, "'--set' needs three values: seconds for TCP"),
    ("--set 1 2 2073601", 2, "'--set 2073601': a timeout is a whole number from 0 to 2073600"),
    ("--conn-max many", 2, "'--conn-max many': the number of connections is a whole number"),
    ("-L --rate=0", 2, "'--rate=0': an interval is from 0.1 to 3600 seconds"),
    ("-L --rate=nan", 2, "'--rate=nan': an interval is from 0.1 to 3600 seconds"),
    # grammar
    ("-A", 2, "-A needs a service; specify it with: -t ADDRESS[:PORT] or -u"),
    (f"-A {T} -u 1.1.1.1:53", 2, "-t and -u are two services; use only one"),
    (f"-A {T} {T}", 2, "-t is given twice"),
    (f"-A -D {T}", 2, "-A and -D are two commands; use only one"),
    (f"-A {T} -R", 2, "-R needs a real server: ADDRESS[:PORT]"),
    (
        f"-A {T} -r 1.1.1.1",
        2,
        "-r cannot be used with -A; use -a -t ... -r, or 1999's -A -t ... -R",
    ),
    (f"-A {T} -w 2", 2, "-w cannot be used with -A; it belongs to a real server: use -a"),
    (
        f"-A {T} -m",
        2,
        "-m cannot be used with -A; it belongs to a real server: use -a -t ... -r, or",
    ),
    (f"-D {T} -r 1.1.1.1", 2, "-r cannot be used with -D; use -d"),
    (f"-D {T} -R 1.1.1.1 -w 1", 2, "-w cannot be used with -D"),
    (f"-a {T}", 2, "-a needs a real server; specify it with: -r ADDRESS[:PORT]"),
    (f"-a {T} -R 1.1.1.1", 2, "-R cannot be used with -a; with -a the real server is -r"),
    (f"-a {T} -r 1.1.1.1 -s rr", 2, "-s cannot be used with -a; a scheduler belongs to a service"),
    (f"-a {T} -r 1.1.1.1 -g -m", 2, "-m and -g are two methods; use only one"),
    (f"-e {T} -r 172.16.0.2:80", 2, "-e needs what to change; use -w WEIGHT or one of -m, -i"),
    (f"-C {T}", 2, "-t cannot be used with -C"),
    (f"{T} -R 1.1.1.1", 2, "'-R 1.1.1.1' needs -A or -D"),
    ("-R rules.txt", 2, "is restored from standard input: ippfvsadm -R < FILE"),
    ("--restore=rules.txt", 2, "--restore reads standard input: ippfvsadm --restore < FILE"),
    ("-L --stats -c", 2, "-c and --stats are two listings; use only one"),
    ("-L --stats --rate --drops", 2, "--stats and --drops are two listings; use only one"),
    # characters that look like others
    (
        "\u2013A -t 1.1.1.1:80",
        2,
        "'\u2013A': the character '\u2013' is U+2013 (en dash), not '-'; write '-A'\n",
    ),
    (
        "-A \u2014tcp-service 1.1.1.1:80",
        2,
        "'\u2014' is U+2014 (em dash), not '-'; write '--tcp-service'\n",
    ),
    ("-A --tcp\u2013service 1.1.1.1:80", 2, "(en dash), not '-'; write '--tcp-service'\n"),
    (f"-a {T} -r 1.1.1.1 \u2212w 2", 2, "'\u2212' is U+2212 (minus sign), not '-'; write '-w'\n"),
    (
        f"-a {T} -r 1.1.1.1 -w \u20131",
        2,
        "'\u20131': the character '\u2013' is U+2013 (en dash), not '-'",
    ),
    (
        f"-a {T} -r 1.1.1.1 -w \u201c5\u201d",
        2,
        (
            "'-w \u201c5\u201d': a weight is a whole number from 0 to 65535; "
            "the character '\u201c' is U+201C (left double quotation mark)\n"
        ),
    ),
    (f"-A {T} -s rr;", 2, "'rr;' ends with a semicolon; leave it out\n"),
    (
        f"-a {T} -r 1.1.1.1 (null) -w 1",
        2,
        (
            "'(null)' is no value: ipvsadm writes it for one that it does not know; "
            "replace it, a forwarding method by -m, -i or -g\n"
        ),
    ),
    (f"-L {T} -r 1.1.1.1", 2, "-r needs a listing of connections, -c"),
    (f"-L --drops {T}", 2, "--drops covers all services; omit -t and -u"),
    ("-L -c -r 1.1.1.1", 2, "-r needs a service; specify it with: -t ADDRESS[:PORT]"),
    ("--verbose=2", 2, "'--verbose=2': --verbose takes no value"),
    ("status", 2, "'status' belongs to no option"),
    ("-L --rate 2", 2, "'2' belongs to no option; write it as --rate=2"),
    ("--conn-max -1", 2, "'--conn-max -1': "),
    ("--lsit", 2, "unknown option '--lsit'; did you mean --list?"),
    ("--wieght 2", 2, "unknown option '--wieght'; did you mean --weight?"),
    ("-q", 2, "unknown option '-q'; see: ippfvsadm --help"),
    # options of ipvsadm that are not supported
    ("-A -f 1", 2, "'-f': ippfvs does not have services by firewall mark yet"),
    ("-A --sctp-service 1.1.1.1:80", 2, "does not have SCTP services yet"),
    ("-A -t 1.1.1.1:80 -p 300", 2, "'-p': ippfvs does not have persistence yet"),
    ("--start-daemon master", 2, "does not have the synchronisation daemon yet"),
]


@pytest.mark.parametrize(("line", "code", "sentence"), BAD, ids=[line for line, _, _ in BAD])
def test_bad(paper: Run, line: str, code: int, sentence: str) -> None:
    before = paper("-S").out
    outcome = paper(line)
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith("ippfvsadm: ")
    assert sentence in outcome.err
    assert outcome.err.count("\n") == 1
    assert paper("-S").out == before


def test_a_word_as_long_as_a_book_is_not_said_whole(paper: Run) -> None:
    outcome = paper(f"-A -t {'9' * 100_000}")
    assert outcome.code == 2
    assert outcome.err.startswith("ippfvsadm: '999")
    assert outcome.err.endswith(
        "is not an IPv4 address; an IPv4 address has four numbers from 0 to 255\n"
    )
    assert len(outcome.err) < 2100


def test_a_library_that_is_missing_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    def connect(netns: str | None) -> Manager:
        raise ModuleNotFoundError("pylvs needs pyroute2: pip install pyroute2")

    assert main(["-L"], connect) == 1
    assert capsys.readouterr().err == "ippfvsadm: pylvs needs pyroute2: pip install pyroute2\n"


def test_no_permission(paper: Run, kernel: FakeKernel) -> None:
    kernel.permitted = False
    for line in ("-C", f"-D {T}", "-Z", "--set 1 2 3"):
        outcome = paper(line)
        assert outcome.code == 1
        assert outcome.err == (
            "ippfvsadm: changing rules or listing connections needs CAP_NET_ADMIN in this network "
            "namespace; do it as root, for example with sudo\n"
        )
    assert paper("-L").out == PAPER_TABLE


def test_module_not_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    def connect(netns: str | None) -> Manager:
        raise not_loaded()

    assert main(["-L"], connect) == 1
    assert capsys.readouterr().err == (
        "ippfvsadm: the ippfvs module is not loaded; load it with: modprobe ippfvs\n"
    )
    assert main(["--version"], connect) == 0
    assert capsys.readouterr().out == "ippfvsadm 1.0.0 (module not loaded)\n"
    assert ModuleNotLoaded.exit_code == 1


def test_version(run: Run, kernel: FakeKernel) -> None:
    assert run("--version") == Outcome(0, "ippfvsadm 1.0.0 (module 1.0.0)\n", "")
    kernel.version = "1.0.7"
    assert run("--version").code == 0
    kernel.version = "1.1.0"
    outcome = run("--version")
    assert (outcome.code, outcome.out) == (1, "ippfvsadm 1.0.0 (module 1.1.0)\n")
    assert "the ippfvs module is version 1.1.0, ippfvsadm 1.0.0; install both" in outcome.err
    assert json.loads(run("--version --json").out)["module_version"] == "1.1.0"


def test_save_and_restore(paper: Run, run: Run) -> None:
    paper("--default-method tun")
    paper("--set 100 0 200")
    paper("--conn-max 5000")
    text = paper("-S").out
    assert text.startswith("--default-method tun\n--set 100 120 200\n--conn-max 5000\n-A -t ")
    assert run("-C").code == 0
    assert run("--set 1 2 3").code == 0
    assert run("-R", text) == Outcome(0, "", "")
    assert run("-S").out == text
    for restore in ("--restore -n", "--restore -", "--restore=-", "-R -", "-R - -n"):
        assert run("-C").code == 0
        assert run(restore, text) == Outcome(0, "", "")
        assert run("-S").out == text
    assert run("--save").out == text


def test_restore_names_the_wrong_line_and_changes_nothing(paper: Run) -> None:
    text = "".join(f"-A -t 10.{n >> 8}.{n & 255}.1:80 -R 172.16.0.2:80\n" for n in range(899))
    outcome = paper("-R", text + f"-a {T} -r 1.1.1.1 -w heavy\n")
    assert outcome == Outcome(
        2,
        "",
        "ippfvsadm: rules.txt line 900 column 38: '-w heavy': a weight is a whole number "
        "from 0 to 65535; nothing was changed\n",
    )
    outcome = paper("-R", text + "-A -t 10.0.0.2:80 -R 1.1.1.1:81 -g\n")
    assert outcome.code == 1
    assert outcome.err.startswith("ippfvsadm: rules.txt line 900: 1.1.1.1:81 cannot be a DR server")
    outcome = paper("-R", "-A -t 1.2.3.4:80 -s best\n")
    assert outcome.err == (
        "ippfvsadm: rules.txt line 1: the kernel has no scheduler 'best'; "
        "it has: rr wrr lc wlc; nothing was changed\n"
    )
    assert paper("-L").out == PAPER_TABLE


def test_restore_of_settings_alone_removes_every_service(paper: Run) -> None:
    assert paper("-R", "--conn-max 9\n").code == 0
    assert paper("-L").out.count("\n") == 1


def test_nothing_of_a_torn_set_is_printed(paper: Run, kernel: FakeKernel) -> None:
    for line in ("-L", "-S", "-L -v"):
        whole = paper(line)
        kernel.interruptions = 3
        assert paper(line) == whole
        kernel.interruptions = 1000
        interrupted = paper(line)
        assert (interrupted.code, interrupted.out) == (1, "")
        assert "the rules change faster than they can be read" in interrupted.err
        kernel.interruptions = 0


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n"])
def test_restore_of_nothing_is_refused(paper: Run, text: str) -> None:
    """An empty pipe is probably an accident, for example of `cat` with a missing file."""
    before = paper("-S").out
    refused = paper("-R", text)
    assert (refused.code, paper("-S").out) == (2, before)
    assert refused.err.endswith(
        "holds neither a rule nor a setting; nothing was changed; "
        "to remove every service: ippfvsadm -C\n"
    )


def test_restore_from_a_terminal_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    assert main(["-R"]) == 2
    assert "-R reads a rule set from standard input; ippfvsadm -R < FILE" in capsys.readouterr().err


def test_settings(run: Run) -> None:
    assert run("--default-method").out == "nat\n"
    assert run("--default-method dr") == Outcome(0, "", "")
    assert run("--default-method=tun") == Outcome(0, "", "")
    assert run("--default-method").out == "tun\n"
    assert run("--conn-max 7") == Outcome(0, "", "")
    assert run("--conn-max").out == "7\n"
    assert run("--set 60 0 10") == Outcome(0, "", "")
    assert run("-L --timeout").out.split()[2:] == ["tcp", "60", "tcpfin", "120", "udp", "10"]
    assert json.loads(run("--timeout --json").out)["config"]["udp_timeout_s"] == 10


def test_hard_caps_are_shown_set_and_refused(run: Run, kernel: FakeKernel) -> None:
    for name in ("conn-cap", "service-cap", "real-cap"):
        assert run(f"--{name}").out == "0\n"
        assert run(f"--{name} 1") == Outcome(0, "", "")
        assert run(f"--{name}").out == "1\n"
    assert "--conn-cap" not in run("-S").out
    assert json.loads(run("--timeout --json").out)["config"]["real_cap"] == 1
    refused = run("--conn-max 2")
    assert (refused.code, "the maximum exceeds the hard cap of connections" in refused.err) == (
        1,
        True,
    )
    assert run("-A -t 10.0.0.1:80 -R 10.0.0.2:80").code == 0
    for line, what in (
        ("-A -t 10.0.0.3:80", "no room for tcp 10.0.0.3:80: the hard cap allows no further serv"),
        (
            "-a -t 10.0.0.1:80 -r 10.0.0.3",
            "no room for 10.0.0.3: the hard cap allows no further real server",
        ),
    ):
        refused = run(line)
        assert refused.code == 1
        assert what in refused.err
        assert "root of the host raises it with --service-cap or --real-cap" in refused.err
    kernel.host_root = False
    refused = run("--conn-cap 2")
    assert refused.code == 1
    assert "a hard cap needs CAP_NET_ADMIN in the initial" in refused.err


def test_a_listing_of_connections_is_refused_without_privilege(
    run: Run, kernel: FakeKernel
) -> None:
    kernel.permitted = False
    refused = run("-L -c")
    assert (refused.code, refused.out) == (1, "")
    assert "changing rules or listing connections needs CAP_NET_ADMIN in this netw" in refused.err


def test_counters_and_zero(paper: Run, kernel: FakeKernel) -> None:
    for service in kernel.rules.services.values():
        for real in service.reals.values():
            real.stats = [1, 2, 3, 4, 5]
            real.active = 9
    assert "TCP       202.103.106.5       80                           2" in paper("--stats").out
    assert json.loads(paper(f"-L {T} --json").out)["services"][0]["active"] == 18
    assert paper(f"-Z {T}").code == 0
    services = json.loads(paper("-L --json").out)["services"]
    assert [service["bytes_out"] for service in services] == [0, 5]
    assert paper("-Z").code == 0
    assert json.loads(paper("--rate=0.1 --json").out)["services"][1]["bytes_out_per_s"] == 0
    assert paper("-L --rate=0.1 --exact").out.splitlines()[0].endswith("Bytes out/s")


def test_connections(paper: Run, kernel: FakeKernel) -> None:
    kernel.connections = [connection_tree(connection("202.100.1.2:3456"))]
    assert paper("-Lnc").out.splitlines()[1] == (
        "TCP       7199.2   ESTABLISHED  NAT     202.100.1.2:3456  202.103.106.5:80  "
        "172.16.0.3:8000"
    )
    found = json.loads(paper(f"-c {T} -r 172.16.0.3:8000 --json").out)
    assert found["connections"][0]["client_port"] == 3456
    kernel.connections = []
    assert json.loads(paper("-c --json").out) == {"schema": 1, "connections": []}


def test_stats_and_rates_are_listed_together(
    paper: Run, kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in kernel.rules.services.values():
        for real in service.reals.values():
            real.stats = [1, 2, 3, 4, 5]
    counters, rates = paper("-L --stats").out, paper("-L --rate=0.1").out
    for words in ("-L --stats --rate=0.1", "-L --rate=0.1 --stats"):
        assert paper(words) == Outcome(0, f"{counters}\n{rates}", "")
    found = json.loads(paper(f"-L --stats --rate=0.1 {T} --json").out)
    assert found.keys() == {"schema", "interval_s", "services"}
    (service,) = found["services"]
    assert (service["packets_in"], service["packets_in_per_s"]) == (4, 0)
    (first, _) = service["reals"]
    assert (first["packets_in"], first["packets_in_per_s"], first["active"]) == (2, 0, 0)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    headings = [row for row in paper("-L --stats --rate=0.1").out.splitlines() if "Service" in row]
    assert len(headings) == 2


def test_drops(run: Run, kernel: FakeKernel) -> None:
    kernel.drops = {"TTL": 3}
    kernel.evictions = {"PRESSURE": 4}
    shown = run("--drops").out
    assert "ttl             3        TTL or hop limit used up" in shown
    assert "\n\nReason    Evicted  What\n" in shown
    assert "pressure  4        unconfirmed or closed, and a limit was reached" in shown
    listed = json.loads(run("-L --drops --json").out)
    assert listed["drops"]["ttl"] == 3
    assert listed["evictions"] == {"conflict": 0, "pressure": 4}


def test_events_are_printed_as_the_lines_that_would_do_the_same(
    run: Run, kernel: FakeKernel
) -> None:
    service = Service(Protocol.TCP, Endpoint("10.0.0.1", 80), "rr")
    key, whole = service_nest(service, key_only=True), service_nest(service)
    member = real_nest(Endpoint("1.1.1.1", 80), 3, Method.NAT)
    kernel.announced = [
        (Command.SERVICE_NEW, encode([whole])),
        (Command.SERVICE_SET, encode([whole])),
        (Command.REAL_NEW, encode([key, member])),
        (Command.REAL_SET, encode([key, member])),
        (Command.REAL_DEL, encode([key, member])),
        (Command.SERVICE_DEL, encode([key])),
        (Command.CONFIG_SET, encode([config_nest(Config(Method.DR))])),
        None,
        (Command.REPLACE, b""),
    ]
    assert run("--events").out == (
        "-A -t 10.0.0.1:80 -s rr\n"
        "-E -t 10.0.0.1:80 -s rr\n"
        "-a -t 10.0.0.1:80 -r 1.1.1.1:80 -m -w 3\n"
        "-e -t 10.0.0.1:80 -r 1.1.1.1:80 -m -w 3\n"
        "-d -t 10.0.0.1:80 -r 1.1.1.1:80\n"
        "-D -t 10.0.0.1:80\n"
        "--default-method dr\n"
        "# events were lost\n"
        "# the whole rule set was replaced\n"
    )
    lines = [json.loads(line) for line in run("--events --json").out.splitlines()]
    assert lines[2]["real"]["weight"] == 3
    assert lines[0]["service"]["scheduler"] == "rr"
    assert not any("scheduler" in line["service"] for line in lines[2:6])
    assert kernel.open == 1


def test_help_fits_a_screen_and_names_every_option_that_is_there(run: Run) -> None:
    for line in (
        "--help",
        "-h",
        "-A --help",
        "-A -t nowhere --help",
        "nonsense --help",
        "-Q --help",
    ):
        outcome = run(line)
        assert (outcome.code, outcome.err) == (0, "")
        assert len(outcome.out.splitlines()) <= 40
        assert max(map(len, outcome.out.splitlines())) <= 80
    for option in ("-A", "-E", "-D", "-a", "-e", "-d", "-L", "-Z", "-C", "-S", "-R", "--netns"):
        assert option in outcome.out


def test_an_interrupt_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    def connect(netns: str | None) -> Manager:
        raise KeyboardInterrupt

    assert main(["-L"], connect) == 130
    assert capsys.readouterr() == ("", "")


def test_no_traceback_ever_but_with_debug(capsys: pytest.CaptureFixture[str]) -> None:
    def connect(netns: str | None) -> Manager:
        raise ZeroDivisionError("the moon\nis full")

    assert main(["-L"], connect) == 1
    assert capsys.readouterr().err == (
        "ippfvsadm: unexpected ZeroDivisionError: the moon; see where with: --debug\n"
    )
    with pytest.raises(ZeroDivisionError):
        main(["-L", "--debug"], connect)


def test_a_terminal_gets_the_table(paper: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    assert paper("-L").out.splitlines()[0].split() == [
        "Service", "/", "real", "server", "By", "Weight", "Active", "Inactive",
    ]  # fmt: skip
    for words in ("-L --stats", "-L --rate=0.1"):
        heading = paper(words).out.splitlines()[0]
        assert heading.split()[:4] == ["Service", "/", "real", "server"]
        assert len(heading) <= 80
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[" in paper("-L").out
    assert "─" in paper("-L").out
    for no_colours in ("dumb", None):
        if no_colours is None:
            monkeypatch.delenv("TERM")
        else:
            monkeypatch.setenv("TERM", no_colours)
        assert "\x1b[" not in paper("-L").out


def test_a_terminal_without_lines_gets_hyphens(
    paper: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", plain)
    monkeypatch.setattr(plain, "isatty", lambda: True, raising=False)
    assert paper("-L").code == 0
    plain.seek(0)
    assert "\n---" in plain.read()


def test_who_has_something_to_say_to_a_closed_output_fails() -> None:
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m pylvs --help >&-"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "ippfvsadm: output: Bad file descriptor\n")
