"""A page of builds: the states in history, and the newer ones on the board. Pure."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from buildfeed import names
from buildfeed.activity import Status
from buildfeed.board import BuildState, merge

MAX_PAGE: Final = 200
CURSOR: Final = r"^[a-z0-9][a-z0-9_-]{0,63}(\.[a-z0-9][a-z0-9_-]{0,63})?$(?!\n)"

Place = tuple[str, str]
"""Build and project: the order of the list, descending."""


class ListRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of a list of builds; `before` is `{build}.{project}` or a build alone."""

    project: names.Name | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 50
    before: Annotated[str, Meta(pattern=CURSOR)] | UnsetType = UNSET

    @property
    def end(self) -> tuple[str, str] | None:
        """Build and project that the list ends before, None when it begins with the newest."""
        if isinstance(self.before, UnsetType):
            return None
        build, _, project = self.before.partition(".")
        return build, project


def page(
    recorded: Sequence[BuildState], known: Iterable[BuildState], query: ListRequest
) -> tuple[list[BuildState], str | None]:
    """Return the builds of a page, newest first, and the `before` of the next, None on the last.

    `recorded` is the page as history has it, `known` are the states on the board, of any build.
    """
    full = len(recorded) == query.limit
    # A full page of history hides older builds, so the board must not show them either.
    floor = _place(recorded[-1]) if full else ("", "")
    end = query.end
    found = {_place(state): state for state in recorded}
    for state in known:
        place = _place(state)
        if floor <= place and (end is None or place < end):
            found[place] = merge(found.get(place), state)
    places = sorted((place for place in found if _fits(found[place], query)), reverse=True)
    listed = places[: query.limit]
    if len(places) > len(listed):
        floor = listed[-1]
    cursor = ".".join(floor) if full or len(places) > len(listed) else None
    return [found[place] for place in listed], cursor


def _place(state: BuildState) -> Place:
    return state.newest.object.build, state.newest.object.project


def _fits(state: BuildState, query: ListRequest) -> bool:
    build = state.newest.object
    return (not query.project or query.project == build.project) and (
        not query.status or query.status == build.status
    )
