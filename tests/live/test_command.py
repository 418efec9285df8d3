# SPDX-License-Identifier: GPL-2.0
"""ippfvsadm and the kernel: commands, their output, their refusals, and what they do not change."""

from __future__ import annotations

import ctypes
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ippfvslab import clients
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm

from pylvs import cli

if TYPE_CHECKING:
    import pylvs
    from tests.live.conftest import Ippfvsadm

pytestmark = pytest.mark.farm(methods=["nat"], families=[4])

TREE = Path(__file__).parents[2]
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
PAPER_SAVED = """\
-A -t 202.103.106.5:80 -s wrr
-a -t 202.103.106.5:80 -r 172.16.0.2:80 -m -w 1
-a -t 202.103.106.5:80 -r 172.16.0.3:8000 -m -w 2
-A -t 202.103.106.5:21 -s wrr
-a -t 202.103.106.5:21 -r 172.16.0.2:21 -m -w 1
"""
CAP_NET_ADMIN = 12
T = "-t 202.103.106.5:80"
WEB = "tcp 202.103.106.5:80"
BAD: tuple[tuple[str, int, str], ...] = (
    # malformed and out-of-range addresses, ports, weights
    (
        "-A -t 202.103.106.256:80",
        2,
        (
            "'202.103.106.256:80': '202.103.106.256' is not an IPv4 address; "
            "it has four numbers from 0 to 255"
        ),
    ),
    (
        "-A -t 2001:db8::1:99999",
        2,
        "'2001:db8::1:99999' is not an IPv6 address; an IPv6 port needs brackets: [2001:db8::1]:80",
    ),
    (
        "-A -t www.example.org:80",
        2,
        (
            "'www.example.org:80': 'www.example.org' is not an address; "
            "host names are not looked up, give the address"
        ),
    ),
    (
        "-A -t 2001:db8::1:80",
        2,
        (
            "'2001:db8::1:80' may be an address, or 2001:db8::1 with port 80; "
            "write [2001:db8::1:80] or [2001:db8::1]:80"
        ),
    ),
    ("-A -t 1.2.3.4:65536", 2, "'1.2.3.4:65536': a port is a number from 0 to 65535"),
    (f"-a {T} -r 172.16.0.2:", 2, "'172.16.0.2:': the port is missing after ':'"),
    (f"-a {T} -r 172.16.0.9 -w heavy", 2, "'-w heavy': a weight is a whole number from 0 to 65535"),
    (f"-a {T} -r 172.16.0.9 -w 65536", 2, "'-w 65536': a weight is a whole number from 0 to 65535"),
    (f"-a {T} -r 172.16.0.9 -w -1", 2, "'-w -1': a weight is a whole number from 0 to 65535"),
    # addresses that no host has
    (
        "-A -t 127.0.0.1:80",
        1,
        "127.0.0.1:80: a loopback address cannot be a virtual address: no client reaches it",
    ),
    (
        "-A -t 224.0.0.1:80",
        1,
        "224.0.0.1:80: a virtual address must be a unicast address",
    ),
    (
        f"-a {T} -r 255.255.255.255:80",
        1,
        "255.255.255.255:80: a real server must have a unicast address",
    ),
    (
        f"-a {T} -r 9.9.9.9:80 --method local",
        1,
        (
            "9.9.9.9:80: the method local needs a loopback address or one of the director's own; "
            "use -m, -i or -g"
        ),
    ),
    # characters that look like others
    (
        "\u2013A -t 1.2.3.4:80",
        2,
        "'\u2013A': the character '\u2013' is U+2013 (en dash), not '-'; write '-A'",
    ),
    (f"-E {T} -s rr;", 2, "'rr;' ends with a semicolon; leave it out"),
    # mixed families
    (
        f"-a {T} -r [2001:db8::2]:80",
        1,
        (
            f"[2001:db8::2]:80 cannot serve {WEB}: one address is IPv4, the other IPv6; "
            "give both in one family"
        ),
    ),
    # unknown scheduler
    ("-A -t 1.1.1.1:80 -s best", 1, "the kernel has no scheduler 'best'; it has: rr wrr lc wlc"),
    (f"-E {T} -s best", 1, "the kernel has no scheduler 'best'; it has: rr wrr lc wlc"),
    # duplicates
    (
        f"-A {T}",
        1,
        f"service {WEB} is there already; change it with: ippfvsadm -E {T} -s SCHEDULER",
    ),
    (
        f"-A {T} -R 172.16.0.2:80",
        1,
        (
            f"172.16.0.2:80 is a real server of {WEB} already; "
            f"change it with: ippfvsadm -e {T} -r 172.16.0.2:80"
        ),
    ),
    # another scheduler than the service's
    (
        f"-A {T} -R 172.16.0.9:80 -s lc",
        1,
        f"{WEB} is scheduled by wrr, not lc; change it with: ippfvsadm -E {T} -s lc",
    ),
    # missing service, missing server
    (
        "-a -t 202.103.106.5:81 -r 1.1.1.1",
        1,
        (
            "no service tcp 202.103.106.5:81; list them with: ippfvsadm -L, "
            "or add it with: ippfvsadm -A -t 202.103.106.5:81"
        ),
    ),
    (
        "-D -u 202.103.106.5:80",
        1,
        "no service udp 202.103.106.5:80; list them with: ippfvsadm -L",
    ),
    (
        f"-d {T} -r 1.1.1.1",
        1,
        f"no real server 1.1.1.1 in {WEB}; list them with: ippfvsadm -L {T}",
    ),
    # the port cannot change
    (
        f"-a {T} -r 172.16.0.9:8000 -g",
        1,
        (
            f"172.16.0.9:8000 cannot be a DR server of {WEB}: DR keeps the port; "
            "use -m (NAT) or give port 80"
        ),
    ),
    (
        f"-a {T} -r 172.16.0.9:8000",  # DR, as in ipvsadm
        1,
        (
            f"172.16.0.9:8000 cannot be a DR server of {WEB}: DR keeps the port; "
            "use -m (NAT) or give port 80"
        ),
    ),
    (
        f"-e {T} -r 172.16.0.3:8000 -i",
        1,
        (
            f"172.16.0.3:8000 cannot be a TUN server of {WEB}: TUN keeps the port; "
            "use -m (NAT) or give port 80"
        ),
    ),
    (
        "--netns nowhere -L",
        1,
        "no network namespace 'nowhere' (No such file or directory); list them with: ip netns",
    ),
)


