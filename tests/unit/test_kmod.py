# SPDX-License-Identifier: GPL-2.0
"""Building and loading, as far as a machine without suitable kernel headers can test them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pylvs import errors, kmod


def test_no_headers(tmp_path: Path) -> None:
    with pytest.raises(errors.BuildFailed) as failed:
        kmod.build(tmp_path, "/lib/modules/9.9.9-test/build")
    assert failed.value.sentence() == (
        "no kernel headers at /lib/modules/9.9.9-test/build; "
        "install them: apt-get install linux-headers-9.9.9-test"
    )


def test_make_is_called_in_the_kernels_tree(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("modules:\n\t@echo $(W) > $(M)/ippfvs.ko\n")
    assert kmod.build(tmp_path, tmp_path, {"W": "1"}) == tmp_path / "ippfvs.ko"
    assert (tmp_path / "ippfvs.ko").read_text() == "1\n"


def test_what_make_said_last_is_told(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("modules:\n\t@echo 'main.c: wrong' >&2; false\n")
    with pytest.raises(errors.BuildFailed, match=r"make failed:\nmain.c: wrong"):
        kmod.build(tmp_path, tmp_path)


def test_a_build_names_the_options_that_the_kernel_lacks(tmp_path: Path) -> None:
    have = [f"{name} := y" for name in kmod.NEEDED if "TPROXY" not in name]
    include = f"include {Path(__file__).parents[2]}/Kbuild"
    (tmp_path / "Makefile").write_text("\n".join([*have, include, "modules:\n"]))
    with pytest.raises(errors.MissingOption) as failed:
        kmod.build(tmp_path, tmp_path)
    assert failed.value.sentence().startswith(
        "no module can be built: "
        "ippfvs needs a kernel with CONFIG_NF_TPROXY_IPV4 CONFIG_NF_TPROXY_IPV6"
    )


def test_cleaning_needs_no_option(tmp_path: Path) -> None:
    include = f"include {Path(__file__).parents[2]}/Kbuild"
    (tmp_path / "Makefile").write_text(f"{include}\nclean:\n\t@echo cleaned\n")
    done = subprocess.run(["make", "-C", tmp_path, "clean"], capture_output=True, text=True)
    assert (done.returncode, "cleaned" in done.stdout) == (0, True)


def test_the_running_kernels_tree() -> None:
    assert kmod.running_kdir() == Path(f"/lib/modules/{os.uname().release}/build")


def test_missing_options() -> None:
    config = "\n".join(f"{name}=y" for name in kmod.NEEDED)
    assert kmod.missing_options(config) == []
    without = config.replace("CONFIG_NETFILTER=y", "# CONFIG_NETFILTER is not set")
    assert kmod.missing_options(without) == ["CONFIG_NETFILTER"]


def answering(monkeypatch: pytest.MonkeyPatch, **said: tuple[int, str]) -> list[list[str]]:
    """Replace programs by fixed answers, and return the command lines that were run."""
    commands: list[list[str]] = []

    def run(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(words)
        code, text = said.get(words[0], (0, ""))
        return subprocess.CompletedProcess(words, code, text, text if code else "")

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_load_takes_dependencies_first(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = answering(monkeypatch, modinfo=(0, "ip_tunnel,udp_tunnel\n"))
    kmod.load(Path("ippfvs.ko"), ["bits=16"])
    assert commands[1:] == [
        ["modprobe", "ip_tunnel"],
        ["modprobe", "udp_tunnel"],
        ["insmod", "ippfvs.ko", "bits=16"],
    ]
    kmod.unload()
    assert commands[-1] == ["rmmod", "ippfvs"]
    assert kmod.version(Path("ippfvs.ko"))


@pytest.mark.parametrize(
    ("said", "error", "sentence"),
    [
        ("insmod: ERROR: Operation not permitted", errors.NotPermitted, "needs CAP_SYS_MODULE"),
        ("insmod: ERROR: Unknown symbol in module", errors.MissingOption, "CONFIG_NETFILTER"),
        ("insmod: ERROR: File exists", errors.BuildFailed, "File exists"),
    ],
)
def test_load_says_why_not(
    monkeypatch: pytest.MonkeyPatch, said: str, error: type[errors.Error], sentence: str
) -> None:
    answering(monkeypatch, insmod=(1, said))
    monkeypatch.setattr(kmod, "_running_config", lambda: "CONFIG_MODULES=y\n")
    with pytest.raises(error, match=sentence):
        kmod.load(Path("ippfvs.ko"))


def test_a_file_that_is_no_module(tmp_path: Path) -> None:
    path = tmp_path / "no.ko"
    path.write_text("no module")
    with pytest.raises(errors.BuildFailed, match="is not a kernel module"):
        kmod.version(path)
