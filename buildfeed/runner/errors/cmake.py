"""Errors of CMake: the place, then a text that is indented. Pure.

CMake Error at CMakeLists.txt:3 (find_package):
  By not providing "FindFoo.cmake" in CMAKE_MODULE_PATH this project has
  asked CMake to find a package configuration file
"""

import re
from typing import Final

from buildfeed.runner.errors.found import Findings
from buildfeed.runner.errors.places import PATH

_ERROR: Final = re.compile(
    r"CMake (?:Internal )?Error(?: \(dev\))?"
    r"(?: (?:at|in) " + PATH + r"(?::(?P<line>\d{1,9}))?[^()]{0,40}(?:\([^()]{0,200}\))?)?:"
    r"(?P<text>.*)"
)
_FOLLOWS: Final = re.compile(r"-- (?:Configuring|Generating) incomplete, errors occurred")
_MOST_LINES: Final = 5


class CMake:
    """The dialect; it holds the place of an error and the lines of its first paragraph."""

    def __init__(self) -> None:
        self._place: tuple[str | None, str | None] | None = None
        self._lines: list[str] = []

    def read(self, text: str, findings: Findings) -> bool:
        """Read a line."""
        if self._place:
            if text.startswith("  "):
                self._lines.append(text.strip())
                if len(self._lines) == _MOST_LINES:
                    self.settle(findings)
                return True
            if not text and not self._lines:
                return True
            self.settle(findings)
        if _FOLLOWS.match(text):
            findings.follows(text)
            return True
        if not (found := _ERROR.match(text)):
            return False
        self._place = found["file"], found["line"]
        if said := found["text"].strip():
            self._lines.append(said)
            self.settle(findings)
        return True

    def settle(self, findings: Findings) -> None:
        """Add the error that is held."""
        if self._place:
            findings.error(" ".join(self._lines) or "CMake Error", *self._place)
        self._place, self._lines = None, []
