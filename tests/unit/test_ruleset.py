# SPDX-License-Identifier: GPL-2.0
from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pylvs
from pylvs import (
    Config,
    Endpoint,
    Error,
    InvalidValue,
    Manager,
    Method,
    Protocol,
    Real,
    Ruleset,
    Service,
)
from pylvs._rulefile import lines_of, load, loads, read
from pylvs.ruleset import add_line, diff, service_lines
from tests.unit.fakekernel import FakeKernel
from tests.unit.strategies import RULESETS


@given(RULESETS)
def test_restore_of_save_is_identity(ruleset: Ruleset) -> None:
    assert loads(str(ruleset)) == ruleset


@given(RULESETS, RULESETS)
def test_diff_leads_from_one_to_the_other(old: Ruleset, new: Ruleset) -> None:
    assert diff(new, new) == []
    changes = diff(Ruleset(), new)
    assert loads("\n".join(changes)) == new
    if {s.key for s in old.services} != {s.key for s in new.services}:
        assert diff(old, new)


def test_diff_says_what_one_would_type() -> None:
    old = loads("-A -t 10.0.0.1:80\n-a -t 10.0.0.1:80 -r 1.1.1.1:80 -m\n-A -u 10.0.0.1:53\n")
    new = loads(
        "--default-method dr\n-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 1.1.1.2 -g -w 0\n"
    )
    assert diff(old, new) == [
        "--default-method dr",
        "-D -u 10.0.0.1:53",
        "-E -t 10.0.0.1:80 -s rr",
        "-d -t 10.0.0.1:80 -r 1.1.1.1:80",
        "-a -t 10.0.0.1:80 -r 1.1.1.2 -g -w 0",
    ]


@pytest.mark.parametrize("old", ["1.1.1.2", "1.1.1.2:80"])
@pytest.mark.parametrize("new", ["1.1.1.2", "1.1.1.2:80"])
def test_diff_knows_a_real_server_with_its_services_port_or_without(old: str, new: str) -> None:
    head, real = "-A -t 10.0.0.1:80 -s rr\n", "-a -t 10.0.0.1:80 -r"
    there = loads(f"{head}{real} {old} -g -w 1\n")
    assert diff(there, loads(f"{head}{real} {new} -g -w 1\n")) == []
    old_style = f"{head}-A -t 10.0.0.1:80 -R {new} -w"
    assert diff(there, loads(f"{old_style} 1\n")) == []  # a method left to the kernel
    assert diff(there, loads(f"{old_style} 2\n")) == [f"-e -t 10.0.0.1:80 -r {new} -w 2"]
    assert diff(there, loads(head)) == ["-d -t 10.0.0.1:80 -r 1.1.1.2:80"]


def test_what_ipvsadm_saves_is_read() -> None:
    ruleset = loads(
        "-A -t 1.2.3.4:http -s rr\n"
        "-a -t 1.2.3.4:http -r 10.0.0.1:http -m -w 1\n"
        "-a -t 1.2.3.4:80 -r 10.0.0.2:80 -g -w 0\n"
        "-A -u [2001:db8::1]:53 -s wlc\n"
        "-a -u [2001:db8::1]:53 -r [2001:db8::2]:53 -i -w 65535\n"
    )
    reals = (
        Real(Endpoint("10.0.0.1", 80), 1, Method.NAT),
        Real(Endpoint("10.0.0.2", 80), 0, Method.DR),
    )
    web = Service(Protocol.TCP, Endpoint("1.2.3.4", 80), "rr", reals)
    tunnel = Real(Endpoint("2001:db8::2", 53), 65535, Method.TUN)
    dns = Service(Protocol.UDP, Endpoint("2001:db8::1", 53), "wlc", (tunnel,))
    assert ruleset == Ruleset((web, dns))


def test_what_ipvsadm_may_add_without_asking_for_anything() -> None:
    service = "-A -t 1.2.3.4:80 -s rr\n-a -t 1.2.3.4:80 -r 10.0.0.1:80 -i -w 1"
    assert loads(f"{service} --tun-type ipip -x 0 -y 0") == loads(service)
    for more in ("--tun-type gue", "-x 1", "--tun-port 0"):
        with pytest.raises(pylvs.InvalidValue, match=r"ippfvs does not have (tunnel|connection)"):
            loads(f"{service} {more}")


