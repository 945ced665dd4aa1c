"""webpack: `<s> [webpack.Progress] 42% building`, or `42% building 12/40 modules` drawn. Pure.

Its percentage is of the whole compilation, by the weights that webpack gives its phases.
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


class Webpack:
    """Reads the lines of `ProgressPlugin`."""

    def read(self, line: Line) -> Reading | None:
        """Return the percentage and the phase."""
        status = _LOGGED.match(line.text) or _DRAWN.match(line.text)
        return status and portion(int(status["percent"]), phrase(status["phase"]))