def saved(ippfvsadm: Ippfvsadm) -> str:
    """Return the rules only, as -S prints them."""
    lines = ippfvsadm("-S").stdout.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("--"))


@pytest.fixture
def paper(ippfvsadm: Ippfvsadm) -> Ippfvsadm:
    """Return the command after the paper's NAT example was entered."""
    for line in PAPER:
        ippfvsadm(*line.split())
    return ippfvsadm


def test_the_listing_equals_the_papers_listing(paper: Ippfvsadm) -> None:
    assert paper("-L").stdout == PAPER_TABLE
    assert paper("-L", "-n").stdout == PAPER_TABLE
    assert saved(paper) == PAPER_SAVED


def test_both_grammars_create_the_same_rules(paper: Ippfvsadm) -> None:
    """Each grammar removes what the other has added."""
    paper("-C")
    for line in PAPER_SAVED.splitlines():
        paper(*line.split())
    assert paper("-L").stdout == PAPER_TABLE
    paper("-D", "-t", "202.103.106.5:80", "-R", "172.16.0.2:80")
    paper("-d", "-t", "202.103.106.5:80", "-r", "172.16.0.3:8000")
    paper("-D", "-t", "202.103.106.5:21")
    assert saved(paper) == "-A -t 202.103.106.5:80 -s wrr\n"
    paper("-C")
    paper("-A", "-t", "202.103.106.5:80")
    assert saved(paper) == "-A -t 202.103.106.5:80 -s wlc\n"


