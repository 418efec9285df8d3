# SPDX-License-Identifier: GPL-2.0
"""Fixtures of the live tests. They run in a guest, as root, with ippfvs.ko loaded.

    tools/lab test --kernel uml tests/live/test_methods.py -k udp

A live test requests the farm that it needs and the fixtures that control its director:

    @pytest.mark.farm(methods=["nat", "dr"])         # default: all four, IPv4 and IPv6
    def test_shares(farm, ippfvsadm, web):
        ippfvsadm("-A", "-t", farm.service(80), "-s", "rr")
        …

farm        the paper's farm of each method and family (ippfvslab.farm.Farm): farm.client,
            farm.director, farm.servers (Hosts), farm.vip, farm.reals, farm.service(80),
            farm.real(0, 80), farm.method, farm.family, farm.mac("server1", "lan"). The tests of a
            session share it. Its rules are cleared before and after each test. A test must restore
            everything else that it changes.
own_farm    own_farm("nat", 6): a farm for one test, for tests that leave a farm unusable.
ippfvsadm   runs the command in the director and returns its CompletedProcess. With check=False a
            refusal does not fail the test.
lvs         a pylvs.Manager in the director. The settings are restored after the test.
web         web(): real nginx on port 80 of every server (for Local Node: on the director), at the
            address that the method requires. web(8000) uses another port.
echoes      echoes("udp", 7): an Echo on every server, at the same address; returns the list.
balance     balance("tcp", 7, "wrr", 1, 2): creates a service of the VIP with the farm's real
            servers, these weights (default 1) and the farm's method; returns the pylvs.Service.
lookups     lookups.counted(source, dest): the route lookups of the stack for these packets.
new_connections
            new_connections.scheduled(3): opens three connections and returns for each whether it
            was scheduled EARLY or was ROUTED first.
kernel log  A test fails if the kernel complains during it.

Hosts, captures and servers are in tools/ippfvslab: netns.Host (run, popen, socket, inside, call),
capture.Capture, echo.Echo, clients.http_get, nginx.serve.
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
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ippfvslab import klog, nginx, warmup
from ippfvslab.echo import Echo
from ippfvslab.farm import Farm
from ippfvslab.layouts import FAMILIES, METHODS, layout
from ippfvslab.netns import Host

from tests.live.helpers import early_scheduling
from tests.live.helpers.early_scheduling import NewConnections, RouteLookups

if TYPE_CHECKING:
    import pylvs

Ippfvsadm = Callable[..., "subprocess.CompletedProcess[str]"]
Web = Callable[..., None]
OwnFarm = Callable[..., Farm]
Echoes = Callable[..., "list[Echo]"]
Balance = Callable[..., "pylvs.Service"]

SETTLE_S = 2.5
"""Linux reports a new link up to 1 s late, and then checks an IPv6 address for another second."""

# These files need fault injection or lockdep, which only a kernel with all checks has.
_FAULTS = ["test_no_memory.py", "test_reallocation.py", "test_totals_without_lock.py"]
collect_ignore = [] if os.environ.get("IPPFVS_CHECKS") == "1" else _FAULTS
# This file needs memory cgroups, which the kernels uml and 6.1-uml lack.
if " mem_cgroup_css_alloc\n" not in Path("/proc/kallsyms").read_text():
    collect_ignore += ["test_memory_cgroup.py"]
# This file loads the module itself.
collect_ignore += [] if os.environ.get("IPPFVS_LOADED") == "0" else ["test_refusal.py"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "farm(methods=…, families=…, own=…): the farms that the test runs on; the default is all."
        " own=True: farms for this test only; own='file': farms for the tests of its file only",
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
    """Return the name of the kernel under test. Live tests never run outside a guest of the lab."""
    name = os.environ.get("IPPFVS_KERNEL")
    if not name:
        pytest.exit("live tests run in a guest: tools/lab test --live-only", returncode=2)
    return name


@pytest.fixture(scope="session")
def _lookups_wanted(request: pytest.FixtureRequest) -> bool:
    """Return whether a test of this session uses the fixture `lookups`."""
    return any("lookups" in getattr(item, "fixturenames", ()) for item in request.session.items)


@pytest.fixture(scope="session", autouse=True)
def _warmed_up(_lookups_wanted: bool) -> Iterator[RouteLookups | None]:
    wanted = _lookups_wanted and early_scheduling.available()
    with warmup.run(), contextlib.ExitStack() as stack:
        yield stack.enter_context(early_scheduling.trace_lookups()) if wanted else None


@pytest.fixture
def lookups(_warmed_up: RouteLookups | None) -> RouteLookups:
    """Return the reader of the kernel's route lookups, which are traced for the whole session."""
    if _warmed_up is None:
        pytest.fail(
            "this kernel cannot trace route lookups; it needs CONFIG_ENABLE_DEFAULT_TRACERS"
        )
    return _warmed_up


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
    """Return the paper's farm of a method and family, which `@pytest.mark.farm` selects."""
    return _shared_farm(*request.param)


