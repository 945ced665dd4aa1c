"""The snapshot: the builds that a watcher sees first, every unfinished one and the newest ended.

A watcher is put into the hub before its snapshot is taken, so every activity is in the snapshot, in
the events after it, or in both; and a state that comes twice folds away. Therefore the board is
read last, and without waiting.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from buildfeed.board import BuildState
from buildfeed.errors import HistoryUnavailable
from buildfeed.history.store import Store
from buildfeed.topics import Filter
from gateway.state.live import SNAPSHOT_LIMIT, Live


class Snapshot:
    """Takes snapshots of the live picture, with history where the board does not reach."""

    def __init__(self, live: Live, store: Store) -> None:
        self._live = live
        self._store = store

    async def of(self, filters: Sequence[Filter]) -> dict[str, Any]:
        """Return `{"builds": [...], "more": bool}` for the builds that `filters` concern."""
        states, more = await self.states(filters)
        return {"builds": [self._live.body(state) for state in states], "more": more}

    async def states(self, filters: Sequence[Filter]) -> tuple[list[BuildState], bool]:
        """Return the builds that `filters` concern, and whether older ones are left out."""
        off_board = {
            state.key: state for filter_ in filters for state in await self._off_board(filter_)
        }
        # Read last and without waiting: no activity can come between the board and the events.
        unfinished, ended = self._live.on_board(filters)
        for state in ended:
            off_board[state.key] = state
        for state in unfinished:
            off_board.pop(state.key, None)
        newest = sorted(off_board.values(), key=lambda s: s.newest.object.build, reverse=True)
        room = max(0, SNAPSHOT_LIMIT - len(unfinished))
        return [*unfinished, *newest[:room]], len(newest) > room

    async def _off_board(self, filter_: Filter) -> list[BuildState]:
        """Return the newest ended builds that `filter_` concerns, when the board lacks some."""
        if self._live.board.complete:
            return []
        levels = [None if level in ("+", "#") else level for level in filter_.levels]
        _, project, build, *_ = [*levels, None, None]
        try:
            return await asyncio.to_thread(
                self._store.newest,
                limit=SNAPSHOT_LIMIT + 1,
                project=project,
                build=build,
                ended=True,
            )
        except HistoryUnavailable:
            return []  # `catch_up` logs it; the board alone is still worth sending
