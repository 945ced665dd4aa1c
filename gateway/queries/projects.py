"""Projects: their newest builds, how the last ones went, and the jobs that workers offer.

Figures are those of the history; the newest build may be one that only the board knows yet.
"""

from datetime import datetime, timedelta
from itertools import chain
from statistics import median
from typing import Final

import msgspec

from buildfeed import names
from buildfeed.board import BuildState, merge
from buildfeed.history.statistics import SUCCEEDED, Figures, Statistics
from buildfeed.selection import Selection
from gateway.answered import answered
from gateway.state.live import Live

PERIOD: Final = timedelta(days=30)
"""How far back builds count."""
_OUTCOMES: Final = SUCCEEDED, "failed"


class Project(msgspec.Struct, frozen=True):
    """A project.

    `succeeded` is the share of the builds that ended by themselves, `seconds` the median of what
    those took that succeeded; None without any.
    """

    project: str
    newest: BuildState | None
    builds: int
    succeeded: float | None
    seconds: float | None


class Projects:
    """Reads the board of the live picture and the history."""

    def __init__(self, live: Live, statistics: Statistics) -> None:
        self._live = live
        self._statistics = statistics

    async def page(
        self, selection: Selection, offered: set[str], now: datetime, *, after: str, most: int
    ) -> tuple[list[Project], str | None]:
        """Return up to `most` projects behind the name `after`, and the last name if more follow.

        Those with selected builds, and those in `offered`. Raises HistoryUnavailable.
        """
        recorded = await answered(
            self._statistics.projects,
            selection,
            since=names.first_id(int((now - PERIOD).timestamp() * 1000)),
            after=after,
            most=most + 1,
        )
        figures = {each.project: each for each in recorded}
        newest = self._newest_on_board(selection, after)
        known = sorted({*figures, *newest, *(name for name in offered if name > after)})
        shown = known[:most]
        found = [_project(name, figures.get(name), newest.get(name)) for name in shown]
        return found, shown[-1] if len(known) > most else None

    def _newest_on_board(self, selection: Selection, after: str) -> dict[str, BuildState]:
        newest: dict[str, BuildState] = {}
        board, everything = self._live.board, selection.everything
        for state in chain(board.unfinished(), board.ended()):
            project, build = state.key
            known = newest.get(project)
            newer = project > after and (known is None or _id(known) < build)
            if newer and (everything or state.key in selection):
                newest[project] = state
        return newest


def _project(name: str, figures: Figures | None, on_board: BuildState | None) -> Project:
    newest = figures.newest if figures else None
    if on_board and newest and _id(on_board) == _id(newest):
        newest = merge(newest, on_board)
    elif on_board and (newest is None or _id(on_board) > _id(newest)):
        newest = on_board
    statuses = figures.statuses if figures else {}
    ended = sum(statuses.get(each, 0) for each in _OUTCOMES)
    seconds = figures.seconds if figures else []
    return Project(
        name,
        newest,
        builds=sum(statuses.values()),
        succeeded=round(statuses.get(SUCCEEDED, 0) / ended, 4) if ended else None,
        seconds=median(seconds) if seconds else None,
    )


def _id(state: BuildState) -> str:
    return state.newest.object.build
