# SPDX-License-Identifier: GPL-2.0
from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import pylvs
from pylvs import errors

NAMES = [
    "AddressNotUsable",
    "AlreadyExists",
    "BuildFailed",
    "Config",
    "ConfigInfo",
    "Connection",
    "Drops",
    "Endpoint",
    "Error",
    "Event",
    "Evictions",
    "FamilyMismatch",
    "InvalidValue",
    "Manager",
    "Method",
    "MissingOption",
    "ModuleNotLoaded",
    "NoSuchNamespace",
    "NoSuchReal",
    "NoSuchService",
    "NotPermitted",
    "PortCannotChange",
    "Protocol",
    "Real",
    "RealInfo",
    "Refused",
    "Ruleset",
    "Service",
    "ServiceInfo",
    "State",
    "Stats",
    "TooMany",
    "TransportError",
    "UnknownScheduler",
    "VersionMismatch",
    "__version__",
    "diff",
    "load",
    "loads",
]


def test_exports_are_these_and_sorted() -> None:
    assert pylvs.__all__ == NAMES
    assert sorted(NAMES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_export_is_there_and_documented(name: str) -> None:
    value = getattr(pylvs, name)
    assert name in dir(pylvs)
    if name == "__version__":
        return
    assert inspect.getdoc(value)
    for member, function in vars(value).items() if inspect.isclass(value) else ():
        if inspect.isfunction(function) and not member.startswith("_"):
            assert inspect.getdoc(function), f"{name}.{member}"


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'NoSuchName'"):
        getattr(pylvs, "NoSuchName")  # noqa: B009  # mypy would see through the plain form


def test_every_error_is_exported_and_drawn_in_the_tree() -> None:
    for name, value in vars(errors).items():
        if inspect.isclass(value) and issubclass(value, errors.Error):
            assert name in NAMES
            line = next(row for row in str(errors.__doc__).splitlines() if f" {name} " in row)
            assert str(value.exit_code) in line


def loaded(code: str) -> set[str]:
    """Return the modules that a fresh Python has loaded after some code."""
    script = f"import sys\n{code}\nprint(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(run.stdout.split())


def test_importing_pylvs_loads_nothing_else() -> None:
    assert {name for name in loaded("import pylvs") if name.startswith("pylvs")} == {"pylvs"}


PLAIN = """
sys.argv = ["ippfvsadm", "-a", "-t", "10.0.0.1:80", "-r", "10.0.0.2:80", "-m"]
from pylvs.cli import main
main()
"""


TRACED = """
from pylvs.cli import main
from pylvs.manager import Manager
from tests.unit.fakekernel import FakeKernel
passed = set()
def trace(frame, event, arg):
    code = frame.f_code
    if event == "call" and "/pylvs/" in code.co_filename and code.co_name[0] != "<":
        passed.add(code.co_filename.partition("/pylvs/")[2])
kernel = FakeKernel()
sys.setprofile(trace)
code = main("-A -t 10.0.0.1:80 -R 10.0.0.2:80 -m -w 3".split(), lambda _: Manager(transport=kernel))
sys.setprofile(None)
assert code == 0 and kernel.rules.services
print(*sorted(passed))
"""


def test_a_single_command_loads_nothing_slow() -> None:
    slow = {"argparse", "asyncio", "cffi", "ctypes", "difflib", "json", "pyroute2", "rich"}
    assert not slow & loaded(PLAIN)


def test_no_module_of_pylvs_loads_pyroute2() -> None:
    private = "pylvs._netlink.transport, pylvs._rulefile, pylvs._listing, pylvs._json"
    assert "pyroute2" not in loaded(f"import pylvs.manager, pylvs.kmod, {private}")


def test_an_added_real_server_passes_eight_files() -> None:
    """Count the files whose functions run, without those that only hold constants."""
    program = f"import sys\nsys.path[:0] = {sys.path!r}\n{TRACED}"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert len(run.stdout.split()) <= 8, run.stdout


def test_modules_come_with_the_package() -> None:
    program = "import pylvs; print(pylvs.kmod.__name__, {'core', 'kmod'} <= set(dir(pylvs)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("pylvs.kmod True\n", "")