def test_1999_lines_comments_and_blank_lines_are_read() -> None:
    ruleset = loads(
        "# the paper's farm\n\n"
        "ippfvsadm -A -t 202.103.106.5:80 -R 172.16.0.2:80\n"
        "  ippfvsadm -A -t 202.103.106.5:80 -R 172.16.0.3:8000 -w 2   # the fast one\n"
        "ippfvs -A -t 192.168.1.110 -R 127.0.0.1\n"
        "--set 0 60 0\n"
    )
    web, local = ruleset.services
    assert (web.scheduler, [real.weight for real in web.reals]) == ("wrr", [1, 2])
    assert local == Service(
        Protocol.TCP, Endpoint("192.168.1.110"), "wrr", (Real(Endpoint("127.0.0.1")),)
    )
    assert ruleset.config == Config(fin_timeout_s=60)


@given(RULESETS, st.data())
def test_lines_of_services_may_alternate(ruleset: Ruleset, data: st.DataObject) -> None:
    """Every rule keeps the number of its line."""
    queues = [list(service_lines(service)) for service in ruleset.services]
    rows = []
    while waiting := [queue for queue in queues if queue]:
        rows.append(data.draw(st.sampled_from(waiting)).pop(0))
    expected = [service for row in rows for service in ruleset.services if row == f"-A {service}"]
    read = loads("\n".join(rows), "f")
    assert list(read.services) == expected
    for index, (service, real) in enumerate(read.rules()):
        row = f"-A {service}" if real is None else add_line(service.option, real)
        assert read.rule_at(index).where == f"f line {rows.index(row) + 1}"


SERVICE = "-A -t 10.0.0.1:80 -s rr"


@pytest.mark.parametrize(
    ("line", "error", "sentence"),
    [
        ("-a -t 10.0.0.1:80 -r 1.1.1.1:80 -w heavy", pylvs.InvalidValue, "'-w heavy': a weight is"),
        ("-a -t 10.0.0.1:80 -r 1.1.1.1:80 -m -w 65536", pylvs.InvalidValue, "'-w 65536': a weight"),
        ("-a -t 10.0.0.1:80 -r 1.1.1.999:80 -m -w 1", pylvs.InvalidValue, "'1.1.1.999' is not an"),
        (
            "-a -t 10.0.0.1:81 -r 1.1.1.1:80 -m -w 1",
            pylvs.NoSuchService,
            "no service tcp 10.0.0.1:81",
        ),
        (SERVICE, pylvs.AlreadyExists, "service tcp 10.0.0.1:80 already exists"),
        (
            "-A -t 10.0.0.1:80 -R 1.1.1.1:80 -s lc",
            pylvs.AlreadyExists,
            "tcp 10.0.0.1:80 is scheduled by rr, not lc; use one scheduler for it",
        ),
        (
            "-D -t 10.0.0.1:80",
            pylvs.InvalidValue,
            "a rule set consists of -C (first), -A, -a, --set",
        ),
        ("-A -t 10.0.0.2:80 -p 300", pylvs.InvalidValue, "does not have persistence yet"),
        ("-A -f 1 -s rr", pylvs.InvalidValue, "does not have services by firewall mark yet"),
        ("nonsense", pylvs.InvalidValue, "'nonsense' belongs to no option"),
        ("-A -t 10.0.0.2:80 --netns red", pylvs.InvalidValue, "--netns cannot be used"),
        ("--default-method", pylvs.InvalidValue, "--default-method needs a value"),
        ("--default-method local", pylvs.InvalidValue, "use nat, tun or dr"),
        ("-A -t 10.0.0.2:80 -s rr" + " " * 5000, pylvs.InvalidValue, "longer than 4096"),
        (
            f"-a -t 10.0.0.1:80 -r {'1' * 5000} -m -w 1",
            pylvs.InvalidValue,
            "longer than 4096",
        ),
        ("\udcff", pylvs.InvalidValue, "belongs to no option"),
    ],
)
def test_a_wrong_line_is_named(line: str, error: type[Error], sentence: str) -> None:
    text = SERVICE + "\n" + "# 900 lines\n" * 898 + line + "\n-A -t 9.9.9.9:9\n"
    with pytest.raises(error) as refused:
        loads(text, "rules.txt")
    assert re.match(r"rules\.txt line 900( column \d+)?: ", str(refused.value))
    assert sentence in refused.value.sentence()
    assert refused.value.sentence().endswith("; nothing was changed")


def test_a_real_server_twice_is_named() -> None:
    real = "-a -t 10.0.0.1:80 -r 1.1.1.1:80 -m -w 1"
    with pytest.raises(
        pylvs.AlreadyExists, match=r"^f line 3: 1\.1\.1\.1:80 is already a real server of"
    ):
        loads(f"{SERVICE}\n{real}\n{real}\n", "f")


