"""The order in which builds changed, to tell a watcher that comes back whether it missed any. Pure.

Every change of what watchers are shown has a number. Of each build the last one is kept, for the
`MOST` builds that changed last.
"""

from collections import OrderedDict
from typing import Final

from buildfeed.activity import Key
from buildfeed.selection import Selection

MOST: Final = 4096
"""Builds whose last change is remembered."""


class Changes:
    """Counts the changes of a process."""

    def __init__(self) -> None:
        self.number = 0
        """The number of the last change."""
        self._last: OrderedDict[Key, int] = OrderedDict()
        self._forgotten = 0

    def add(self, key: Key) -> None:
        """Take note that a build changed."""
        self.number += 1
        self._last[key] = self.number
        self._last.move_to_end(key)
        if len(self._last) > MOST:
            _, self._forgotten = self._last.popitem(last=False)

    def none_since(self, number: int, selection: Selection) -> bool:
        """Tell whether certainly no build of `selection` has changed since the change `number`."""
        if not self._forgotten <= number <= self.number:
            return False
        for key, last in reversed(self._last.items()):
            if last <= number:
                break
            if key in selection:
                return False
        return True
