"""unittest: `test_a (module.Case.test_a) ... ok` of `-v`, else a line of dots. Pure.

How many tests there are is said at the end only, so there is a count and no total. A line of dots
counts only for a command that is unittest: it is too common elsewhere.
"""

import re
from typing import Final

from buildfeed.runner.lines import Line
from buildfeed.runner.progress.reading import Reading, phrase

_NAME: Final = r"(?P<test>\w{1,200}) \([\w.<>]{1,300}\)"
_OUTCOME: Final = r" \.\.\. (?:ok|FAIL|ERROR|skipped\b.*|expected failure|unexpected success)$"
_ENDED: Final = re.compile(_NAME + _OUTCOME)
_NAMED: Final = re.compile(_NAME + r"$")
_DESCRIBED: Final = re.compile(r"(?P<test>.{1,300}?)" + _OUTCOME)
_DOTS: Final = re.compile(r"[.sFExu]{1,4096}$")


class UnitTest:
    """Reads the tests that end; `dots`: also those that are a letter of a line."""

    def __init__(self, *, dots: bool = False) -> None:
        self._dots = dots
        self._tests = 0
        self._named = False  # the last line was a name: this one is its description

    def read(self, line: Line) -> Reading | None:
        """Return the number of tests that ended."""
        named, self._named = self._named, _NAMED.match(line.text) is not None
        if ended := _ENDED.match(line.text) or (named and _DESCRIBED.match(line.text)):
            self._tests += 1
            return Reading(done=self._tests, phase=phrase(ended["test"]))
        if self._dots and _DOTS.match(line.text):
            self._tests += len(line.text)
            return Reading(done=self._tests)
        return None
