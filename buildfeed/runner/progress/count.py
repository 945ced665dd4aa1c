"""One count that goes on: the readings of one tool, one after the other. Pure.

A count may begin again: the tool was run again, or a count of the same form runs *inside*, as a
CMake project that builds another one prints the percentages of both. From outside these look
alike, and while it is not known where the count stands, it says nothing:

* If it had ended before, it was run again: it stands where the new one stands.
* Else the new one is inside, until it ended and the first goes on where it stood.
* Else the first was given up, and it says nothing more.
"""

from typing import Final

from buildfeed.runner.progress.reading import Reading

_STRAYING: Final = 10
"""Points by which a percentage may fall and be the same count: parallel steps report late."""


class Count:
    """A count by its `last` reading, which has a portion."""

    def __init__(self, reading: Reading) -> None:
        self.last = reading
        self._outer: Reading | None = None

    @property
    def reading(self) -> Reading | None:
        """Where it stands; None while that is not known."""
        return self.last if self._outer is None else None

    @property
    def complete(self) -> bool:
        """Whether the last reading had nothing left."""
        return self.last.complete

    def follow(self, reading: Reading) -> None:
        """Take the next reading of the tool."""
        if self._outer and self.last.complete and _goes_on(self._outer, reading):
            self._outer = None
        elif _begins_again(self.last, reading) and not self._outer and not self.last.complete:
            self._outer = self.last
        self.last = reading


def _begins_again(last: Reading, reading: Reading) -> bool:
    if last.total is not None and reading.total is not None and 2 * reading.total < last.total:
        return True  # a total may grow as it likes, and fall a little
    if last.done is not None and reading.done is not None and last.done <= reading.done:
        return False
    return _portion(reading) < _portion(last) - _STRAYING


def _goes_on(outer: Reading, reading: Reading) -> bool:
    """Tell whether `reading` is the next one of `outer`."""
    if reading.complete or _begins_again(outer, reading):
        return False
    return _portion(outer) <= _portion(reading) or (outer.done or 0) < (reading.done or 0)


def _portion(reading: Reading) -> int:
    return reading.portion or 0
