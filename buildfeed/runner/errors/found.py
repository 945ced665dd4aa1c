"""An error that was found in the output of a build, and what dialects have found so far. Pure."""

import re
from collections.abc import Callable
from typing import Final, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from buildfeed.activity import MAX_ERROR_BYTES, Source, shorten

MOST_IN_PATH: Final = 1024
"""Characters of a path; a longer one is left out."""
_MOST_DIGITS: Final = 9
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_NO_FILES: Final = frozenset("<([")
"""What a name in place of a file begins with: `<stdin>`, `<frozen importlib>`, `(eval)`."""


class FoundError(msgspec.Struct, frozen=True):
    """An error of a build.

    `text` is for people, one line, at most 1 KiB of UTF-8, without the place. `file` is the path as
    the tool says it, or relative to the directory of the build; None where it is unknown. `line`
    and `column` count from 1 as far as the tool does.
    """

    text: str
    file: str | None = None
    line: int | None = None
    column: int | None = None

    @property
    def source(self) -> Source | UnsetType:
        """Its place, as the contract has it."""
        if not self.file:
            return UNSET
        return Source(file=self.file, line=self.line or UNSET, column=self.column or UNSET)

    def __str__(self) -> str:
        numbers = [str(number) for number in (self.line, self.column) if number is not None]
        return ": ".join(
            part for part in (":".join([self.file or "", *numbers]), self.text) if part
        )


class Findings:
    """What dialects have found: errors, and consequences of errors.

    A consequence says that something before it failed, as `make: *** [all] Error 2` does. It is an
    error of its own only when nothing better is found.
    """

    def __init__(self) -> None:
        self.errors: list[FoundError] = []
        self.consequence: FoundError | None = None
        """The first."""

    def error(
        self,
        text: str,
        file: str | None = None,
        line: str | None = None,
        column: str | None = None,
    ) -> None:
        """Add an error; numbers are digits as they were printed."""
        self.errors.append(_error(text, file, line, column))

    def follows(self, text: str, file: str | None = None, line: str | None = None) -> None:
        """Add a consequence."""
        self.consequence = self.consequence or _error(text, file, line, None)


Reader = Callable[[str, Findings], bool]
"""Reads a line, adds what it finds, and returns True if the line is of its dialect."""


class Dialect(Protocol):
    """A dialect whose errors take several lines."""

    def read(self, text: str, findings: Findings) -> bool:
        """Read a line, as a Reader does."""

    def settle(self, findings: Findings) -> None:
        """Add what is held: no more lines come, or none for a while."""


def _error(text: str, file: str | None, line: str | None, column: str | None) -> FoundError:
    # Only what a dialect has unquoted can have control characters.
    said = shorten(_CONTROLS.sub(" ", text).strip(), MAX_ERROR_BYTES) or "error"
    if not file or len(file) > MOST_IN_PATH or file[0] in _NO_FILES or _CONTROLS.search(file):
        return FoundError(said)
    return FoundError(said, file, _number(line), _number(column))


def _number(digits: str | None) -> int | None:
    """Return the number, None where a tool printed none or one that cannot be meant."""
    return int(digits) if digits and len(digits) <= _MOST_DIGITS and digits.isdecimal() else None
