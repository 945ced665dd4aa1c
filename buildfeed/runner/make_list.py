"""The list of what `make` would run, asked for before it runs, where that is safe.

`make -n` changes nothing only if the makefile does nothing while it is read (`progress/make.py`).
So there is no list of a makefile that includes others, calls functions or runs another make; of one
that cannot be found with certainty; or of one that takes long: the build does not wait for more
than `LONGEST_SECONDS`.
"""

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from buildfeed.runner.progress.make import countable, recipe_lines

LONGEST_SECONDS: Final = 1.0
_MOST_BYTES: Final = 1024 * 1024
"""Length of a makefile that is looked at."""

_NAMES: Final = ("GNUmakefile", "makefile", "Makefile")
"""Where make looks, in its order (GNU make, "What Name to Give Your Makefile")."""

_HARMLESS: Final = re.compile(
    r"-[BikrRsSw]*|-[jlO][\w.]*|--(?:jobs|load-average|output-sync)(?:=[\w.]*)?"
    r"|--(?:always-make|ignore-errors|keep-going|no-builtin-rules|no-builtin-variables|silent|quiet"
    r"|no-print-directory|print-directory|warn-undefined-variables|trace)"
)
"""Options with which make runs what it lists."""

_DIRECTORY: Final = re.compile(r"(?:-C|--directory=)(?P<value>.+)", re.DOTALL)
_MAKEFILE: Final = re.compile(r"(?:-f|--(?:make)?file=)(?P<value>.+)", re.DOTALL)
_IS_MAKEFILE: Final = re.compile(r"[Mm]akefile$|[.]ma?ke?$")
"""Names under which a rule for it is recognised, see `progress/make.py`."""

_OPERAND: Final = re.compile(r"[^$+]+")
"""A goal, or a variable whose value does nothing when it is read."""

_MAKE: Final = re.compile(r"(?:/.*/)?g?make")
"""A make that is installed: in a folder of the user a script may have that name."""

_OF_THE_ENVIRONMENT: Final = {"MAKEFILES", "MAKEFLAGS", "GNUMAKEFLAGS"}
_VALUED: Final = {"-C": "-C", "--directory": "-C", "-f": "-f", "--file": "-f", "--makefile": "-f"}


class _Asked(msgspec.Struct):
    """What the arguments of a make say of where it reads."""

    directory: Path
    makefile: str = ""


def make_list(
    command: Sequence[str], directory: Path, environment: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the lines that `command` would run in `directory`; none if they are not to be had.

    `command` is a make by itself: what it would be asked for by another program is not known.
    """
    make, *arguments = command
    if not _MAKE.fullmatch(make) or _OF_THE_ENVIRONMENT & environment.keys():
        return ()
    asked = _asked(arguments, directory)
    text = _text(asked) if asked else None
    if text is None or not countable(text):
        return ()
    return recipe_lines(_answer([make, "-n", *arguments], directory, environment))


def _asked(arguments: Sequence[str], directory: Path) -> _Asked | None:
    """Return where a make with `arguments` reads, None if one of them may change what is listed."""
    asked = _Asked(directory)
    words = iter(arguments)
    for word in words:
        if word == "--":  # no options follow
            return asked if all(map(_OPERAND.fullmatch, words)) else None
        if word in _VALUED:
            kind, value = _VALUED[word], next(words, "")
        elif found := _DIRECTORY.fullmatch(word):
            kind, value = "-C", found["value"]
        elif found := _MAKEFILE.fullmatch(word):
            kind, value = "-f", found["value"]
        elif _HARMLESS.fullmatch(word) or (word[:1] != "-" and _OPERAND.fullmatch(word)):
            continue
        else:
            return None
        if kind == "-C":
            asked.directory /= value
        elif asked.makefile or not _IS_MAKEFILE.search(value):  # of two, or standard input
            return None
        else:
            asked.makefile = value
    return asked


def _text(asked: _Asked) -> str | None:
    """Return the text of the makefile, None if there is none, or too long a one."""
    for name in [asked.makefile] if asked.makefile else _NAMES:
        path = asked.directory / name
        try:
            if path.is_file() and path.stat().st_size <= _MOST_BYTES:
                return path.read_text(encoding="utf-8", errors="replace")
            if path.exists():
                return None
        except OSError:
            return None
    return None


def _answer(asking: list[str], directory: Path, environment: Mapping[str, str]) -> list[str]:
    """Return the lines that it prints; none if it fails, or takes too long."""
    try:
        make = subprocess.Popen(  # noqa: S603 - the user's own command
            asking,
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError):
        return []
    try:
        # If a goal cannot be made, what comes before it is listed, as the build would run it.
        return os.fsdecode(make.communicate(timeout=LONGEST_SECONDS)[0]).splitlines()
    except subprocess.TimeoutExpired:
        os.killpg(make.pid, signal.SIGKILL)
        make.communicate()
        return []