@pytest.mark.parametrize(
    "between", ["-A -u 10.0.0.9:53", "-A -u 10.0.0.9:53\n-a -u 10.0.0.9:53 -r 9.9.9.9 -g -w 1"]
)
def test_a_real_server_twice_is_named_when_lines_come_back(between: str) -> None:
    real = "-a -t 10.0.0.1:80 -r {}:80 -m -w 1"
    again = [SERVICE, real.format("1.1.1.1"), *between.splitlines(), real.format("1.1.1.2")]
    for row in (real.format("1.1.1.1"), real.format("1.1.1.2")):
        with pytest.raises(
            pylvs.AlreadyExists, match=r"is already a real server of tcp"
        ) as refused:
            loads("\n".join([*again, row]))
        assert refused.value.where == f"rules line {len(again) + 1}"


@pytest.mark.parametrize("between", ["", "-A -u 10.0.0.9:53 -R 9.9.9.9\n"])
def test_1999_lines_may_repeat_the_scheduler_of_their_service(between: str) -> None:
    line = "-A -t 10.0.0.1:80 -R 1.1.1.{} -s {}\n"
    text = line.format(1, "lc") + between
    read = loads(f"{text}{line.format(2, 'lc')}-A -t 10.0.0.1:80 -R 1.1.1.3")
    assert (read.services[0].scheduler, len(read.services[0].reals)) == ("lc", 3)
    with pytest.raises(pylvs.AlreadyExists, match="is scheduled by lc, not wrr"):
        loads(text + line.format(2, "wrr"))


def test_what_the_kernel_refuses_is_named_too(kernel: FakeKernel, lvs: Manager) -> None:
    lvs.replace(loads("-A -t 9.9.9.9:9 -R 1.1.1.1:80"))
    before = lvs.rules()
    text = f"--set 1 1 1\n# c\n{SERVICE}\n" + "".join(
        f"-a -t 10.0.0.1:80 -r 1.1.1.{n}:80 -g -w 1\n" for n in range(9)
    )
    wrong = text.replace("1.1.1.7:80", "1.1.1.7:81")
    with pytest.raises(pylvs.PortCannotChange) as refused:
        lvs.replace(loads(wrong, "rules.txt"))
    assert refused.value.sentence() == (
        "rules.txt line 11: 1.1.1.7:81 cannot be a DR server of tcp 10.0.0.1:80: "
        "DR keeps the port; use -m (NAT) or port 80; nothing was changed"
    )
    assert refused.value.kernel == "DR and TUN cannot change the port"
    assert lvs.rules() == before


def test_a_rule_set_made_in_python_names_its_rule(lvs: Manager) -> None:
    real = Real(Endpoint("::1", 80))
    ruleset = Ruleset((Service(Protocol.TCP, Endpoint("10.0.0.1", 80), reals=(real,)),))
    with pytest.raises(pylvs.FamilyMismatch, match=r"^-A -t 10.0.0.1:80 -R \[::1\]:80 -w 1: "):
        lvs.replace(ruleset)


@pytest.mark.parametrize("reals", [(), (Real(Endpoint("1.1.1.1", 80)),)])
def test_a_service_twice_is_named(lvs: Manager, reals: tuple[Real, ...]) -> None:
    service = Service(Protocol.TCP, Endpoint("10.0.0.1", 80), "rr", reals)
    with pytest.raises(pylvs.AlreadyExists) as refused:
        lvs.replace(Ruleset((service, service)))
    assert refused.value.where == "-A -t 10.0.0.1:80 -s rr"


def test_load_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rules.txt"
    path.write_text(SERVICE)
    assert load(str(path)) == loads(SERVICE)
    path.write_text("wrong")
    with pytest.raises(pylvs.InvalidValue, match=r"rules.txt line 1 column 1: 'wrong'"):
        load(str(path))


def test_a_line_without_an_end_is_not_read_whole(tmp_path: Path) -> None:
    with open("/dev/zero") as endless, pytest.raises(InvalidValue, match="line 1: the line is l"):
        read(lines_of(endless))
    path = tmp_path / "rules.txt"
    path.write_text("# " + 4094 * "x")  # the longest one
    assert loads(path.read_text()) == Ruleset()
    with path.open() as file:
        assert not read(lines_of(file)).body


def test_too_many_services_or_real_servers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pylvs._rulefile.SERVICES_MAX", 2)
    monkeypatch.setattr("pylvs._rulefile.REALS_MAX", 1)
    with pytest.raises(pylvs.TooMany, match="line 3: a namespace holds 2 services"):
        loads("".join(f"-A -t 10.0.0.{n}:80\n" for n in range(3)))
    with pytest.raises(pylvs.TooMany, match="line 2: a service holds 1 real servers"):
        loads("-A -t 10.0.0.1:80 -R 1.1.1.1\n-A -t 10.0.0.1:80 -R 1.1.1.2\n")


