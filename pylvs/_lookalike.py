# SPDX-License-Identifier: GPL-2.0
"""Words that a web page, an editor or another tool has spoiled: what is wrong with them. No I/O."""

from __future__ import annotations

from collections.abc import Container
from unicodedata import category, name

from .errors import InvalidValue

_NULL = "(null)"  # C libraries print it for a string that is not there
_MINUS_SIGN = "\u2212"


def explain(error: InvalidValue, word: str, long_names: Container[str]) -> None:
    """Say it in the error if the word that it is about only looks like what was meant.

    :param long_names: the names of the long options, whose two hyphens may have become one dash
    """
    dash = next((letter for letter in word if not letter.isascii() and _is_dash(letter)), "")
    other = next((letter for letter in word if not letter.isascii() and _is_named(letter)), "")
    if dash:
        error.what = f"'{word}': the character '{dash}' is {_named(dash)}, not '-'"
        error.remedy = f"write '{_with_hyphens(word, long_names)}'"
    elif other:
        error.advise(f"the character '{other}' is {_named(other)}")
    elif word.endswith(";"):
        error.what = f"'{word}' ends with a semicolon"
        error.remedy = "leave it out"
    elif _NULL in word:
        error.what = f"'{word}' is no value: ipvsadm writes it for one that it does not know"
        error.remedy = "replace it, a forwarding method by -m, -i or -g"


def _is_dash(letter: str) -> bool:
    return category(letter) == "Pd" or letter == _MINUS_SIGN


def _is_named(letter: str) -> bool:
    return name(letter, "") != ""


def _named(letter: str) -> str:
    return f"U+{ord(letter):04X} ({name(letter).lower()})"


def _with_hyphens(word: str, long_names: Container[str]) -> str:
    plain = "".join("-" if _is_dash(letter) else letter for letter in word)
    return f"-{plain}" if plain[1:].partition("=")[0] in long_names else plain
