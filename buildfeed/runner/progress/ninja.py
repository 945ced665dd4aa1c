"""Steps in brackets: ninja, and the many tools that took over its form. Pure.

The default status is `[3/120] Building CXX object a.o`. `NINJA_STATUS` may put other figures into
the brackets, before or after the count: `[8 processes, 3/120 @ 12.0/s : 1.2s ]`, `[ 2%][3/120]`. A
count in brackets is all that is needed here, so nobody has to set `NINJA_STATUS`, and people see
what they always see. ninja counts the steps that ended, of those that it knows of so far.

yarn, swift and many scripts print `[2/4] Linking` when a step begins. That cannot be told apart.
"""

import re
from typing import Final

from buildfeed.runner.lines import Line
from buildfeed.runner.progress.reading import Reading, counted, phrase

_STATUS: Final = re.compile(
    r"(?:\[ {0,2}[0-9]{1,3}%\])?\[(?:(?:[0-9 %]|[A-Z] )[^\[\]:-]{0,60}?)?(?<![0-9.:-])(?<![0-9]/)"
    r"(?P<done>[0-9]{1,7})/(?P<total>[0-9]{1,7})"
    r"(?![0-9A-Za-z_/]|[.:-][0-9])(?P<after>[^\[\]]{0,60})\](?= |\(|$)"
)
_CLOCK: Final = re.compile(r"[ T]?[0-9]{1,2}:[0-9]{2}")
_DAYS: Final = 31


class Ninja:
    """Reads `[3/120] what`."""

    def read(self, line: Line) -> Reading | None:
        """Return the count and the step."""
        status = _STATUS.match(line.text)
        if status is None:
            return None
        done, total = int(status["done"]), int(status["total"])
        if total <= _DAYS and _CLOCK.match(status["after"]):
            return None  # the date and time of a log: [03/12 10:15:00]
        return counted(done, total, phrase(line.text[status.end() :]))
