# SPDX-License-Identifier: GPL-2.0
"""Explanations of words that a web page, an editor or another tool has changed. No I/O."""

from __future__ import annotations

import unicodedata
from collections.abc import Container

from .errors import InvalidValue

_NULL = "(null)"  # C libraries print it for a string that is not there
_MINUS_SIGN = "\u2212"


def explain(error: InvalidValue, word: str, long_names: Container[str]) -> None:
    """Explain in the error if its word has a character that only looks like the right one.

    :param long_names: the names of the long options, whose two hyphens may have become one dash
    """
    dash = next((letter for letter in word if not letter.isascii() and _is_dash(letter)), "")
    other = next((letter for letter in word if not letter.isascii() and _has_name(letter)), "")
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
    return unicodedata.category(letter) == "Pd" or letter == _MINUS_SIGN


def _has_name(letter: str) -> bool:
    return unicodedata.name(letter, "") != ""


def _named(letter: str) -> str:
    return f"U+{ord(letter):04X} ({unicodedata.name(letter).lower()})"


def _with_hyphens(word: str, long_names: Container[str]) -> str:
    plain = "".join("-" if _is_dash(letter) else letter for letter in word)
    return f"-{plain}" if plain[1:].partition("=")[0] in long_names else plain
