"""The output of the build that is followed: events as they come, and the history where they lack.

A watcher is sent no output of before, and a slow one loses some. Both are read from the history,
which the recorder writes within a second.
"""

import time
from collections.abc import Callable
from typing import Final

from buildfeed.activity import Key
from buildfeed.terminal.gateway import Away, Gateway, Refused
from buildfeed.terminal.output_order import OutputOrder, Piece, Place
from buildfeed.terminal.recorded import Recorded

_HISTORY_SECONDS: Final = 15.0
"""Seconds for the recorder to get as far as the events are. A busy machine takes some; after 10 the
gateway says that its history is down (`docs/running.md`)."""
_AGAIN_SECONDS: Final = 30.0
"""Seconds until a history that was behind is read again, as reading holds up the events."""
_PAUSE: Final = 0.2

Write = Callable[[Piece, str], None]
"""Writes what is new of the output: the piece that it comes in, and the text."""


class Output:
    """The output of the build `key`, written by `write`; `say` is told where some is missing."""

    def __init__(
        self, gateway: Gateway, key: Key, say: Callable[[str], None], write: Write
    ) -> None:
        self._recorded = Recorded(gateway, key)
        self._order = OutputOrder()
        self._say = say
        self._write = write
        self._not_before = 0.0

    def doubt(self) -> None:
        """Take note that events may have been missed."""
        self._order.doubt()

    def hear(self, piece: Piece) -> None:
        """Write a piece, after what is missing before it."""
        if self._order.lacks(piece):
            self.read_up_to(piece.place)
        self._take(piece)
        self._order.trust()

    def read_up_to(self, place: Place | None, *, is_last: bool = False) -> None:
        """Write what is recorded, waiting for the recorder until that has the activity `place`.

        A history that was behind is left alone for a while, but for what `is_last`.
        """
        deadline = time.monotonic() + _HISTORY_SECONDS
        if time.monotonic() < self._not_before and not is_last:
            return
        while True:
            try:
                for piece in self._recorded.read():
                    self._take(piece)
                trouble = "The history is behind"
            except Away as exc:
                trouble = exc.reason.rstrip(".")
            except Refused as exc:
                trouble, deadline = exc.reason.rstrip("."), 0.0
            else:
                if place is None or self._recorded.reached >= place:
                    return
            if time.monotonic() > deadline:
                self._not_before = time.monotonic() + _AGAIN_SECONDS
                self._say(f"{trouble}: output may be missing here.")
                return
            time.sleep(_PAUSE)

    def _take(self, piece: Piece) -> None:
        if text := self._order.take(piece):
            self._write(piece, text)
