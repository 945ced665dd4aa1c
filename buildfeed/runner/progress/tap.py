"""The Test Anything Protocol: a plan `1..40`, then `ok 3 - name` or `not ok 4`. Pure.

Source: https://testanything.org/tap-version-14-specification.html. Subtests are indented, and part
of the test after them. The plan may come at the end; until then the tests are counted alone.
"""

import re
from typing import Final

from buildfeed.runner.lines import Line
from buildfeed.runner.progress.reading import Reading, counted, phrase

_PLAN: Final = re.compile(r"1\.\.(?P<total>[0-9]{1,7})(?: *#.*)?$")
_VERSION: Final = re.compile(r"TAP version 1[0-9]$")
_POINT: Final = re.compile(r"(?:not )?ok(?: (?P<number>[0-9]{1,7}))?\b(?: -)?(?P<name>.*)")


class Tap:
    """Reads the tests after a plan or a version: an `ok` without either is ordinary output."""

    def __init__(self) -> None:
        self._begun = False
        self._done = 0
        self._total: int | None = None

    def read(self, line: Line) -> Reading | None:
        """Return the count after a test."""
        if _VERSION.match(line.text):
            self._begun, self._done, self._total = True, 0, None
        elif plan := _PLAN.match(line.text):
            if self._total is not None:  # the next stream, of another program
                self._done = 0
            self._begun, self._total = True, int(plan["total"])
        elif self._begun and (point := _POINT.match(line.text)):
            self._done += 1
            name = phrase(point["name"].partition(" # ")[0])
            if self._total is not None:
                return counted(self._done, self._total, name)
            return Reading(done=self._done, phase=name)
        return None
