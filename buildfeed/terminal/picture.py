"""The builds that somebody sees: events folded into the newest state of each. Pure."""

from typing import Final

import msgspec
from msgspec.structs import replace

from buildfeed.activity import ENDINGS, Key
from buildfeed.names import Name

OUTCOMES: Final = {"succeeded": 0, "failed": 1, "stopped": 3}
"""The exit code of a command that waited for a build, by how that ended."""
MOST_ENDED: Final = 1000
"""Ended builds that are remembered, so that a snapshot does not show them again: it has 200."""


class State(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of a `build` event, as far as it is shown (topics.md, `build`)."""

    project: Name
    build: Name
    status: str
    progress: int
    errors: int
    attempt: int
    seq: int
    error: str | None = None
    worker: str | None = None
    stopping: bool = False
    stopped_by: str | None = None
    ahead: int | None = None
    lost: bool = False
    title: str | None = None
    phase: str | None = None
    done: int | None = None
    total: int | None = None
    indeterminate: bool = False
    exit_code: int | None = None

    @property
    def key(self) -> Key:
        """Which build it is."""
        return self.project, self.build

    @property
    def place(self) -> tuple[int, int]:
        """Attempt and `seq` of the activity that it comes from."""
        return self.attempt, self.seq

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self.status in ENDINGS


def fold(known: State | None, state: State) -> State:
    """Return the newest state of a build after `state` came.

    An ending beats what is none; of endings the smaller `(attempt, seq)` counts, of others the
    larger, and of two with the same the new one. Once asked to stop, a build is stopping until it
    ends.
    """
    if known is None:
        return state
    newest, other = (state, known) if _beats(state, known) else (known, state)
    stopping = not newest.ended and (newest.stopping or other.stopping)
    stopped_by = newest.stopped_by if newest.stopped_by is not None else other.stopped_by
    return replace(newest, stopping=stopping, stopped_by=stopped_by)


def _beats(ours: State, theirs: State) -> bool:
    if ours.ended != theirs.ended:
        return ours.ended
    mine, other = ours.place, theirs.place
    return mine == other or (mine < other) == ours.ended


class Picture:
    """The newest state of every build that was told. Unfinished ones are as many as there are."""

    def __init__(self) -> None:
        self._states: dict[Key, State] = {}
        self._heard: set[Key] = set()
        self._ended = 0

    def fold(self, state: State) -> State | None:
        """Return the newest state of the build of `state`, None when it is as it was."""
        self._heard.add(state.key)
        known = self._states.get(state.key)
        newest = fold(known, state)
        if newest == known:
            return None
        self._states[state.key] = newest
        self._ended += newest.ended and not (known and known.ended)
        if self._ended > 2 * MOST_ENDED:
            self._forget()
        return newest

    def begin(self) -> None:
        """Begin with a new snapshot."""
        self._heard = set()

    def complete(self) -> list[State]:
        """End the snapshot; forget and return unfinished builds that it lacked: they have ended."""
        gone = [each for each in self.unfinished if each.key not in self._heard]
        for state in gone:
            del self._states[state.key]
        self._heard = set()
        return gone

    def get(self, key: Key) -> State | None:
        """Return what is known of a build."""
        return self._states.get(key)

    @property
    def unfinished(self) -> list[State]:
        """The builds that have not ended, oldest first."""
        left = (each for each in self._states.values() if not each.ended)
        return sorted(left, key=_age)

    @property
    def newest(self) -> State | None:
        """The build that began last: ids sort by time."""
        return max(self._states.values(), key=_age, default=None)

    def _forget(self) -> None:
        ended = sorted((each for each in self._states.values() if each.ended), key=_age)
        for state in ended[:-MOST_ENDED]:
            del self._states[state.key]
        self._ended = MOST_ENDED


def _age(state: State) -> tuple[str, str]:
    return state.build, state.project
