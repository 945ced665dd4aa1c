"""Errors of rustc and cargo, and the plain `error: …` that many programs print. Pure.

    error[E0308]: mismatched types
     --> src/a.rs:3:5

    thread 'main' panicked at src/a.rs:3:5:
    index out of bounds

ruff, ty and other tools have the first form too.
"""

import re
from typing import Final

from buildfeed.runner.errors import generic
from buildfeed.runner.errors.found import Findings
from buildfeed.runner.errors.places import PLACE

_ERROR: Final = re.compile(r"error(?:\[(?P<code>[\w:-]{1,60})\])?: (?P<text>.+)")
_PLACE: Final = re.compile(r"\s{0,12}--> " + PLACE)
_PANIC: Final = re.compile(r"thread '[^']{0,200}+'(?: \(\d{1,20}\))? panicked at (?P<rest>.+)")
_PANIC_PLACE: Final = re.compile(PLACE + ":$")
_MOST_LINES: Final = 3
"""Lines in which the place has to come."""


class Rust:
    """The dialect; it holds an error until its place comes, or the place of a panic."""

    def __init__(self) -> None:
        self._error: str | None = None
        self._lines = 0
        self._panic: tuple[str, str, str | None] | None = None

    def read(self, text: str, findings: Findings) -> bool:
        """Read a line."""
        if self._panic and text.strip():
            findings.error(text, *self._panic)
            self._panic = None
            return True
        if self._error:
            if place := _PLACE.match(text):
                findings.error(self._error, place["file"], place["line"], place["column"])
                self._error = None
                return True
            self._lines += 1
            if self._lines >= _MOST_LINES or not text.strip():
                self.settle(findings)
        return self._begin(text, findings)

    def settle(self, findings: Findings) -> None:
        """Add an error without a place, a panic without a text."""
        if self._error:
            findings.error(self._error)
        if self._panic:
            findings.error("panicked", *self._panic)
        self._error = self._panic = None

    def _begin(self, text: str, findings: Findings) -> bool:
        if found := _ERROR.match(text):
            self.settle(findings)
            said = found["text"]
            if generic.is_consequence(said):
                findings.follows(said)
            elif not generic.is_nothing(said):
                self._error = f"{found['code']}: {said}" if found["code"] else said
                self._lines = 0
            return True
        if not (panic := _PANIC.match(text)):
            return False
        self.settle(findings)
        if place := _PANIC_PLACE.match(panic["rest"]):
            self._panic = place["file"], place["line"], place["column"]
        else:  # as before Rust 1.73: 'the text', src/a.rs:3:5
            said, _, rest = panic["rest"].rpartition(", ")
            old = _PANIC_PLACE.match(rest + ":")
            findings.error(said.strip("'") or panic["rest"], *(old.group(1, 2, 3) if old else ()))
        return True
