"""Errors of Go: of the compiler and vet, and panics. Pure.

    ./a.go:3:5: undefined: x

    panic: boom
    goroutine 1 [running]:
    main.main()
        /home/ada/acme/a.go:3 +0x1d

A line with a place but without a column is no error: package log prints such lines.
"""

import re
from typing import Final

from buildfeed.runner.errors.found import Findings
from buildfeed.runner.errors.places import is_foreign

FILE: Final = r"(?P<file>(?:[A-Za-z]:)?+[^\s:]{1,1024}+(?<=\.go))"
_ERROR: Final = re.compile(
    rf"(?:vet: )?{FILE}:(?P<line>\d{{1,9}}):(?P<column>\d{{1,9}}): (?P<text>.+)"
)
_NO_ERROR: Final = re.compile(r"(?:warning|note|info): |too many errors$")
_PANIC: Final = re.compile(r"(?:panic|fatal error): .+")
_FRAME: Final = re.compile(rf"\s{{1,64}}{FILE}:(?P<line>\d{{1,9}})(?: \+0x|$)")
_MOST_LINES: Final = 100
"""Lines of a panic in which a frame of the user's own has to come."""


class Go:
    """The dialect; it holds a panic until a frame of the user's own comes."""

    def __init__(self) -> None:
        self._panic: str | None = None
        self._lines = 0
        self._running = False  # the goroutine is shown

    def read(self, text: str, findings: Findings) -> bool:
        """Read a line."""
        if self._panic and self._go_on(text, self._panic, findings):
            return True
        if found := _ERROR.match(text):
            if not _NO_ERROR.match(found["text"]):
                findings.error(found["text"], found["file"], found["line"], found["column"])
            return True
        if _PANIC.match(text):
            self._panic, self._lines, self._running = text, 0, False
            return True
        return False

    def settle(self, findings: Findings) -> None:
        """Add a panic none of whose frames are the user's own."""
        if self._panic:
            findings.error(self._panic)
        self._panic = None

    def _go_on(self, text: str, panic: str, findings: Findings) -> bool:
        """Read a line after the first of a panic, and return True if it belongs to it."""
        self._lines += 1
        if text.startswith("goroutine "):
            self._running = True
        elif self._running and (frame := _FRAME.match(text)):
            if not is_foreign(frame["file"]):
                findings.error(panic, frame["file"], frame["line"])
                self._panic = None
        elif self._lines > _MOST_LINES or (self._running and not text):
            self.settle(findings)
        elif not self._running:
            return text.startswith((" ", "[signal")) or not text
        return True
