# SPDX-License-Identifier: GPL-2.0
"""ippfvsadm: runs a request, and reports an error as one sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._grammar import Request
    from ..manager import Manager
    from ..model import Service
    from ..uapi import Command

__all__ = ["main"]

Connect = Callable[[str | None], "Manager"]

_INTERRUPTED = 130
_YOUNG_OBJECTS = 200_000
_MESSAGE_MAX = 2000  # characters; a message may quote a word of the command line
_WRITE_MIN = 1 << 15  # characters in each write but the last


def main(argv: Sequence[str] | None = None, connect: Connect | None = None) -> int:
    """Run ippfvsadm and return its exit code.

    :param argv: the words after the name of the command
    :param connect: returns the Manager of a namespace; the tests pass their own
    """
    try:
        from ..errors import Error  # within the try, as an interrupt may come at once
    except KeyboardInterrupt:
        return _INTERRUPTED
    _collect_garbage_less_often()
    words = list(sys.argv[1:] if argv is None else argv)
    if sys.stdout is None:
        _replace_closed_stdout()
    try:
        code = _run(words, connect or _connect)
        sys.stdout.flush()
        return code
    except Error as error:
        return _report(error.sentence(), error.exit_code)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _discard_stdout()
        return 0
    except Exception as error:
        if "--debug" in words:
            raise
        return _report(_unexpected(error), 1)


def _run(words: Sequence[str], connect: Connect) -> int:
    from .._grammar import parse

    request = parse(words)
    if request.verb == "help":
        from .help import HELP

        sys.stdout.write(HELP)
        return 0
    if request.verb == "version":
        return _version(request, connect)
    if request.verb == "restore":
        return _restore(request, connect)
    with connect(request.netns) as lvs:
        _COMMANDS.get(request.verb, _change)(lvs, request)
    return 0


def _connect(netns: str | None) -> Manager:
    from ..manager import Manager

    return Manager(netns)


# Commands


def _change(lvs: Manager, request: Request) -> None:
    """Add, edit or remove a service or a real server, or set counters to zero."""
    command, flags = _change_of(request.verb)
    service = request.service
    if request.verb == "add-old-server" and "scheduler" in request.given and service is not None:
        _check_scheduler(lvs, service)
    if request.endpoint is None:
        lvs.send(command, service)
    elif request.verb == "delete-server":
        lvs.send(command, service, request.endpoint)
    else:
        lvs.send(command, service, request.endpoint, request.weight, request.method, flags=flags)


def _change_of(verb: str) -> tuple[Command, int]:
    """Return the command of the kernel, and the flags of its netlink header."""
    from .._netlink.transport import NLM_F_CREATE
    from ..uapi import Command

    return {
        "add-service": (Command.SERVICE_NEW, 0),
        "edit-service": (Command.SERVICE_SET, 0),
        "delete-service": (Command.SERVICE_DEL, 0),
        "add-server": (Command.REAL_NEW, 0),
        "add-old-server": (Command.REAL_NEW, NLM_F_CREATE),
        "edit-server": (Command.REAL_SET, 0),
        "delete-server": (Command.REAL_DEL, 0),
        "zero": (Command.ZERO, 0),
    }[verb]


def _check_scheduler(lvs: Manager, wanted: Service) -> None:
    """Refuse a scheduler for an existing service that has another one.

    :raises AlreadyExists: it has another one
    """
    from ..errors import AlreadyExists, NoSuchService

    try:
        known = lvs.service(*wanted.key)
    except NoSuchService:
        return
    if known.scheduler != wanted.scheduler:
        raise AlreadyExists(
            f"{wanted.name} is scheduled by {known.scheduler}, not {wanted.scheduler}",
            f"change it with: ippfvsadm -E {wanted}",
        )


def _list(lvs: Manager, request: Request) -> None:
    from .show import JSON_VIEWS, VIEWS

    views = JSON_VIEWS if "json" in request.given else VIEWS
    views[request.view](lvs, request)


def _events(lvs: Manager, request: Request) -> None:
    from .show import show_events

    show_events(lvs, request)


def _clear(lvs: Manager, request: Request) -> None:
    lvs.clear()


def _settings(lvs: Manager, request: Request) -> None:
    """Change settings, or print one that was given no value."""
    from ..model import Config
    from ..uapi import Command

    if request.config == Config() and request.verb != "set":
        value = getattr(lvs.config(), request.verb.replace("-", "_"))
        write_lines([str(value)])
    else:
        lvs.send(Command.CONFIG_SET, config=request.config)


def _save(lvs: Manager, request: Request) -> None:
    from ..ruleset import config_lines, service_lines

    services = lvs.map_rules(lambda service: "\n".join(service_lines(service)))
    write_lines(config_lines(lvs.config().rule()))
    write_lines(services)


def _restore(request: Request, connect: Connect) -> int:
    """Replace the rule set by that of standard input, which is read whole before."""
    from .._rulefile import lines_of, read
    from ..errors import InvalidValue

    if sys.stdin is None or sys.stdin.isatty():
        raise InvalidValue("-R reads a rule set from standard input", "ippfvsadm -R < FILE")
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    encoded = read(lines_of(sys.stdin), _input_name())
    if not encoded.body:
        raise InvalidValue(
            f"{_input_name()} holds neither a rule nor a setting; nothing was changed",
            "to remove every service: ippfvsadm -C",
        )
    with connect(request.netns) as lvs:
        lvs.replace(encoded)
    return 0


def _input_name() -> str:
    """Return the name of the file that is standard input, if it is a file."""
    try:
        path = os.readlink("/proc/self/fd/0")
    except OSError:
        return "standard input"
    return os.path.basename(path) if os.path.isfile(path) else "standard input"


def _version(request: Request, connect: Connect) -> int:
    """Print the versions of the command and, if it is loaded, of the module.

    :raises VersionMismatch: after printing, if their major or minor numbers differ
    """
    import json

    from .. import __version__
    from .._json import SCHEMA
    from ..errors import ModuleNotLoaded, VersionMismatch

    module = None
    try:
        with connect(request.netns) as lvs:
            module = lvs.config().version
    except ModuleNotLoaded:
        pass
    if "json" in request.given:
        text = json.dumps({"schema": SCHEMA, "version": __version__, "module_version": module})
    else:
        text = f"ippfvsadm {__version__} (module {module or 'not loaded'})"
    sys.stdout.write(text + "\n")
    if module is not None and module.split(".")[:2] != __version__.split(".")[:2]:
        raise VersionMismatch(
            f"the ippfvs module is version {module}, ippfvsadm {__version__}",
            "install both of one release",
        )
    return 0


_COMMANDS: dict[str, Callable[[Manager, Request], None]] = {
    "list": _list,
    "events": _events,
    "clear": _clear,
    "save": _save,
    "set": _settings,
    "default-method": _settings,
    "conn-max": _settings,
}

# Input and output


def write_lines(lines: Iterable[str]) -> None:
    """Print lines in few writes, because standard output may be unbuffered."""
    pending: list[str] = []
    size = 0
    for line in lines:
        pending.append(line)
        size += len(line)
        if size >= _WRITE_MIN:
            sys.stdout.write("\n".join(pending) + "\n")
            pending, size = [], 0
    if pending:
        sys.stdout.write("\n".join(pending) + "\n")


def _report(message: str, code: int) -> int:
    """Print an error and return the exit code."""
    try:
        sys.stdout.flush()
    except OSError:
        _discard_stdout()
    # A word of the command line may contain control characters, which a terminal would obey.
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
    if len(shown) > _MESSAGE_MAX:
        shown = f"{shown[: _MESSAGE_MAX // 2]} ... {shown[-_MESSAGE_MAX // 2 :]}"
    print(f"ippfvsadm: {shown}", file=sys.stderr)
    return code


def _unexpected(error: Exception) -> str:
    """Return the message for an error that is none of pylvs."""
    if isinstance(error, OSError):
        return f"{error.filename or 'output'}: {error.strerror or error}"
    if isinstance(error, ModuleNotFoundError):
        return str(error)
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    return f"unexpected {what}; see where with: --debug"


def _discard_stdout() -> None:
    """Keep Python from writing into a closed pipe at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _replace_closed_stdout() -> None:
    """Replace a standard output that was closed at the start by one that refuses every write."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 1)
    sys.stdout = open(1, "w")  # noqa: SIM115


def _collect_garbage_less_often() -> None:
    """Raise the threshold of the garbage collector.

    A listing has a million objects and no cycle among them. A search for cycles after every
    700 new objects would take longer than the rest of the command.
    """
    import gc

    gc.set_threshold(_YOUNG_OBJECTS)
