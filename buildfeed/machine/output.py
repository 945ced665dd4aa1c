"""The standard streams of a command, whatever was done to them before it began."""

import os
import sys
from io import TextIOWrapper
from typing import Final, TextIO

_STREAMS: Final = (0, 1, 2)


def prepare() -> None:
    r"""Make every standard stream usable.

    One that is closed is opened on /dev/null: else the next file or connection would get its
    number, and a program that is started from here would write its log into it. A letter that an
    encoding lacks is written as `\u2026`, not raised.
    """
    for number in _STREAMS:
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = sys.stdout or _nothing()
    sys.stderr = sys.stderr or _nothing()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(line: str) -> None:
    """Print a line that nothing depends on; one that cannot be written is left out."""
    try:
        print(line, flush=True)  # noqa: T201 - this is the command line
    except (OSError, ValueError):
        drop()


def drop() -> None:
    """Forget what cannot be written, which Python would try again at the end."""
    if not _is_writable(sys.stdout):
        sys.stdout = _nothing()
    if not _is_writable(sys.stderr):
        sys.stderr = _nothing()


def _is_writable(stream: TextIO) -> bool:
    try:
        stream.flush()
    except (OSError, ValueError):
        return False
    return True


def _nothing() -> TextIO:
    return open(os.devnull, "w")  # noqa: PTH123 - until the process ends
