"""CTest: `12/40 Test #12: name ......   Passed    0.01 sec`. Pure."""

import re
from typing import Final

from buildfeed.runner.lines import Line
from buildfeed.runner.progress.reading import Reading, counted, phrase

_ENDED: Final = re.compile(
    r" {0,8}(?P<done>[0-9]{1,7})/(?P<total>[0-9]{1,7}) Test {1,8}#[0-9]{1,7}: (?P<name>.*)"
)
_BEGUN: Final = re.compile(r" {1,12}Start {1,8}[0-9]{1,7}: (?P<name>.*)")


class CTest:
    """Reads the tests that begin and end."""

    def read(self, line: Line) -> Reading | None:
        """Return the count at the end of a test, its name at the beginning."""
        if ended := _ENDED.match(line.text):
            name = ended["name"].partition(" ..")[0]
            return counted(int(ended["done"]), int(ended["total"]), phrase(name))
        if begun := _BEGUN.match(line.text):
            return Reading(phase=phrase(begun["name"]))
        return None
