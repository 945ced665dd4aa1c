"""The snapshot: what a watcher sees first. Every unfinished build, then the newest ended."""

from collections.abc import Sequence
from typing import Any

from buildfeed.board import BuildState
from buildfeed.topics import Filter
from gateway.sources.catch_up import CatchUp
from gateway.state.live import SNAPSHOT_LIMIT, Live


class Snapshot:
    """Takes snapshots of the live picture, with history where the board does not reach."""

    def __init__(self, live: Live, catch_up: CatchUp) -> None:
        self._live = live
        self._catch_up = catch_up

    async def of(self, filters: Sequence[Filter]) -> dict[str, Any]:
        """Return `{"builds": [...], "more": bool}` for the builds that `filters` concern."""
        states, more = await self.states(filters)
        return {"builds": [self._live.view(state) for state in states], "more": more}

    async def states(self, filters: Sequence[Filter]) -> tuple[list[BuildState], bool]:
        """Return the builds that `filters` concern, and whether older ones are left out."""
        off_board = {
            state.key: state
            for filter_ in filters
            for state in await self._catch_up.off_board(filter_)
        }
        # The board is read last and without waiting: nothing can slip in between it and the
        # events that follow.
        unfinished, ended = self._live.on_board(filters)
        for state in ended:
            off_board[state.key] = state
        for state in unfinished:
            off_board.pop(state.key, None)
        newest = sorted(off_board.values(), key=lambda s: s.newest.object.build, reverse=True)
        room = max(0, SNAPSHOT_LIMIT - len(unfinished))
        return [*unfinished, *newest[:room]], len(newest) > room
