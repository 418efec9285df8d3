# SPDX-License-Identifier: GPL-2.0
"""From exec to exit: run a request, turn what goes wrong into one sentence."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..errors import Error, InvalidValue
from ..grammar import Request, parse

if TYPE_CHECKING:
    from ..manager import Manager

Connect = Callable[[str | None], "Manager"]

_INTERRUPTED = 130
_YOUNG_OBJECTS = 200_000
_LONGEST = 2000  # letters of a sentence, when a word that it quotes is as long as a book


def main(argv: Sequence[str] | None = None, connect: Connect | None = None) -> int:
    """Run ippfvsadm and return its exit code.

    :param argv: the words after the command's name
    :param connect: makes the manager of a namespace; the tests give their own
    """
    # A listing is a million objects, and none of them is in a cycle: looking for cycles after
    # every 700 new ones would take longer than all the rest.
    gc.set_threshold(_YOUNG_OBJECTS)
    words = list(sys.argv[1:] if argv is None else argv)
    if sys.stdout is None:  # closed before we were started: what has something to say must fail
        os.dup2(os.open(os.devnull, os.O_RDONLY), 1)
        sys.stdout = open(1, "w")  # noqa: SIM115
    try:
        code = _run(parse(words), connect or _connect)
        sys.stdout.flush()
        return code
    except Error as error:
        return _say(error.sentence(), error.exit_code)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return 0
    except Exception as error:
        if "--debug" in words:
            raise
        return _say(_sentence(error), 1)


def _sentence(error: Exception) -> str:
    """Return what is to be said of an error that is not one of pylvs's own."""
    if isinstance(error, OSError):
        return f"{error.filename or 'output'}: {error.strerror or error}"
    if isinstance(error, ModuleNotFoundError):
        return str(error)
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    return f"unexpected {what}; see where with: --debug"


def _run(request: Request, connect: Connect) -> int:
    if request.verb == "help":
        from .help import HELP

        sys.stdout.write(HELP)
        return 0
    if request.verb == "version":
        from .version import show

        return show(request, connect)
    if request.verb == "restore":
        return _restore(request, connect)
    from .commands import COMMANDS

    with connect(request.netns) as lvs:
        COMMANDS[request.verb](lvs, request)
    return 0


def _restore(request: Request, connect: Connect) -> int:
    """Read all of standard input, and only then speak to the kernel."""
    if sys.stdin is None or sys.stdin.isatty():
        raise InvalidValue("-R reads a rule set from standard input", "ippfvsadm -R < FILE")
    from ..rulefile import lines_of, read

    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="surrogateescape")
    packed = read(lines_of(sys.stdin), _input_name())
    if not packed.body:
        raise InvalidValue(
            f"{_input_name()} holds neither a rule nor a setting; nothing was changed",
            "to remove every service: ippfvsadm -C",
        )
    with connect(request.netns) as lvs:
        lvs.replace(packed)
    return 0


def _input_name() -> str:
    """Return the name of the file that is standard input, where it is one."""
    try:
        path = os.readlink("/proc/self/fd/0")
    except OSError:
        return "standard input"
    return os.path.basename(path) if os.path.isfile(path) else "standard input"


def _connect(netns: str | None) -> Manager:
    from ..manager import Manager

    return Manager(netns)


def _say(sentence: str, code: int) -> int:
    try:
        sys.stdout.flush()
    except OSError:
        _forget_stdout()
    # What somebody typed may hold bytes that a terminal would obey.
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in sentence)
    if len(shown) > _LONGEST:
        shown = f"{shown[: _LONGEST // 2]} ... {shown[-_LONGEST // 2 :]}"
    print(f"ippfvsadm: {shown}", file=sys.stderr)
    return code


def _forget_stdout() -> None:
    """Keep Python from flushing into a closed pipe at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
