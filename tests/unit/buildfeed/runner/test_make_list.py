"""The list of what a real make would run: only where asking for it changes nothing."""

import os
import time
from pathlib import Path

import pytest

from buildfeed.runner import make_list as module
from buildfeed.runner.make_list import make_list

PLAIN = "all: a b\n\t@echo linking\na b:\n\ttouch $@\n"


def listed(folder: Path, *command: str, **environment: str) -> tuple[str, ...]:
    return make_list(command, folder, {"PATH": os.environ["PATH"], **environment})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Makefile").write_text(PLAIN)
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        ["make"],
        ["/usr/bin/make"],
        ["make", "-j8", "-k", "--output-sync=line"],
        ["make", "-j", "4"],
        ["make", "all", "CFLAGS=-O2"],
        ["make", "-f", "Makefile", "all"],
        ["make", "--file=Makefile", "--", "all"],
    ],
)
def test_the_lines_of_a_plain_makefile(folder: Path, command: list[str]) -> None:
    assert listed(folder, *command) == ("touch a", "touch b", "echo linking")
    assert [each.name for each in folder.iterdir()] == ["Makefile"]


def test_lines_that_are_up_to_date_are_not_among_them(folder: Path) -> None:
    (folder / "a").touch()
    assert listed(folder, "make") == ("touch b", "echo linking")


@pytest.mark.parametrize("options", [["-C", "below"], ["-Cbelow"], ["--directory=below"]])
def test_a_makefile_in_another_directory(folder: Path, options: list[str]) -> None:
    below = folder / "below"
    below.mkdir()
    (below / "rules.mk").write_text("x:\n\techo x\n")
    assert listed(folder, "make", *options, "-frules.mk") == ("echo x",)


@pytest.mark.parametrize(
    "command",
    [
        ["make", "-t"],
        ["make", "-q"],
        ["make", "--eval=$(shell touch made)"],
        ["make", "-kf", "Makefile"],
        ["make", "-f", "-"],
        ["make", "-f", "Makefile", "-f", "Makefile"],
        ["make", "-f", "absent"],
        ["make", "--version"],
        ["./make"],
        ["make.sh"],
        ["make", "R=+touch made"],
        ["make", "R=$(shell touch made)"],
        ["make", "--", "all", "R:=$(shell touch made)"],
        ["make", "-f", "build"],
        ["sudo", "make"],
        ["sh", "-c", "make"],
        ["ninja"],
    ],
)
def test_others_are_not_asked(folder: Path, command: list[str]) -> None:
    assert listed(folder, *command) == ()
    assert [each.name for each in folder.iterdir()] == ["Makefile"]


@pytest.mark.parametrize("name", ["MAKEFILES", "MAKEFLAGS", "GNUMAKEFLAGS"])
def test_a_make_within_another_is_not_asked(folder: Path, name: str) -> None:
    assert listed(folder, "make", **{name: ""}) == ()


@pytest.mark.parametrize(
    "text",
    [
        "X := $(shell touch made)\nall:\n\techo\n",
        "all:\n\t+touch made\n",
        "-include made\nmade:\n\ttouch made\n",
        "X != touch made\nall:\n\techo\n",
    ],
)
def test_a_makefile_that_does_something_while_it_is_read_is_not_asked(
    folder: Path, text: str
) -> None:
    (folder / "GNUmakefile").write_text(text)
    assert listed(folder, "make") == ()
    assert not (folder / "made").exists()


def test_there_may_be_no_makefile_or_a_strange_one(tmp_path: Path) -> None:
    assert listed(tmp_path, "make") == ()
    os.mkfifo(tmp_path / "makefile")
    assert listed(tmp_path, "make") == ()


def test_a_list_that_takes_long_is_not_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = folder / "bin" / "make"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nsleep 60 | cat\n")
    slow.chmod(0o755)
    monkeypatch.setattr(module, "LONGEST_SECONDS", 0.1)
    began = time.monotonic()
    assert listed(folder, str(slow)) == ()
    assert time.monotonic() - began < 10
