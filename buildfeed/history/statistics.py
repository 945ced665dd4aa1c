"""What the history knows of many builds: of each project, and how long those of a job took."""

from collections.abc import Sequence
from typing import Final, get_args

import msgspec
from sqlalchemy import Connection, func, select

from buildfeed.activity import Status
from buildfeed.board import BuildState
from buildfeed.history import rows
from buildfeed.history.database import Database
from buildfeed.history.schema import STATE, builds
from buildfeed.history.selected import selected
from buildfeed.selection import Selection
from buildfeed.times import LONGEST_SECONDS

SUCCEEDED: Final = "succeeded"
_STATUSES: Final = get_args(Status)
_MOST_DURATIONS: Final = 100
"""Builds of a project whose durations are looked at."""


class Figures(msgspec.Struct, frozen=True):
    """A project: its newest build, how many are in each status, the seconds of good ones."""

    project: str
    newest: BuildState | None
    statuses: dict[str, int]
    seconds: list[float]


class Statistics:
    """Figures of the builds in `database`.

    Every method blocks, may be called from several threads, and raises HistoryUnavailable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def durations(self, project: str, job: str | None, most: int) -> list[tuple[str, float]]:
        """Return id and seconds of the newest builds of a job that succeeded, up to `most`.

        Without those of over a year, whose times are made up.
        """
        query = (
            select(builds.c.build, builds.c.seconds)
            .where(builds.c.project == project, builds.c.job == job)
            .where(builds.c.status == SUCCEEDED, builds.c.seconds <= LONGEST_SECONDS)
            .order_by(builds.c.build.desc())
            .limit(most)
        )
        with self._database.transaction() as connection:
            return [(row.build, row.seconds) for row in connection.execute(query)]

    def projects(self, selection: Selection, *, since: str, after: str, most: int) -> list[Figures]:
        """Return the projects with selected builds, those behind `after`, by their names.

        Of the others than the newest only builds count whose id is not below `since`.
        """
        names = (
            select(builds.c.project)
            .where(selected(selection), builds.c.project > after)
            .group_by(builds.c.project)
            .order_by(builds.c.project)
            .limit(most)
        )
        with self._database.transaction() as connection:
            projects = connection.scalars(names).all()
            statuses = _statuses(connection, selection, since, projects)
            return [
                Figures(
                    project,
                    _newest(connection, selection, project),
                    statuses.get(project, {}),
                    _seconds(connection, selection, project, since),
                )
                for project in projects
            ]


def _statuses(
    connection: Connection, selection: Selection, since: str, projects: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Return how many builds of `projects`, a page, are in each status; an index has all of it.

    A page is a range of names. With a list of them SQLite would read the table, which takes longer.
    """
    if not projects:
        return {}
    query = (
        select(builds.c.project, builds.c.status, func.count().label("builds"))
        .where(selected(selection), builds.c.build >= since)
        .where(builds.c.status.in_(_STATUSES))  # all of them: an index begins with the status
        .where(builds.c.project.between(projects[0], projects[-1]))
        .group_by(builds.c.project, builds.c.status)
    )
    found: dict[str, dict[str, int]] = {}
    for row in connection.execute(query):
        found.setdefault(row.project, {})[row.status] = row.builds
    return found


def _newest(connection: Connection, selection: Selection, project: str) -> BuildState | None:
    query = (
        select(*STATE)
        .where(builds.c.project == project, selected(selection))
        .order_by(builds.c.build.desc())
        .limit(1)
    )
    return next(iter(rows.states(connection.execute(query))), None)


def _seconds(connection: Connection, selection: Selection, project: str, since: str) -> list[float]:
    query = (
        select(builds.c.seconds)
        .where(builds.c.project == project, selected(selection), builds.c.build >= since)
        .where(builds.c.status == SUCCEEDED, builds.c.seconds.is_not(None))
        .order_by(builds.c.build.desc())
        .limit(_MOST_DURATIONS)
    )
    return list(connection.scalars(query))
