"""Errors of compilers that print `a.c:3:5: error: …`, as gcc and clang do. Pure.

It is the form of the GNU Coding Standards ("Formatting Error Messages"), so swiftc, javac, ghc,
gas, yacc, mypy and many others have it. An error of ghc has its text on the next line.
"""

import re
from typing import Final

from buildfeed.runner.errors.found import Findings
from buildfeed.runner.errors.places import PLACE

_ERROR: Final = re.compile(
    r"\s{0,8}"
    + PLACE
    + r"(?:[.-][\d.:-]{1,20})?: {0,4}(?:(?:[Ff]atal|internal compiler|syntax) )?[Ee]rror"
    r"(?:: ?\[[\w-]{1,40}\])?(?:[:,] ?(?P<text>.*))?$"
)


class Gcc:
    """The dialect; it holds the place of an error whose text is on the next line."""

    def __init__(self) -> None:
        self._place: tuple[str, str, str | None] | None = None

    def read(self, text: str, findings: Findings) -> bool:
        """Read a line."""
        found = _ERROR.match(text)
        if self._place and not found and text.strip():
            findings.error(text, *self._place)
            self._place = None
            return True
        if not found:
            return False
        self.settle(findings)
        place = (found["file"], found["line"], found["column"])
        if said := (found["text"] or "").strip():
            findings.error(said, *place)
        else:
            self._place = place
        return True

    def settle(self, findings: Findings) -> None:
        """Add an error whose text did not come."""
        if self._place:
            findings.error("error", *self._place)
            self._place = None