@given(RULESETS)
def test_lines_of_a_known_form_and_the_grammar_agree(ruleset: Ruleset) -> None:
    usual = str(ruleset)
    assert loads("".join(f"ippfvsadm {line}\n" for line in usual.splitlines())) == loads(usual)


@pytest.mark.parametrize(
    ("real", "complaint"),
    [
        ("1.2.3.4:65536", "a port is a number from 0 to 65535"),
        ("01.2.3.4:80", "is not an IPv4 address"),
        ("1.2.3:80", "is not an IPv4 address"),
        ("1.2.3.400:80", "is not an IPv4 address"),
        ("1.1.1.1:80", "1.1.1.1:80 is already a real server of tcp 10.0.0.1:80"),
        ("[2001:db8::1]:http2", "neither a port"),
    ],
)
def test_an_invalid_line_of_a_known_form_is_named(real: str, complaint: str) -> None:
    lines = ["-A -t 10.0.0.1:80 -s rr", "-a -t 10.0.0.1:80 -r 1.1.1.1:80 -m -w 1"]
    text = "\n".join([*lines, f"-a -t 10.0.0.1:80 -r {real} -m -w 1", lines[1]])
    with pytest.raises(pylvs.Error, match=re.escape(complaint)) as caught:
        pylvs.loads(text)
    invalid = isinstance(caught.value, InvalidValue)
    assert caught.value.where == ("rules line 3 column 22" if invalid else "rules line 3")


def test_a_weight_beyond_the_limit_is_named() -> None:
    with pytest.raises(pylvs.InvalidValue, match="a whole number from 0 to 65535"):
        pylvs.loads("-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 1.1.1.1:80 -m -w 65536")


@pytest.mark.parametrize("second", ["1.1.1.1", "1.1.1.1:0", "1.1.1.1:80"])
@pytest.mark.parametrize("first", ["1.1.1.1", "1.1.1.1:80"])
@pytest.mark.parametrize("between", [[], ["-A -t 10.0.0.2:80 -s rr"]])
def test_a_real_server_is_the_same_with_its_services_port_or_without(
    first: str, second: str, between: list[str]
) -> None:
    service = "-t 10.0.0.1:80"
    lines = [f"-A {service} -s rr", f"-a {service} -r {first} -m", *between]
    with pytest.raises(pylvs.AlreadyExists, match=r"is already a real server of tcp"):
        pylvs.loads("\n".join([*lines, f"-a {service} -r {second} -m"]))


@pytest.mark.parametrize("text", ["", "# cut short\n"])
def test_a_file_without_anything_is_no_rule_set(tmp_path: Path, text: str) -> None:
    file = tmp_path / "rules"
    file.write_text(text)
    with pytest.raises(InvalidValue, match="rules holds neither a rule nor a setting"):
        load(str(file))
    assert loads(text) == Ruleset()


def test_each_grammar_has_its_own_method_when_none_is_given() -> None:
    """In ipvsadm's grammar it is DR. In the grammar of 1999 the kernel chooses.

    A save file must keep this choice open.
    """
    service = "-t 10.0.0.1:80"
    ruleset = loads(f"-A {service}\n-a {service} -r 1.1.1.1:80\n-A {service} -R 1.1.1.2\n")
    assert [real.method for real in ruleset.services[0].reals] == [Method.DR, None]
    assert str(ruleset).splitlines()[1:] == [
        "-a -t 10.0.0.1:80 -r 1.1.1.1:80 -g -w 1",
        "-A -t 10.0.0.1:80 -R 1.1.1.2 -w 1",
    ]
    assert loads(str(ruleset)) == ruleset
    many = [f"-a {service} -r 1.1.1.{n}:80 -w {n}\n" for n in range(1, 9)]
    read = loads(f"-A {service}\n" + "".join(many))
    assert {real.method for real in read.services[0].reals} == {Method.DR}


def test_diff_lets_local_node_stay_whatever_method_is_written() -> None:
    """Whether an address is the director's decides that, and the kernel knows its addresses."""
    head = "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.0.0.9:8080"
    there = loads(f"{head} --method local")
    for method in ("", "-m", "-g", "-i"):
        assert diff(there, loads(f"{head} {method}")) == []
        assert diff(there, loads(f"{head} {method} -w 2")) != []
