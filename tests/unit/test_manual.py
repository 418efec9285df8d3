# SPDX-License-Identifier: GPL-2.0
"""The manual page and --help cover exactly the options of the grammar."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from pylvs._grammar import BY_NAME
from pylvs.cli import help as texts

PAGE = Path(__file__).resolve().parents[2] / "docs/ippfvsadm.8"
SUPPORTED = {name for name, option in BY_NAME.items() if not option.unsupported}


def test_the_manual_page_in_docs_is_the_generated_one() -> None:
    assert PAGE.read_text() == texts.manual()


def test_the_manual_page_describes_every_supported_option_once() -> None:
    described = [name for options in texts.OPTIONS.values() for name in options]
    assert sorted(described) == sorted(SUPPORTED)


@pytest.mark.parametrize("name", sorted(SUPPORTED - {"numeric", "exact", "sort", "nosort"}))
def test_help_mentions_every_option_that_has_an_effect(name: str) -> None:
    option = BY_NAME[name]
    spelled = rf"--{name}\b" + (rf"|-{option.letter}\b" if option.letter else "")
    assert re.search(rf"(?<![-\w])({spelled})", texts.HELP), name


def test_help_fits_a_terminal() -> None:
    lines = texts.HELP.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80


def test_the_manual_page_is_accepted_by_groff() -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-ww", str(PAGE)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert "ippfvsadm - configure the load balancer ippfvs" in done.stdout
