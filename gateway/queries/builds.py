"""Builds, read from the board and from history beyond it: one, a page, activities, an ending."""

import asyncio
from collections.abc import Collection, Coroutine
from itertools import chain
from typing import Any

from buildfeed.activity import Activity
from buildfeed.board import BuildState
from buildfeed.history.store import Store
from buildfeed.selection import Selection
from gateway.answered import answered
from gateway.queries import listing
from gateway.queries.listing import ListRequest
from gateway.state.live import Live


class Builds:
    """Reads the board of the live picture, and history beyond it.

    Every method raises HistoryUnavailable when it needs history and that fails.
    """

    def __init__(self, live: Live, store: Store) -> None:
        self._live = live
        self._store = store

    async def find(self, project: str, build: str) -> BuildState | None:
        """Return the newest state of a build from the board or, if it fell off, from history."""
        if known := self._live.board.get(project, build):
            return known
        return await answered(self._store.get, project, build)

    async def newest(
        self, query: ListRequest, selection: Selection
    ) -> tuple[list[BuildState], str | None]:
        """Return a page of the builds of a selection, and the next cursor.

        For a project of which nothing is selected no history is read, nor is its board: how long
        that takes would tell whether there are builds.
        """
        if query.project:
            within = selection.within(query.project)
            if within is None:
                return [], None
            selection = within
        recorded = await answered(
            self._store.newest,
            limit=query.limit,
            project=query.project or None,
            selection=selection,
            statuses=[query.status] if query.status else None,
            before=query.end,
        )
        return listing.page(recorded, chain(*self._live.on_board(selection)), query)

    async def latest(self, project: str, selection: Selection) -> BuildState | None:
        """Return the newest build of a project in a selection, None when there is none."""
        newest, _ = await self.newest(ListRequest(project=project, limit=1), selection)
        return newest[0] if newest else None

    async def newest_ended(
        self, project: str, selection: Selection, job: str | None = None
    ) -> BuildState | None:
        """Return the newest build of a project in a selection that has ended, None if none has.

        Of a `job` if one is named.

        History is asked only where it knows more than the board.
        """
        within = selection.within(project)
        if within is None:
            return None
        recorded: list[BuildState] = []
        if not self._live.board.complete:
            recorded = await answered(
                self._store.newest, limit=1, project=project, selection=within, ended=True, job=job
            )
        known = (
            state
            for state in self._live.board.ended()
            if state.key in within and job in (None, state.newest.object.job)
        )
        newest, _ = listing.page(recorded, known, ListRequest(project=project, limit=1))
        return newest[0] if newest else None

    async def count_activities(self, project: str, build: str, kinds: Collection[str]) -> int:
        """Return how many activities of a build history has; of `kinds` alone, if there are any."""
        return await answered(self._store.count_activities, project, build, kinds)

    async def activities(
        self, project: str, build: str, kinds: Collection[str], after: int, limit: int
    ) -> list[tuple[int, bytes]]:
        """Return (row number, payload) of a build's activities with a number over `after`.

        With `kinds` of these alone.
        """
        read = self._store.activities
        return await answered(read, project, build, kinds, after=after, limit=limit)

    async def errors(
        self, project: str, build: str, after: int, most: int
    ) -> list[tuple[int, Activity]]:
        """Return errors of a build and their numbers: see `RecordedErrors.page`."""
        return await answered(self._store.errors().page, project, build, after=after, most=most)

    async def ended(
        self, state: BuildState, seconds: float, *leaving: Coroutine[Any, Any, None]
    ) -> BuildState | None:
        """Return the build once it has ended, None when that takes longer than `seconds`.

        Also None when one of `leaving` returns first: the server stops, or the client has gone.
        """
        if state.ended:
            for coroutine in leaving:
                coroutine.close()
            return state
        future: asyncio.Future[BuildState] = asyncio.get_running_loop().create_future()
        forget = self._live.when_ended(
            state.key, lambda ended: None if future.done() else future.set_result(ended)
        )
        going = [asyncio.create_task(coroutine) for coroutine in leaving]
        try:
            first: set[asyncio.Future[Any]] = {future, *going}
            await asyncio.wait(first, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return future.result() if future.done() else None
        finally:
            for each in going:
                each.cancel()
            forget()
