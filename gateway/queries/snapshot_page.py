"""A page of a snapshot: a part of the builds that a watcher sees first. Pure.

Unfinished builds come first, then ended ones, each newest first. A *cursor* is a place in that
order. A build that ends while the pages are read moves behind, to the ended ones, so it is on no
page, or on two. Neither matters: its watcher is in the hub, and hears of the ending.
"""

import heapq
import reprlib
from collections.abc import Iterable, Sequence
from typing import Final, Self

import msgspec

from buildfeed import names
from buildfeed.board import BuildState
from buildfeed.errors import BuildfeedError

SNAPSHOT_LIMIT: Final = 200
"""Builds of a page."""

_UNFINISHED: Final = "unfinished"
_ENDED: Final = "ended"

Place = tuple[str, str]
"""Build and project: the order, descending."""


class InvalidCursor(BuildfeedError):
    """`text` is no cursor that a snapshot gave."""

    def __init__(self, text: object) -> None:
        quoted = text if isinstance(text, str) else reprlib.repr(text)  # any JSON value
        super().__init__(f"{quoted[:80]!r} is no page: send the `after` of the page before.")
        self.text = text


class Cursor(msgspec.Struct, frozen=True):
    """The place where a page begins: among the unfinished or the `ended` builds, behind `last`.

    Without `last` it begins with the newest of them.
    """

    ended: bool = False
    last: Place | None = None

    @classmethod
    def parse(cls, text: object) -> Self:
        """Return the cursor written as `text`; raise InvalidCursor for anything else."""
        match text.split(".") if isinstance(text, str) else []:
            case [kind]:
                last = None
            case [kind, build, project] if names.is_name(build) and names.is_name(project):
                last = build, project
            case _:
                raise InvalidCursor(text)
        if kind not in (_UNFINISHED, _ENDED):
            raise InvalidCursor(text)
        return cls(kind == _ENDED, last)

    def __str__(self) -> str:
        return ".".join((_ENDED if self.ended else _UNFINISHED, *(self.last or ())))


START: Final = Cursor()
"""The cursor of the first page."""


def page(
    unfinished: Sequence[BuildState],
    ended: Iterable[BuildState],
    recorded: Sequence[BuildState],
    cursor: Cursor,
) -> tuple[list[BuildState], Cursor | None]:
    """Return the builds of the page at `cursor`, and the cursor of the next, None on the last.

    `unfinished` and `ended` are on the board, in any order. `recorded` are the newest ended ones in
    history behind the cursor, one more than a page has if there are as many.
    """
    first = [] if cursor.ended else _newest(unfinished, cursor.last, SNAPSHOT_LIMIT + 1)
    if len(first) > SNAPSHOT_LIMIT:
        del first[SNAPSHOT_LIMIT:]
        return first, Cursor(ended=False, last=_place(first[-1]))
    behind = cursor.last if cursor.ended else None
    room = SNAPSHOT_LIMIT - len(first)
    found = _newest(_ended(unfinished, ended, recorded), behind, room + 1)
    shown = found[:room]
    if len(found) > room:
        behind = _place(shown[-1]) if shown else behind
    elif len(recorded) > SNAPSHOT_LIMIT:
        behind = _place(recorded[-1])
    else:
        return [*first, *shown], None
    return [*first, *shown], Cursor(ended=True, last=behind)


def whole(
    unfinished: Sequence[BuildState], ended: Iterable[BuildState], recorded: Sequence[BuildState]
) -> list[BuildState]:
    """Return every unfinished build, then ended ones up to the size of a page in all."""
    first = sorted(unfinished, key=_place, reverse=True)
    room = max(0, SNAPSHOT_LIMIT - len(first))
    return [*first, *_newest(_ended(unfinished, ended, recorded), None, room)]


def _ended(
    unfinished: Iterable[BuildState], ended: Iterable[BuildState], recorded: Sequence[BuildState]
) -> list[BuildState]:
    """Return the ended builds of board and history, each once."""
    found = {state.key: state for state in (*recorded, *ended)}
    for state in unfinished:
        found.pop(state.key, None)
    if len(recorded) > SNAPSHOT_LIMIT:
        # More are in history behind these, so the board must not show builds from there either.
        floor = _place(recorded[-1])
        return [state for state in found.values() if _place(state) >= floor]
    return list(found.values())


def _newest(states: Iterable[BuildState], behind: Place | None, limit: int) -> list[BuildState]:
    """Return up to `limit` states, newest first, of those behind a place."""
    at = {_place(state): state for state in states}
    places = at if behind is None else (place for place in at if place < behind)
    return [at[place] for place in heapq.nlargest(limit, places)]


def _place(state: BuildState) -> Place:
    project, build = state.key
    return build, project
