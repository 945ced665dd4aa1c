"""The backlog: the messages due to one watcher that have not left yet, bounded. Pure.

A slow watcher must neither cost memory without bound nor lose the newest state of a build. Both are
possible because every message about a subject holds its whole state:

* A newer message replaces an older one about the same subject, at its place in the order.
* A message without room is not kept, only its subject: the message is *owed*. When its turn comes,
  the newest state is fetched.

So the bytes are bounded by a limit, and the order by the bytes and the number of subjects. The last
message that a watcher gets about a build is its newest. Only messages that nothing replaces are
lost, when there is no room: the lines of logs.

Relied on by transports: a backlog that is empty is false, yet it still counts its merged states.
"""

from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import Final, Generic, TypeVar

from gateway.state.event import Subject

LIMIT_BYTES: Final = 256 * 1024
"""Bytes that wait for one watcher by default; about 600 states."""


class Backlog:
    """Messages to one watcher, oldest first, at most `limit` bytes of them."""

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        self._limit = limit
        self._numbers = count(1)
        self._order: deque[int] = deque()
        self._messages: dict[int, tuple[Subject, bytes | None]] = {}
        self._replaceable: dict[Subject, int] = {}
        self.bytes = 0
        """Size of the messages that wait."""
        self.merged = 0
        """Messages left out because newer ones replaced them."""

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, subject: Subject, message: bytes) -> None:
        """Add the newest state of `subject`; it replaces the one that still waits."""
        number = self._replaceable.get(subject)
        if number is None:
            number = self._replaceable[subject] = self._append(subject, None)
        else:
            self.merged += 1
            self.bytes -= len(self._messages[number][1] or b"")
        fits = self._has_room(message)
        self._messages[number] = subject, message if fits else None
        self.bytes += len(message) if fits else 0

    def keep(self, subject: Subject, message: bytes) -> None:
        """Add a state that no newer one replaces; without room for it, it is `put`.

        Neither does a newer one replace an older one that waits before it: it would overtake.
        """
        if self._has_room(message):
            self._replaceable.pop(subject, None)
            self._append(subject, message)
            self.bytes += len(message)
        else:
            self.put(subject, message)

    def owe(self, subject: Subject) -> None:
        """Add a subject without a message: the newest is fetched when its turn comes."""
        if subject not in self._replaceable:
            self._replaceable[subject] = self._append(subject, None)

    def add(self, message: bytes) -> None:
        """Add a message that nothing replaces; without room for it, it is left out."""
        if self._has_room(message):
            self._append(None, message)
            self.bytes += len(message)

    def take(self) -> tuple[Subject, bytes | None]:
        """Take the oldest: its subject and the message, None when the newest is owed.

        Raises IndexError when nothing waits.
        """
        number = self._order.popleft()
        subject, message = self._messages.pop(number)
        if self._replaceable.get(subject) == number:
            del self._replaceable[subject]
        self.bytes -= len(message or b"")
        return subject, message

    def _append(self, subject: Subject | None, message: bytes | None) -> int:
        number = next(self._numbers)
        self._order.append(number)
        self._messages[number] = number if subject is None else subject, message
        return number

    def _has_room(self, message: bytes) -> bool:
        return self.bytes + len(message) <= self._limit


W = TypeVar("W")


class Backlogs(Generic[W]):
    """The backlogs of a transport's watchers, at most `limit` bytes each."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._of: dict[W, Backlog] = {}
        self._merged = 0  # in backlogs that are gone

    @property
    def merged(self) -> int:
        """States left out in all of them, and in those that are gone."""
        return self._merged + sum(backlog.merged for backlog in self._of.values())

    def merging(self) -> Iterator[W]:
        """Yield the watchers that had states left out since they have a backlog."""
        return (watcher for watcher, backlog in self._of.items() if backlog.merged)

    def get(self, watcher: W) -> Backlog | None:
        """Return a watcher's backlog if it has one."""
        return self._of.get(watcher)

    def of(self, watcher: W) -> Backlog:
        """Return a watcher's backlog; it has one from now on."""
        backlog = self._of.get(watcher)
        if backlog is None:
            backlog = self._of[watcher] = Backlog(self._limit)
        return backlog

    def drop(self, watcher: W) -> None:
        """Forget a watcher's backlog, if it has one, but for the states left out in it."""
        backlog = self._of.pop(watcher, None)
        if backlog is not None:  # an empty one is false
            self._merged += backlog.merged
