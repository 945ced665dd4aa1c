"""Tests of Go that fail. Pure.

    --- FAIL: TestSum (0.00s)
        a_test.go:3: got 1, want 2

With `-v` the place of a test stands before its `--- FAIL`. Of a test and its subtest the subtest
counts, and of a test and its panic the panic.
"""

import re
from typing import Final

from buildfeed.runner.errors.found import Findings
from buildfeed.runner.errors.go import FILE

_FAIL: Final = re.compile(r"\s{0,64}--- FAIL: (?P<name>\S{1,1024})")
_LOGGED: Final = re.compile(rf"\s{{1,64}}{FILE}:(?P<line>\d{{1,9}}): ?(?P<text>.*)")
_OTHER: Final = re.compile(r"\s{0,64}(?:=== (?:RUN|PAUSE|CONT|NAME) |--- (?:PASS|SKIP)|ok  )")
_PACKAGE: Final = re.compile(r"FAIL(?:\s+\S|$)")


class GoTests:
    """The dialect; it holds a failed test until its place comes, and what a test logged."""

    def __init__(self) -> None:
        self._test: str | None = None
        self._logged: tuple[str, str, str] | None = None  # text, file, line

    def read(self, text: str, findings: Findings) -> bool:
        """Read a line."""
        if logged := _LOGGED.match(text):
            self._logged = logged["text"], logged["file"], logged["line"]
            if self._test:
                self.settle(findings)
        elif fail := _FAIL.match(text):
            if self._test and not fail["name"].startswith(f"{self._test}/"):
                self.settle(findings)
            self._test = fail["name"]
        elif _OTHER.match(text):
            self.settle(findings)
        elif _PACKAGE.match(text):
            self.settle(findings)
            findings.follows(text)
        else:
            if text.startswith("panic: "):
                self._test = None
            return False
        return True

    def settle(self, findings: Findings) -> None:
        """Add the test whose place did not come."""
        if self._test:
            said, *place = self._logged or ("",)
            findings.error(f"{self._test}: {said}" if said else f"{self._test} failed", *place)
        self._test = self._logged = None