def test_bad_input_is_refused_and_changes_nothing(
    paper: Ippfvsadm, lvs_reader: pylvs.Manager
) -> None:
    before = str(lvs_reader.rules())
    for line, code, sentence in BAD:
        refused = paper(*line.split(), check=False)
        assert (refused.returncode, refused.stdout, refused.stderr) == (
            code,
            "",
            f"ippfvsadm: {sentence}\n",
        ), line
        assert str(lvs_reader.rules()) == before, line


@pytest.fixture
def lvs_reader(farm: Farm) -> Iterator[pylvs.Manager]:
    """Return a second manager, which only reads."""
    import pylvs

    with pylvs.Manager(netns=str(farm.director.path)) as manager:
        yield manager


WRONG = {
    "-a -t 10.0.0.1:80 -r 10.0.1.1:80 -m -w heavy": (
        2,
        " column 40",
        "'-w heavy': a weight is a whole number from 0 to 65535",
    ),
    "\u2013a -t 10.0.0.1:80 -r 10.0.1.1:80 -m": (
        2,
        " column 1",
        "'\u2013a': the character '\u2013' is U+2013 (en dash), not '-'; write '-a'",
    ),
    "-a -t 10.0.0.1:80 -r 9.9.9.9:80 --method local": (
        1,
        "",
        (
            "9.9.9.9:80: the method local needs a loopback address or one of the director's own; "
            "use -m, -i or -g"
        ),
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_restore_reports_the_wrong_line_and_changes_nothing(paper: Ippfvsadm, wrong: str) -> None:
    lines = ["-A -t 10.0.0.1:80 -s rr"]
    lines += [f"-a -t 10.0.0.1:80 -r 10.1.{n >> 8}.{n & 255}:80 -m -w 1" for n in range(1, 1000)]
    lines[899] = wrong
    refused = paper("-R", text="\n".join(lines), check=False)
    code, column, sentence = WRONG[wrong]
    assert refused.returncode == code
    assert refused.stderr == (
        f"ippfvsadm: standard input line 900{column}: {sentence}; nothing was changed\n"
    )
    assert saved(paper) == PAPER_SAVED
    del lines[899]
    paper("-R", text="\n".join(lines))
    assert len(saved(paper).splitlines()) == 999


def test_each_grammar_has_its_own_method_and_restores_what_it_saved(paper: Ippfvsadm) -> None:
    """DR in ipvsadm's, whatever the default method is; the director is Local Node in both."""
    expected = (
        f"-A {T} -s wlc\n"
        f"-a {T} -r 172.16.0.2:80 -g -w 1\n"
        f"-a {T} -r 172.16.0.3:80 -g -w 1\n"
        f"-a {T} -r 172.16.0.4:80 -m -w 1\n"
        f"-a {T} -r 172.16.0.5:80 -i -w 1\n"
        f"-a {T} -r 127.0.0.1:8080 --method local -w 1\n"
        f"-a {T} -r 172.16.0.1:80 --method local -w 1\n"
        f"-a {T} -r 202.103.106.5:81 --method local -w 1\n"
    )
    lines = (
        f"-A {T}",
        f"-a {T} -r 172.16.0.2:80",
        f"-a {T} -r 172.16.0.3",
        f"-A {T} -R 172.16.0.4:80",
        f"-A {T} -R 172.16.0.5",
        f"-a {T} -r 127.0.0.1:8080",
        f"-a {T} -r 172.16.0.1",
        f"-A {T} -R 202.103.106.5:81",
    )
    paper("--default-method", "tun")
    paper("-C")
    for line in lines:
        paper(*line.split())
    assert saved(paper) == expected
    paper("-C")
    paper("-R", text="\n".join(lines))
    assert saved(paper) == expected
    whole = paper("-S").stdout
    paper("-R", text=whole)
    assert paper("-S").stdout == whole


def test_a_real_server_whose_method_is_left_to_the_kernel_survives_a_save_file(
    paper: Ippfvsadm, lvs_reader: pylvs.Manager
) -> None:
    import pylvs

    reals = [pylvs.Real(pylvs.Endpoint.parse(each)) for each in ("172.16.0.2:80", "127.0.0.1:81")]
    service = pylvs.Service(
        pylvs.Protocol.TCP, pylvs.Endpoint.parse("202.103.106.5:80"), "rr", tuple(reals)
    )
    paper("-R", text=str(pylvs.Ruleset((service,))))
    (real, local) = lvs_reader.rules().services[0].reals
    assert (real.method, local.method) == (pylvs.Method.NAT, pylvs.Method.LOCAL)


FILES = {
    "CRLF": "{service}\r\n{real}\r\n",
    "path": "/sbin/ipvsadm {service}\n/sbin/ipvsadm {real}\n",
    "clear_first": "#!/bin/sh\nipvsadm -C\nipvsadm {service}\nipvsadm {real}\n",
    "order": "{real}\n{service}\n",
    "byte_order_mark": "\ufeff{service}\n{real}\n",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_can_mean_one_thing_only_is_restored(paper: Ippfvsadm, name: str) -> None:
    service, real = "-A -t 203.0.113.5:80 -s rr", "-a -t 203.0.113.5:80 -r 172.16.0.2:80 -m -w 1"
    for restore in (["-R"], ["--restore", "-"]):
        paper("-C")
        paper(*restore, text=FILES[name].format(service=service, real=real))
        assert saved(paper) == f"{service}\n{real}\n"


def test_editing_a_service_without_a_scheduler_keeps_it(paper: Ippfvsadm) -> None:
    paper("-E", "-t", "202.103.106.5:80")
    assert saved(paper) == PAPER_SAVED
    refused = paper("-E", "-t", "202.103.106.5:81", check=False)
    assert (refused.returncode, refused.stderr) == (
        1,
        "ippfvsadm: no service tcp 202.103.106.5:81; list them with: ippfvsadm -L\n",
    )


NOT_PERMITTED = (
    "ippfvsadm: changing the rules needs CAP_NET_ADMIN in this network namespace; "
    "do it as root, for instance with sudo"
)


def without_admin(arguments: list[str]) -> int:
    """Run ippfvsadm without CAP_NET_ADMIN, in a process of its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    failed = libc.capget(header, sets)
    for effective_or_permitted in (0, 1):
        sets[effective_or_permitted] &= ~(1 << CAP_NET_ADMIN)
    if failed or libc.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")
    return _main(arguments)


_main = cli.main


def test_without_permission_reading_works_and_changes_are_refused(
    paper: Ippfvsadm, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(cli, "main", without_admin)
        assert paper("-L").stdout == PAPER_TABLE
        assert saved(paper) == PAPER_SAVED
        assert "no_server" in paper("-L", "--drops").stdout
        for line in ("-C", f"-D {T}", "-Z", "--set 1 2 3", f"-a {T} -r 1.1.1.1", "-R"):
            refused = paper(*line.split(), text="--conn-max 1\n", check=False)
            nothing = "; nothing was changed" if line == "-R" else ""
            assert refused.returncode == 1, line
            assert refused.stderr == f"{NOT_PERMITTED}{nothing}\n", line
    assert saved(paper) == PAPER_SAVED


@contextmanager
def unloaded() -> Iterator[None]:
    """Remove the module, and load it again at exit."""
    subprocess.run(["rmmod", "ippfvs"], check=True)
    try:
        yield
    finally:
        subprocess.run(["insmod", os.environ["IPPFVS_MODULE"]], check=True)


def test_without_the_module_commands_say_how_to_load_it(paper: Ippfvsadm) -> None:
    with unloaded():
        for line in ("-L", "-C", PAPER[0]):
            refused = paper(*line.split(), check=False)
            assert (refused.returncode, refused.stderr) == (
                1,
                "ippfvsadm: the ippfvs module is not loaded; load it with: modprobe ippfvs\n",
            )
        assert "(module not loaded)" in paper("--version").stdout
    assert paper("-L").stdout == PAPER_TABLE.partition("\n")[0] + "\n"


def test_netns_selects_the_namespace_of_the_rules(farm: Farm, paper: Ippfvsadm) -> None:
    for name in (farm.director.name, farm.director.path):
        assert paper("-L", "--netns", name, host=farm.client).stdout == PAPER_TABLE
    assert paper("-L", host=farm.client).stdout.count("\n") == 1


def shape(value: Any) -> Any:
    """Return the types of a JSON value and of its members. Empty lists become None."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else None
    return "number" if isinstance(value, (int, float)) else "text"


def documented_shape(heading: str) -> Any:
    """Return the shape of the example under HEADING in docs/JSON.md."""
    text = (TREE / "docs/JSON.md").read_text()
    found = re.search(
        rf"^## `{re.escape(heading)}.*?```json\n(.*?)```", text, re.MULTILINE | re.DOTALL
    )
    assert found, f"docs/JSON.md has no {heading}"
    return shape(json.loads(found[1]))


JSON = ("-L --json", "-L -c --json", "--drops --json", "--timeout --json", "--version --json")


def test_json_has_the_documented_shape(paper: Ippfvsadm, traffic: None) -> None:
    for line in JSON:
        assert shape(json.loads(paper(*line.split()).stdout)) == documented_shape(line), line
    rates = shape(json.loads(paper("-L", "--rate=0.1", "--json").stdout))
    (service,) = rates["services"]
    expected = documented_shape("-L --rate --json")
    (documented,) = expected["services"]
    assert service.keys() == documented.keys()
    assert rates.keys() == expected.keys()


@pytest.fixture
def traffic(farm: Farm, paper: Ippfvsadm) -> Iterator[None]:
    """Send ten datagrams, each on a connection of its own, and wait for their replies."""
    paper("-A", "-u", farm.service(53), "-R", farm.real(0, 53))
    with Echo(farm.servers[0], "udp", farm.reals[0], 53), ExitStack() as open_together:
        for _ in range(10):
            sock = open_together.enter_context(clients.connect(farm.client, "udp", farm.vip, 53))
            clients.request(sock, b"0123456789")
        yield


def counters(paper: Ippfvsadm, farm: Farm) -> list[str]:
    """Return the row of the real server of port 53 in -L --stats."""
    rows = paper("-L", "--stats", "-u", farm.service(53)).stdout.splitlines()
    return rows[2].split()


def test_stats_equal_the_traffic_and_zero_resets_them(
    farm: Farm, paper: Ippfvsadm, traffic: None
) -> None:
    answer = 28 + len(f"{farm.servers[0].name}:0123456789")
    assert counters(paper, farm) == [
        farm.reals[0],
        *["53", "10", "10", "10", str(10 * 38), str(10 * answer)],
    ]
    assert len(paper("-L", "-c", "-u", farm.service(53)).stdout.splitlines()) == 11
    assert "Connections/s" in paper("-L", "--rate=0.1").stdout
    both = paper("-L", "--stats", "--rate=0.1").stdout
    assert both.startswith(paper("-L", "--stats").stdout)
    assert "\n\nProtocol" in both
    assert "Connections/s" in both
    paper("-Z", "-u", farm.service(53))
    assert counters(paper, farm)[2:] == ["0"] * 5


def test_every_drop_reason_is_listed(paper: Ippfvsadm) -> None:
    header = (TREE / "kernel/uapi/ippfvs.h").read_text()
    names = [name.lower() for name in re.findall(r"^\tIPPFVS_DROP_(\w+),", header, re.MULTILINE)]
    rows = paper("-L", "--drops").stdout.splitlines()[1:]
    assert [row.split()[0] for row in rows] == names[2:]
