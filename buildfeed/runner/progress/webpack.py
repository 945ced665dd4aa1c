"""webpack: `<s> [webpack.Progress] 42% building`, or `42% building 12/40 modules` drawn. Pure.

Its percentage is of the whole compilation, by the weights that webpack gives its phases. On a
terminal the last one, 100 %, is not drawn: then the result tells that it is done.
"""

import re
from typing import Final

from buildfeed.runner.lines import Line
from buildfeed.runner.progress.reading import Reading, phrase, portion

_LOGGED: Final = re.compile(
    r"(?:<[a-z]> )?\[webpack\.Progress\] (?P<percent>[0-9]{1,3})%(?P<phase>.*)"
)
_DRAWN: Final = re.compile(
    r"(?P<percent>[0-9]{1,3})% (?P<phase>(?:(?:after )?(?:setup|initialize|compiling|compile|make|"
    r"build|building|finish|finish module graph|seal|sealing|optimiz\w{1,5}|hashing|emit|emitting|"
    r"emitted|cache|done|asset processing|chunk graph|module ids|chunk ids))\b.*)"
)
_COMPILED: Final = re.compile(
    r"webpack [0-9][0-9.]{0,20} compiled (?:successfully|with [0-9]{1,6} warnings?)\b"
)


class Webpack:
    """Reads the lines of `ProgressPlugin`, and the result if there were any."""

    def __init__(self) -> None:
        self._has_progress = False

    def read(self, line: Line) -> Reading | None:
        """Return the percentage and the phase."""
        if status := _LOGGED.match(line.text) or _DRAWN.match(line.text):
            self._has_progress = True
            return portion(int(status["percent"]), phrase(status["phase"]))
        if self._has_progress and _COMPILED.match(line.text):
            return portion(100)
        return None
