"""The lag of the recorder: for how long the oldest change has been missing in history.

A change is a position of a build: an attempt, and the number of an activity in it. Pure; time is
passed in, in seconds.
"""

from typing import Final, NamedTuple

from buildfeed.activity import Build, Key
from buildfeed.board import BuildState

MOST: Final = 50_000
"""Builds that are remembered: without a recorder there would be ever more. The oldest matters."""
_OUT_OF_ORDER_SECONDS: Final = 60.0
"""Seconds by which a change may be recorded later than younger ones. What is missing for longer
will never come, e.g. since the database was restored from a backup, and is forgotten."""


class _Change(NamedTuple):
    """A position of a build, and when it arrived."""

    attempt: int
    seq: int
    arrived: float


class RecorderLag:
    """The oldest change of each build that came from the broker and is not seen in history yet."""

    def __init__(self) -> None:
        self._missing: dict[Key, list[_Change]] = {}
        self._recorded = float("-inf")
        """When the youngest change arrived that is in history now."""

    def changed(self, build: Build, now: float) -> None:
        """Note a change that came from the broker, of a kind that no recorder misses (QoS 1)."""
        if build.key not in self._missing and len(self._missing) >= MOST:
            return
        changes = self._missing.setdefault(build.key, [])
        changes[1:] = [_Change(build.attempt, build.seq, now)]  # the oldest, and the newest

    def recorded(self, recorded: BuildState) -> None:
        """Note the state of a build in history.

        A build that has ended there is missing nothing: later activities change nothing.
        """
        build = recorded.newest.object
        changes = self._missing.pop(build.key, [])
        place = build.attempt, build.seq
        left = [each for each in changes if not build.ended and each[:2] > place]
        for each in changes:
            if each not in left:
                self._recorded = max(self._recorded, each.arrived)
        if left:
            self._missing[build.key] = left

    def seconds(self, now: float) -> float:
        """Return the age of the oldest change that is missing, 0 when none is."""
        late = self._recorded - _OUT_OF_ORDER_SECONDS
        lost = [key for key, changes in self._missing.items() if changes[-1].arrived < late]
        for key in lost:
            del self._missing[key]
        oldest = min((changes[0].arrived for changes in self._missing.values()), default=None)
        return 0.0 if oldest is None else now - oldest
