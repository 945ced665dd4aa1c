"""The snapshot: the builds that a watcher sees first, every unfinished one and the newest ended.

A watcher is put into the hub before its snapshot is taken, so every activity is in the snapshot, in
the events after it, or in both; and a state that comes twice folds away. Therefore the board is
read last, and without waiting.
"""

import asyncio
import functools
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from buildfeed.board import BuildState
from buildfeed.errors import HistoryUnavailable
from buildfeed.history.store import Store
from buildfeed.selection import Selection
from buildfeed.topics import Filter
from gateway.queries import snapshot_page
from gateway.queries.snapshot_page import SNAPSHOT_LIMIT, START, Cursor
from gateway.state.live import Live


class Snapshot:
    """Takes snapshots of the live picture, with history where the board does not reach.

    `queries` of the history run at a time; others wait for their turn. Cancelling one takes its
    query off the queue. A query that runs ends by itself, and keeps its place until then.
    """

    def __init__(self, live: Live, store: Store, queries: int) -> None:
        self.waiting = 0
        """Snapshots that wait for the history."""
        self._live = live
        self._store = store
        # Of its own: watchers must not keep the threads from the rest of the gateway.
        self._threads = ThreadPoolExecutor(queries, thread_name_prefix="snapshot")

    async def page(
        self, filters: Iterable[Filter], cursor: Cursor = START
    ) -> tuple[list[BuildState], Cursor | None]:
        """Return a page of the builds that `filters` concern, and the cursor of the next page."""
        selection = Selection.of(filters)
        recorded = await self._off_board(selection, cursor)
        # Read last and without waiting: no activity can come between the board and the events.
        return snapshot_page.page(*self._live.on_board(selection), recorded, cursor)

    async def whole(self, filters: Iterable[Filter]) -> list[BuildState]:
        """Return every unfinished build of `filters`, then ended ones up to 200 in all."""
        selection = Selection.of(filters)
        recorded = await self._off_board(selection, START)
        return snapshot_page.whole(*self._live.on_board(selection), recorded)

    async def _off_board(self, selection: Selection, cursor: Cursor) -> list[BuildState]:
        """Return the ended builds of a page and one more, when the board lacks some."""
        if self._live.board.complete:
            return []
        query = functools.partial(
            self._store.newest,
            limit=SNAPSHOT_LIMIT + 1,
            selection=selection,
            before=cursor.last if cursor.ended else None,
            ended=True,
        )
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, query)
        except HistoryUnavailable:
            return []  # `catch_up` logs it; the board alone is still worth sending
        finally:
            self.waiting -= 1
