"""Makefiles of CMake: `[ 42%] Building CXX object a.o`. Pure."""

import re
from typing import Final

from buildfeed.runner.lines import Line
from buildfeed.runner.progress.reading import Reading, phrase, portion

_STATUS: Final = re.compile(r"\[ {0,2}(?P<percent>[0-9]{1,3})%\] (?P<step>.*)")


class CMake:
    """Reads what the targets of a Makefile of CMake print."""

    def read(self, line: Line) -> Reading | None:
        """Return the percentage and the step."""
        status = _STATUS.match(line.text)
        return status and portion(int(status["percent"]), phrase(status["step"]))
