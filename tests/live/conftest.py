# SPDX-License-Identifier: GPL-2.0
"""Fixtures of the live tests. They run in a guest, as root, with ippfvs.ko loaded.

    tools/lab test --kernel uml tests/live/test_methods.py -k udp

A live test asks for the farm that it needs and for hands on its director:

    @pytest.mark.farm(methods=["nat", "dr"])         # default: all four, IPv4 and IPv6
    def test_shares(farm, ippfvsadm, web):
        ippfvsadm("-A", "-t", farm.service(80), "-s", "rr")
        …

farm        the paper's farm of each method and family (ippfvslab.farm.Farm): farm.client,
            farm.director, farm.servers (Hosts), farm.vip, farm.reals, farm.service(80),
            farm.real(0, 80), farm.method, farm.family, farm.mac("server1", "lan"). It is shared
            by the tests of a session: rules are cleared around each test, anything else that a
            test changes in it, it puts back.
own_farm    own_farm("nat", 6): a farm for one test alone, for those that break things.
ippfvsadm   runs the command in the director; its CompletedProcess; check=False to see a refusal.
lvs         a pylvs.Manager in the director; settings are put back after the test.
web         web(): real nginx on port 80 of every server (for Local Node: on the director), at the
            address that the method asks for; web(8000) on another port.
echoes      echoes("udp", 7): an Echo on every server, likewise; its list.
balance     balance("tcp", 7, "wrr", 1, 2): a service of the VIP with the farm's real servers, of
            those weights (all 1 when none is given), by the farm's method; the pylvs.Service.
lookups     lookups.counted(source, dest): which of their packets the stack looked up a route for.
ways        ways.new(3): the way that each of three new connections took, LONG or SHORT.
kernel log  every test fails in which the kernel complains.

Hosts, captures and servers are in tools/ippfvslab: netns.Host (run, popen, socket, inside, call),
wire.Capture, echo.Echo, web.get, nginx.serve.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from ippfvslab import klog, nginx, steady
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm
from ippfvslab.layouts import FAMILIES, METHODS, layout
from ippfvslab.netns import Host

from tests.live.helpers import lookups as fib
from tests.live.helpers.lookups import Lookups
from tests.live.helpers.ways import Ways

if TYPE_CHECKING:
    import pylvs

Ippfvsadm = Callable[..., "subprocess.CompletedProcess[str]"]
Web = Callable[..., None]
OwnFarm = Callable[..., Farm]
Echoes = Callable[..., "list[Echo]"]
Balance = Callable[..., "pylvs.Service"]

REST_S = 2.5
"""Linux tells of a link a second late, and tries an IPv6 address for as long before it is one."""

# Only a kernel with fault injection can be short of memory, or move headers, at will.
_FAULTS = ["test_no_memory.py", "test_reallocation.py"]
collect_ignore = [] if os.environ.get("IPPFVS_KERNEL") in ("sanitize", "races") else _FAULTS
# In every other guest the module is loaded already.
collect_ignore += [] if os.environ.get("IPPFVS_KERNEL") == "newest-rt" else ["test_refusal.py"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "farm(methods=…, families=…, own=…): the farms that the test runs on; default all of both."
        " own=True: they are made for this test alone; own='file': for the tests of its file",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "farm" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("farm")
    wanted = mark.kwargs if mark else {}
    whose = ""
    if wanted.get("own"):
        whose = metafunc.definition.name.partition("[")[0]
    if wanted.get("own") == "file":
        whose = metafunc.definition.path.stem
    cases = [
        (method, family, whose)
        for method in wanted.get("methods", METHODS)
        for family in wanted.get("families", FAMILIES)
    ]
    names = [f"{method}{family}" for method, family, _ in cases]
    metafunc.parametrize("farm", cases, ids=names, indirect=True, scope="session")


@pytest.fixture(scope="session", autouse=True)
def guest() -> str:
    """The name of the kernel under test; live tests never run outside a guest of the lab."""
    name = os.environ.get("IPPFVS_KERNEL")
    if not name:
        pytest.exit("live tests run in a guest: tools/lab test --live-only", returncode=2)
    return name


@pytest.fixture(scope="session")
def _watches(request: pytest.FixtureRequest) -> bool:
    """Whether a test of this session wants to know of lookups."""
    return any("lookups" in getattr(item, "fixturenames", ()) for item in request.session.items)


@pytest.fixture(scope="session", autouse=True)
def _steady_code(_watches: bool) -> Iterator[Lookups | None]:
    with steady.code(), contextlib.ExitStack() as stack:
        yield stack.enter_context(fib.watch()) if _watches and fib.available() else None


@pytest.fixture
def lookups(_steady_code: Lookups | None) -> Lookups:
    """The kernel's lookups of routes, which are watched from the session's start to its end."""
    if _steady_code is None:
        pytest.fail(
            "this kernel reports no lookup of a route; it needs CONFIG_ENABLE_DEFAULT_TRACERS"
        )
    return _steady_code


@pytest.fixture(scope="session")
def _farms() -> Iterator[dict[tuple[str, int, str], Farm]]:
    farms: dict[tuple[str, int, str], Farm] = {}
    yield farms
    for farm in farms.values():
        farm.close()


@pytest.fixture(scope="session")
def _shared_farm(
    request: pytest.FixtureRequest, _farms: dict[tuple[str, int, str], Farm]
) -> Callable[[str, int, str], Farm]:
    def get(method: str, family: int, whose: str) -> Farm:
        key = (method, family, whose)
        if key not in _farms:
            prefix = f"{method}{family}-" + (f"{len(_farms)}-" if whose else "")
            _farms[key] = Farm(layout(method, family), prefix)
        return _farms[key]

    return get


@pytest.fixture(scope="session")
def farm(request: pytest.FixtureRequest, _shared_farm: Callable[[str, int, str], Farm]) -> Farm:
    """The paper's farm of a method and family; `@pytest.mark.farm` narrows which."""
    return _shared_farm(*request.param)


