"""`meson test`: ` 3/12 suite / name        OK    0.02s`. `meson compile` runs ninja. Pure."""

import re
from typing import Final

from buildfeed.runner.lines import Line
from buildfeed.runner.progress.reading import Reading, counted, phrase

_ENDED: Final = re.compile(
    r" {0,8}(?P<done>[0-9]{1,7})/(?P<total>[0-9]{1,7}) (?P<name>.{1,200}?) {1,100}"
    r"(?:OK|FAIL|SKIP|TIMEOUT|ERROR|EXPECTEDFAIL|UNEXPECTEDPASS|INTERRUPT) {1,20}[0-9.]{1,12} ?s\b"
)


class Meson:
    """Reads the tests that end."""

    def read(self, line: Line) -> Reading | None:
        """Return the count, and the test."""
        ended = _ENDED.match(line.text)
        return ended and counted(int(ended["done"]), int(ended["total"]), phrase(ended["name"]))
