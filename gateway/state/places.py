"""Places in the queue: how many builds go before each that waits. Pure; time is passed in."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import UNSET

from buildfeed.activity import Key
from buildfeed.board import BuildState


class Places:
    """The places of the queued builds, from 0, as of the last `refresh`.

    High priority goes first, then the earliest due time; delayed builds come last. A build that was
    queued since the last refresh is behind all others, but no build waits for a delayed one.
    """

    def __init__(self) -> None:
        self._places: dict[Key, int] = {}
        self._delayed: set[Key] = set()

    def of(self, state: BuildState) -> int | None:
        """Return the place of a build, None when it is not queued."""
        if state.newest.object.status != "queued":
            return None
        place = self._places.get(state.key)
        if place is None:
            place = self._places[state.key] = self._last(state)
        return place

    def leave(self, key: Key) -> None:
        """Forget a build that has left the queue; one that was never in it changes nothing."""
        self._places.pop(key, None)
        self._delayed.discard(key)

    def refresh(self, unfinished: Iterable[BuildState], moment: datetime) -> list[BuildState]:
        """Count the places anew at `moment`; return the builds whose place is another now."""
        queued = [state for state in unfinished if state.newest.object.status == "queued"]
        queued.sort(key=lambda state: _order(state, moment))
        self._delayed = {s.key for s in queued if s.newest.object.is_delayed(moment)}
        before = self._places
        self._places = {state.key: place for place, state in enumerate(queued)}
        return [state for state in queued if before.get(state.key) != self._places[state.key]]

    def _last(self, state: BuildState) -> int:
        """Return how many builds are ahead of one that was queued since the last refresh."""
        behind = len(self._delayed)
        if state.newest.object.not_before is not UNSET:
            self._delayed.add(state.key)
            behind = 0
        return len(self._places) - behind


def _order(state: BuildState, moment: datetime) -> tuple[bool, bool, datetime, str]:
    """Return the sort key of a queued build; one that is still delayed comes last."""
    build = state.newest.object
    delayed = build.is_delayed(moment)
    due = state.newest.published if build.due_time is UNSET else build.due_time
    return delayed, not delayed and build.priority != "high", due, build.build