@pytest.fixture
def own_farm() -> Iterator[OwnFarm]:
    """Make a farm for this test alone: own_farm(method, family=4)."""
    with contextlib.ExitStack() as stack:

        def make(method: str, family: int = 4) -> Farm:
            own = Farm(layout(method, family), f"own{len(made)}-")
            made.append(own)
            stack.enter_context(own)
            return own

        made: list[Farm] = []
        yield make


def run_ippfvsadm(
    host: Host, *words: object, check: bool = True, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `ippfvsadm WORDS` in HOST with TEXT on its standard input.

    It is the command itself in a fork of this process, which has imported it already: starting
    Python anew takes seconds in an emulated guest.
    """
    from pylvs import cli

    arguments = [str(word) for word in words]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            status = 70
            try:
                status = _be_ippfvsadm(host, cli.main, arguments, text or "", out, err)
            finally:
                os._exit(status)
        _pid, ended = os.waitpid(child, 0)
        for stream in (out, err):
            stream.seek(0)
        done = subprocess.CompletedProcess(
            ["ippfvsadm", *arguments], os.waitstatus_to_exitcode(ended), out.read(), err.read()
        )
    if check and done.returncode:
        pytest.fail(f"ippfvsadm {' '.join(arguments)}: {done.returncode}: {done.stderr}")
    return done


def _be_ippfvsadm(
    host: Host,
    main: Callable[[list[str]], int],
    arguments: list[str],
    text: str,
    out: io.TextIOBase,
    err: io.TextIOBase,
) -> int:
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    sys.stdin = io.StringIO(text)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False)
    try:
        with host.inside():
            return main(arguments) or 0
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else 1 if ending.code else 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


@pytest.fixture
def ippfvsadm(farm: Farm) -> Iterator[Ippfvsadm]:
    """Run the command in the director: ippfvsadm("-A", "-t", …, check=False, text="…")."""

    def run(
        *words: object, check: bool = True, text: str | None = None, host: Host | None = None
    ) -> subprocess.CompletedProcess[str]:
        return run_ippfvsadm(host or farm.director, *words, check=check, text=text)

    run("-C")
    run("--default-method", "nat")
    yield run
    run("-C")


@pytest.fixture
def lvs(farm: Farm) -> Iterator[pylvs.Manager]:
    """A pylvs.Manager in the director, without a rule before and after the test."""
    import pylvs

    with pylvs.Manager(netns=str(farm.director.path)) as manager:
        manager.clear()
        manager.zero()
        before = manager.config()
        yield manager
        manager.clear()
        manager.configure(
            default_method=before.default_method,
            tcp_timeout_s=before.tcp_timeout_s,
            fin_timeout_s=before.fin_timeout_s,
            udp_timeout_s=before.udp_timeout_s,
            conn_max=before.conn_max,
        )


@pytest.fixture(scope="session")
def _rested(farm: Farm) -> Farm:
    """The farm when its links and addresses are known to all: until then they change routes."""
    time.sleep(REST_S)
    return farm


@pytest.fixture
def ways(_rested: Farm, lvs: pylvs.Manager, lookups: Lookups) -> Ways:
    """Which way new connections from the router to the VIP go."""
    return Ways(_rested, lvs, lookups)


@pytest.fixture
def balance(farm: Farm, lvs: pylvs.Manager) -> Balance:
    """Make a service of the farm's VIP with its real servers."""

    def make(protocol: str, port: int, scheduler: str = "rr", *weights: int) -> pylvs.Service:
        service = lvs.add_service(protocol, farm.service(port), scheduler)
        for number, weight in enumerate(weights or [1] * len(farm.reals)):
            lvs.add_real(service, farm.real(number), weight, farm.method)
        return service

    return make


@pytest.fixture
def echoes(farm: Farm) -> Iterator[Echoes]:
    """Start an echo server on every server, where the farm's method asks for it."""
    with contextlib.ExitStack() as stack:

        def start(protocol: str, port: int) -> list[Echo]:
            return [
                stack.enter_context(
                    Echo(server, protocol, real if farm.method == "nat" else farm.vip, port)
                )
                for server, real in zip(farm.servers, farm.reals, strict=True)
            ]

        yield start


@pytest.fixture
def web(farm: Farm) -> Iterator[Web]:
    """Start nginx on every server: web(port=80). `/` names the server, `/big` has 50 MB."""

    def start(port: int = 80) -> None:
        for server, name, real in zip(farm.servers, farm.layout.servers, farm.reals, strict=True):
            address = real if farm.method in ("nat", "local") else farm.vip
            children.append((server, nginx.serve(server, name, (address, port))))

    children: list[tuple[Host, subprocess.Popen[str]]] = []
    yield start
    for server, _child in children:
        server.end_children()
    for home in os.listdir("/tmp"):
        if home.startswith("nginx-"):
            shutil.rmtree(f"/tmp/{home}")


class KernelLog:
    """What the kernel says from now on."""

    def __init__(self) -> None:
        self._log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self._log, 0, os.SEEK_END)

    def read(self) -> str:
        """The lines since the last look."""
        lines = []
        with contextlib.suppress(BlockingIOError):
            while True:
                record = os.read(self._log, 8192).decode(errors="replace")
                lines.append(record.partition(";")[2].partition("\n")[0])
        return "\n".join(lines)


@pytest.fixture(scope="session")
def _kernel_log() -> KernelLog:
    return KernelLog()


@pytest.fixture(autouse=True)
def _healthy_kernel(_kernel_log: KernelLog) -> Iterator[None]:
    """Fail the test in which the kernel complains."""
    _kernel_log.read()
    yield
    faults = klog.scan(_kernel_log.read())
    if faults:
        pytest.fail("\n\n".join(fault.context for fault in faults))
