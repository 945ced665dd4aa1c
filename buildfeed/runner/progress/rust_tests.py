"""Tests of Rust: `test name ... ok` of libtest, `PASS [ 0.1s] (12/40) name` of nextest. Pure.

libtest tells how many tests a binary has, but a crate has several, one after the other: so its
tests are counted, and there is no total. nextest counts all.
"""

import re
from typing import Final

from buildfeed.runner.lines import Line
from buildfeed.runner.progress.reading import Reading, counted, phrase

_ENDED: Final = re.compile(
    r"test (?P<name>\S{1,300})(?: - should panic)? \.\.\. (?:ok|FAILED|ignored|bench:)"
)
_NEXTEST: Final = re.compile(
    r" {1,12}(?:PASS|FAIL|SKIP|LEAK|TIMEOUT|SIGABRT|SIGSEGV) \[ {0,8}[0-9.]{1,10}s\] "
    r"\( {0,8}(?P<done>[0-9]{1,7})/(?P<total>[0-9]{1,7})\) (?P<name>.*)"
)


class RustTests:
    """Reads the tests that end."""

    def __init__(self) -> None:
        self._tests = 0

    def read(self, line: Line) -> Reading | None:
        """Return the count and the test."""
        if ended := _ENDED.match(line.text):
            self._tests += 1
            return Reading(done=self._tests, phase=phrase(ended["name"]))
        if ended := _NEXTEST.match(line.text):
            return counted(int(ended["done"]), int(ended["total"]), phrase(ended["name"]))
        return None
