"""The backlog: what is due to one watcher and has not left yet, bounded. Pure."""

from collections import deque
from typing import Final

from buildfeed.activity import Key

What = Key | str | int
"""What a message is about: a build, a thing by its name, or a number that no other has."""

LIMIT_BYTES: Final = 256 * 1024


class Backlog:
    """Messages to one watcher, oldest first, `limit` bytes of them at most.

    Every message about the same thing holds its whole state, so a newer one replaces an older
    one that still waits, in its place. One that does not fit is dropped and only what it was
    about remembered: whoever takes it fetches the newest state then. So nothing that waits is
    ever lost but lines of logs, and the last thing a watcher hears of a build is its newest.
    """

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        self._limit = limit
        self._order: deque[What] = deque()
        self._messages: dict[What, bytes | None] = {}
        self._lines = 0
        self.bytes = 0
        """Size of the messages that wait."""
        self.merged = 0
        """Messages left out because newer ones replaced them."""
        self.left_out = 0
        """Lines of logs left out because there was no room."""

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, what: What, message: bytes) -> None:
        """Add the newest state of `what`; it replaces the one that still waits."""
        if what in self._messages:
            self.merged += 1
            self.bytes -= len(self._messages[what] or b"")
        else:
            self._order.append(what)
        fits = self.bytes + len(message) <= self._limit
        self._messages[what] = message if fits else None
        self.bytes += len(message) if fits else 0

    def owe(self, what: What) -> None:
        """Add whatever will be the newest state of `what` when its turn comes."""
        if what not in self._messages:
            self._order.append(what)
            self._messages[what] = None

    def add(self, line: bytes) -> None:
        """Add what nothing replaces; it is left out when there is no room."""
        if self.bytes + len(line) <= self._limit:
            self._lines += 1
            self.put(self._lines, line)
        else:
            self.left_out += 1

    def take(self) -> tuple[What, bytes | None]:
        """Take the oldest: what it is about and the message, None when the newest is owed.

        Raises IndexError when nothing waits.
        """
        what = self._order.popleft()
        message = self._messages.pop(what)
        self.bytes -= len(message or b"")
        return what, message
