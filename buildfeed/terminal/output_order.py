"""The output of one build in its order, from two sources: events, and what is recorded. Pure.

`seq` counts all activities of an attempt, so that by it pieces have an order, and a repetition is
known. That something is missing between two shows only where they have an `offset`.
"""

import msgspec
from msgspec import UNSET, UnsetType

from buildfeed.activity import Key

Place = tuple[int, int]
"""Attempt and `seq` of an activity."""


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of output: the body of a `log` event (topics.md, `log`)."""

    project: str
    build: str
    attempt: int
    seq: int
    worker: str | None = None
    published: str | None = None
    content: str | None = None
    offset: int | UnsetType = UNSET

    @property
    def key(self) -> Key:
        """Whose output it is."""
        return self.project, self.build

    @property
    def place(self) -> Place:
        """Where it is among the activities of its build."""
        return self.attempt, self.seq


class OutputOrder:
    """What of the output is written already."""

    def __init__(self) -> None:
        self._last: Place = (0, -1)
        self._end: int | None = None  # bytes of the attempt's output that are written, if known
        self._sure = False

    def doubt(self) -> None:
        """Take note that events may have been missed."""
        self._sure = False

    def trust(self) -> None:
        """Take note that from here on events come one after another."""
        self._sure = True

    def lacks(self, piece: Piece) -> bool:
        """Tell whether output before `piece` may be missing."""
        if piece.place <= self._last:
            return False
        if not self._sure:
            return True
        if isinstance(piece.offset, UnsetType):
            return False
        before = self._end if piece.attempt == self._last[0] else 0
        return before is not None and piece.offset != before

    def take(self, piece: Piece) -> str:
        """Return what is to be written for `piece`: nothing for a repetition, or one too late."""
        if piece.place <= self._last:
            return ""
        text = piece.content or ""
        self._last = piece.place
        self._end = None
        if not isinstance(piece.offset, UnsetType):
            self._end = piece.offset + len(text.encode())
        return text
