"""The lag of the recorder: for how long the oldest change has been missing in history.

A change is a position of a build: an attempt, and the number of an activity in it. Pure; time is
passed in, in seconds.
"""

from typing import Final

from buildfeed.activity import Build, Key
from buildfeed.board import BuildState

MOST: Final = 50_000
"""Builds that are remembered: without a recorder there would be ever more. The oldest matters."""


class RecorderLag:
    """The oldest change of each build that came from the broker and is not seen in history yet."""

    def __init__(self) -> None:
        self._missing: dict[Key, tuple[int, int, float]] = {}

    def changed(self, build: Build, now: float) -> None:
        """Note a change that came from the broker."""
        if build.key not in self._missing and len(self._missing) < MOST:
            self._missing[build.key] = build.attempt, build.seq, now

    def recorded(self, recorded: BuildState, known: BuildState, now: float) -> None:
        """Note the state of a build in history; `known` is the state on the board.

        A build that has ended in history is missing nothing: later activities change nothing.
        """
        if missing := self._missing.get(known.key):
            build = recorded.newest.object
            if build.ended or (build.attempt, build.seq) >= missing[:2]:
                del self._missing[known.key]
                if known.newest.id != recorded.newest.id:  # more came since: wait for that now
                    self.changed(known.newest.object, now)

    def seconds(self, now: float) -> float:
        """Return the age of the oldest change that is missing, 0 when none is."""
        oldest = min((arrived for _, _, arrived in self._missing.values()), default=None)
        return 0.0 if oldest is None else now - oldest
