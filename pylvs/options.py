# SPDX-License-Identifier: GPL-2.0
"""ippfvsadm's options as a table, and the scanner that reads them; pure.

Command lines and the lines of a save file are the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .errors import InvalidValue

OPTIONAL = -1  # a value that may be left out
ATTACHED = -2  # a value only as --option=VALUE


class Option(NamedTuple):
    """One option: a letter, where it has one, a long name, how many values."""

    letter: str
    name: str
    values: int = 0
    lacking: str = ""  # what this version does not have, when the option is ipvsadm's alone
    idle: str = ""  # a value that asks for nothing of it

    def __str__(self) -> str:
        return f"-{self.letter}" if self.letter else f"--{self.name}"


class Word(NamedTuple):
    """An option as given, with its values."""

    option: Option
    values: tuple[str, ...]


OPTIONS = (
    # commands
    Option("A", "add-service"),
    Option("E", "edit-service"),
    Option("D", "delete-service"),
    Option("a", "add-server"),
    Option("e", "edit-server"),
    Option("d", "delete-server"),
    Option("L", "list"),
    Option("Z", "zero"),
    Option("C", "clear"),
    Option("S", "save"),
    Option("R", "restore", OPTIONAL),
    Option("", "set", 3),
    Option("", "default-method", OPTIONAL),
    Option("", "conn-max", OPTIONAL),
    Option("", "events"),
    Option("", "version"),
    Option("h", "help"),
    # what they are about
    Option("t", "tcp-service", 1),
    Option("u", "udp-service", 1),
    Option("s", "scheduler", 1),
    Option("r", "real-server", 1),
    Option("w", "weight", 1),
    Option("m", "masquerading"),
    Option("i", "ipip"),
    Option("g", "gatewaying"),
    Option("", "method", 1),
    # listings
    Option("c", "connection"),
    Option("", "stats"),
    Option("", "rate", ATTACHED),
    Option("", "drops"),
    Option("", "timeout"),
    Option("", "json"),
    Option("v", "verbose"),
    Option("n", "numeric"),
    Option("", "exact"),
    Option("", "sort"),
    Option("", "nosort"),
    # everywhere
    Option("", "netns", 1),
    Option("", "debug"),
    # ipvsadm's alone
    Option("f", "fwmark-service", 1, "services by firewall mark"),
    Option("", "sctp-service", 1, "SCTP services"),
    Option("p", "persistent", OPTIONAL, "persistence"),
    Option("M", "netmask", 1, "persistence"),
    Option("", "pe", 1, "persistence engines"),
    Option("b", "sched-flags", 1, "scheduler flags"),
    Option("o", "ops", 0, "one-packet scheduling"),
    Option("x", "u-threshold", 1, "connection thresholds", "0"),
    Option("y", "l-threshold", 1, "connection thresholds", "0"),
    Option("", "tun-type", 1, "tunnel types other than IPIP", "ipip"),
    Option("", "tun-port", 1, "tunnel types other than IPIP"),
    Option("", "tun-nocsum", 0, "tunnel types other than IPIP"),
    Option("", "tun-csum", 0, "tunnel types other than IPIP"),
    Option("", "tun-remcsum", 0, "tunnel types other than IPIP"),
    Option("", "thresholds", 0, "connection thresholds"),
    Option("", "persistent-conn", 0, "persistence"),
    Option("", "daemon", 0, "the synchronisation daemon"),
    Option("", "start-daemon", 1, "the synchronisation daemon"),
    Option("", "stop-daemon", 1, "the synchronisation daemon"),
    Option("", "mcast-interface", 1, "the synchronisation daemon"),
    Option("", "syncid", 1, "the synchronisation daemon"),
    Option("6", "ipv6", 0, "services by firewall mark"),
)

LETTERS = {option.letter: option for option in OPTIONS if option.letter}
LETTERS["l"] = LETTERS["L"]
NAMES = {option.name: option for option in OPTIONS}


def scan(words: Sequence[str]) -> list[Word]:
    """Read the options of a command line.

    Letters may be joined (``-Ln``), values attached (``-w2``, ``--weight=2``).

    :raises InvalidValue: an unknown option, one that asks for what we lack, a missing or a
        stray value
    """
    found: list[Word] = []
    rest = list(reversed(words))
    while rest:
        word = rest.pop()
        if word.startswith("--") and len(word) > 2:
            found.append(_long(word, rest))
        elif word.startswith("-") and len(word) > 1:
            found.extend(_letters(word, rest))
        else:
            raise _stray(word, found)
    for each in found:
        if each.option.lacking and not _is_idle(each):
            raise InvalidValue(f"'{each.option}': ippfvs does not have {each.option.lacking} yet")
    return [each for each in found if not each.option.lacking]


def _long(word: str, rest: list[str]) -> Word:
    name, equals, value = word[2:].partition("=")
    option = NAMES.get(name)
    if option is None:
        raise _unknown(f"--{name}")
    if equals and option.name == "restore":
        raise InvalidValue("--restore reads standard input: ippfvsadm --restore < FILE")
    if not equals:
        return Word(option, () if option.name == "restore" else _values(option, word, rest))
    if not option.values:
        raise InvalidValue(f"'{word}': --{name} takes no value")
    return Word(option, (value, *_take(option, word, rest, option.values - 1)))


def _letters(word: str, rest: list[str]) -> list[Word]:
    found: list[Word] = []
    for place, letter in enumerate(word[1:], 2):
        option = LETTERS.get(letter)
        if option is None:
            raise _unknown(word)
        if not option.values:
            found.append(Word(option, ()))
            continue
        if place < len(word):
            rest.append(word[place:])
        found.append(Word(option, _values(option, f"-{letter}", rest)))
        break
    return found


def _values(option: Option, word: str, rest: list[str]) -> tuple[str, ...]:
    if option.values == OPTIONAL:
        follows = bool(rest) and (not rest[-1].startswith("-") or rest[-1][1:].isdigit())
        return (rest.pop(),) if follows else ()
    return _take(option, word, rest, option.values)


def _take(option: Option, word: str, rest: list[str], count: int) -> tuple[str, ...]:
    if count > len(rest):
        raise InvalidValue(f"'{word}' needs {_WANTS.get(option.name, 'a value')}")
    return tuple(rest.pop() for _ in range(count))


_WANTS = {
    "set": "three values: seconds for TCP, for TCP after a FIN, for UDP",
    "tcp-service": "a virtual address: ADDRESS[:PORT]",
    "udp-service": "a virtual address: ADDRESS[:PORT]",
    "real-server": "a real server: ADDRESS[:PORT]",
    "scheduler": "a scheduler: rr, wrr, lc or wlc",
    "weight": "a whole number from 0 to 65535",
    "method": "nat, tun, dr or local",
    "netns": "the name or path of a network namespace",
}


def _is_idle(word: Word) -> bool:
    return bool(word.option.idle) and word.values == (word.option.idle,)


def _stray(word: str, found: Sequence[Word]) -> InvalidValue:
    if found and found[-1].option.values == ATTACHED:
        last = found[-1].option
        return InvalidValue(f"'{word}' belongs to no option", f"give it as {last}={word}")
    looks_like_address = word[:1].isdigit() and not word.isdigit()
    return InvalidValue(
        f"'{word}' belongs to no option",
        "an address follows -t or -u (a service) or -r (a real server)"
        if looks_like_address
        else "see: ippfvsadm --help",
    )


def _unknown(word: str) -> InvalidValue:
    from difflib import get_close_matches

    known = [f"--{option.name}" for option in OPTIONS if not option.lacking]
    near = get_close_matches(word if word.startswith("--") else f"-{word}", known, 1, 0.6)
    return InvalidValue(
        f"unknown option '{word}'",
        f"did you mean {near[0]}?" if near else "see: ippfvsadm --help",
    )