@pytest.fixture
def own_farm() -> Iterator[OwnFarm]:
    """Create a farm for this test only: own_farm(method, family=4)."""
    with contextlib.ExitStack() as stack:

        def make(method: str, family: int = 4) -> Farm:
            own = Farm(layout(method, family), f"own{len(made)}-")
            made.append(own)
            stack.enter_context(own)
            return own

        made: list[Farm] = []
        yield make


def run_ippfvsadm(
    host: Host, *arguments: object, check: bool = True, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `ippfvsadm ARGUMENTS` in HOST with TEXT on its standard input.

    The command runs in a fork of this process, which has imported it already. Starting Python takes
    seconds in an emulated guest.
    """
    from pylvs import cli

    words = [str(each) for each in arguments]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            status = 70
            try:
                status = _execute_ippfvsadm(host, cli.main, words, text or "", out, err)
            finally:
                os._exit(status)
        _pid, ended = os.waitpid(child, 0)
        for stream in (out, err):
            stream.seek(0)
        done = subprocess.CompletedProcess(
            ["ippfvsadm", *words], os.waitstatus_to_exitcode(ended), out.read(), err.read()
        )
    if check and done.returncode:
        pytest.fail(f"ippfvsadm {' '.join(words)}: {done.returncode}: {done.stderr}")
    return done


def _execute_ippfvsadm(
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
def ippfvsadm_in() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return run_ippfvsadm(host, *arguments), for tests whose hosts are no farm."""
    return run_ippfvsadm


@pytest.fixture
def ippfvsadm(farm: Farm) -> Iterator[Ippfvsadm]:
    """Run the command in the director: ippfvsadm("-A", "-t", …, check=False, text="…")."""

    def run(
        *arguments: object, check: bool = True, text: str | None = None, host: Host | None = None
    ) -> subprocess.CompletedProcess[str]:
        return run_ippfvsadm(host or farm.director, *arguments, check=check, text=text)

    run("-C")
    run("--default-method", "nat")
    yield run
    run("-C")


@pytest.fixture
def lvs(farm: Farm) -> Iterator[pylvs.Manager]:
    """Return a pylvs.Manager in the director, which has no rules before and after the test."""
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
def _settled(farm: Farm) -> Farm:
    """Return the farm after its links and addresses have stopped changing routes."""
    time.sleep(SETTLE_S)
    return farm


@pytest.fixture
def new_connections(_settled: Farm, lvs: pylvs.Manager, lookups: RouteLookups) -> NewConnections:
    """Return an object that opens UDP connections and reports where each was scheduled."""
    return NewConnections(_settled, lvs, lookups)


@pytest.fixture
def balance(farm: Farm, lvs: pylvs.Manager) -> Balance:
    """Create a service of the farm's VIP with its real servers."""

    def make(protocol: str, port: int, scheduler: str = "rr", *weights: int) -> pylvs.Service:
        service = lvs.add_service(protocol, farm.service(port), scheduler)
        for number, weight in enumerate(weights or [1] * len(farm.reals)):
            lvs.add_real(service, farm.real(number), weight, farm.method)
        return service

    return make


@pytest.fixture
def echoes(farm: Farm) -> Iterator[Echoes]:
    """Start an echo server on every server, at the address that the farm's method requires."""
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
    """Start nginx on every server: web(port=80). `/` names the server, and `/big` has 50 MB."""

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
    """A reader of the kernel log, which begins when it is created."""

    def __init__(self) -> None:
        self._log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self._log, 0, os.SEEK_END)

    def read(self) -> str:
        """Return the lines since the last call."""
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
    """Fail the test if the kernel complains during it."""
    _kernel_log.read()
    yield
    faults = klog.scan(_kernel_log.read())
    if faults:
        pytest.fail("\n\n".join(fault.context for fault in faults))
