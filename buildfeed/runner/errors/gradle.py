"""Errors of Gradle and kotlinc. Pure.

    e: file:///home/ada/acme/A.kt:3:5 Unresolved reference: x
    ATest > sum() FAILED
        org.opentest4j.AssertionFailedError at ATest.java:3

That a task failed, as Gradle says below "What went wrong", is a consequence.
"""

import re
from typing import Final
from urllib.parse import unquote

from buildfeed.runner.errors.found import Findings
from buildfeed.runner.errors.places import PATH, PLACE

_KOTLIN: Final = re.compile(r"e: (?P<url>file://)?" + PLACE + r":? (?P<text>.+)")
_OLD_KOTLIN: Final = re.compile(
    r"e: (?P<url>file://)?" + PATH + r": \((?P<line>\d{1,9}), (?P<column>\d{1,9})\): (?P<text>.+)"
)
_TEST: Final = re.compile(r"(?P<name>\S[^>]{0,400}+> .{1,400}) FAILED$")
_THROWN: Final = re.compile(
    r"\s{4,12}(?P<text>\S.{0,1000}) at (?P<file>[\w.-]{1,255}):(?P<line>\d{1,9})$"
)
_WHY: Final = "* What went wrong:"


class Gradle:
    """The dialect; it holds the test whose exception comes."""

    def __init__(self) -> None:
        self._test: str | None = None
        self._tells_why = False

    def read(self, text: str, findings: Findings) -> bool:
        """Read a line."""
        if self._test:
            if thrown := _THROWN.match(text):
                said = f"{self._test}: {thrown['text'].strip()}"
                findings.error(said, thrown["file"], thrown["line"])
                self._test = None
                return True
            self.settle(findings)
        if self._tells_why:
            self._tells_why = False
            findings.follows(text)
            return True
        return self._begin(text, findings)

    def settle(self, findings: Findings) -> None:
        """Add a test whose exception did not come."""
        if self._test:
            findings.error(f"{self._test} failed")
        self._test = None

    def _begin(self, text: str, findings: Findings) -> bool:
        if found := _KOTLIN.match(text) or _OLD_KOTLIN.match(text):
            file = unquote(found["file"]) if found["url"] else found["file"]
            findings.error(found["text"], file, found["line"], found["column"])
        elif found := _TEST.match(text):
            self._test = found["name"]
        else:
            self._tells_why = text == _WHY
            return self._tells_why
        return True
