"""The board: activities folded into the newest state of every build.

Any order and any repetition of a build's activities folds to the same state, because of two
activities the same one always counts: `docs/fold-and-order.md`.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from buildfeed.activity import Activity, Key


class BuildState(msgspec.Struct, frozen=True):
    """The state of one build.

    `newest` is the activity whose state counts, `stop` the earliest request to stop the build.
    """

    newest: Activity
    stop: Activity | None = None

    @property
    def key(self) -> Key:
        """Project and build."""
        return self.newest.object.key

    @property
    def ended(self) -> bool:
        """True once an ending has been seen: no later activity changes that."""
        return self.newest.object.ended

    @property
    def stopping(self) -> bool:
        """True from the first stop until the build has ended."""
        return self.stop is not None and not self.ended

    @property
    def stopped_by(self) -> str | None:
        """The name of the person who asked first to stop it."""
        return self.stop.actor.name if self.stop else None


def fold(known: BuildState | None, activity: Activity) -> BuildState:
    """Return the state after `activity`; `known` itself when the activity changes nothing.

    An ending beats any state that is not one; of two endings the smaller `(attempt, seq)`
    counts, of two others the larger. A `log` has no state and must not be folded.
    """
    stop = activity if activity.type == "Undo" else None
    if known is None:
        return BuildState(activity, stop)
    newest = activity if _beats(activity, known.newest) else known.newest
    if known.stop and (not stop or _asked(known.stop) <= _asked(stop)):
        stop = known.stop
    if newest is known.newest and stop is known.stop:
        return known
    return BuildState(newest, stop)


def merge(known: BuildState | None, other: BuildState) -> BuildState:
    """Return the state that both fold to."""
    merged = fold(known, other.newest)
    return fold(merged, other.stop) if other.stop else merged


def _asked(stop: Activity) -> tuple[object, ...]:
    return stop.published, stop.id


def _beats(new: Activity, old: Activity) -> bool:
    ours, theirs = new.object, old.object
    if ours.ended != theirs.ended:
        return ours.ended
    order, other = (ours.attempt, ours.seq), (theirs.attempt, theirs.seq)
    if order != other:
        return order < other if ours.ended else order > other
    return _tie_break(new) < _tie_break(old)


def _tie_break(activity: Activity) -> tuple[object, ...]:
    """Settle equal `(attempt, seq)` the same way everywhere.

    A stop repeats the state its gateway knew, without the worker, so it loses.
    """
    return activity.type == "Undo", activity.published, activity.id, activity.actor.name


MAX_UNFINISHED: Final = 50_000
"""Unfinished builds that a board holds."""


class Board:
    """The newest state of the builds that matter now, bounded.

    Every unfinished build is kept up to `max_unfinished`, and the `max_ended` builds that ended
    last. Builds that fall off are still in history.
    """

    def __init__(self, max_unfinished: int = MAX_UNFINISHED, max_ended: int = 2_000) -> None:
        self._max_unfinished = max_unfinished
        self._max_ended = max_ended
        self._unfinished: dict[Key, BuildState] = {}
        self._ended: dict[Key, BuildState] = {}
        self.forgot = False
        """True once a build fell off: from then on history knows more."""
        self._read_whole = False

    @property
    def complete(self) -> bool:
        """True while history has no build that is not on the board; False until that is known."""
        return self._read_whole and not self.forgot

    def history_read(self, *, whole: bool) -> None:
        """Take note that history was read; `whole`: it has no build that was left out."""
        self._read_whole = whole

    def __len__(self) -> int:
        return len(self._unfinished) + len(self._ended)

    def get(self, project: str, build: str) -> BuildState | None:
        """Return the state of one build, None when it is not on the board."""
        key = project, build
        return self._unfinished.get(key) or self._ended.get(key)

    def fold(self, activity: Activity) -> tuple[BuildState, bool]:
        """Fold one activity in; return the state and whether it changed anything."""
        key = activity.object.key
        before = self.get(*key)
        after = fold(before, activity)
        return after, self._put(key, before, after)

    def merge(self, state: BuildState) -> tuple[BuildState, bool]:
        """Fold in a state from history; return the state and whether it changed anything."""
        before = self.get(*state.key)
        after = merge(before, state)
        return after, self._put(state.key, before, after)

    @property
    def number_unfinished(self) -> int:
        """How many builds have not ended."""
        return len(self._unfinished)

    def unfinished(self) -> Iterator[BuildState]:
        """Yield every build that has not ended, in the order they were first seen."""
        return iter(self._unfinished.values())

    def ended(self) -> Iterator[BuildState]:
        """Yield the builds that ended, newest ending first."""
        return reversed(self._ended.values())

    def _put(self, key: Key, before: BuildState | None, after: BuildState) -> bool:
        if after is before:
            return False
        if after.ended:
            self._unfinished.pop(key, None)
            self._ended[key] = after
            self._bound(self._ended, self._max_ended)
        else:
            self._unfinished[key] = after
            self._bound(self._unfinished, self._max_unfinished)
        return True

    def _bound(self, states: dict[Key, BuildState], limit: int) -> None:
        if len(states) > limit:
            del states[next(iter(states))]
            self.forgot = True
