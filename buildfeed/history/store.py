"""The history: every activity once, and the state of every build that they fold to."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    delete,
    false,
    func,
    insert,
    select,
    update,
)

from buildfeed.activity import Activity, Key
from buildfeed.board import BuildState, fold
from buildfeed.history import outputs, rows, turns
from buildfeed.history.audit import AuditLog
from buildfeed.history.claims import Claims
from buildfeed.history.database import Database
from buildfeed.history.kept_output import DEFAULT, Bounds
from buildfeed.history.malformed import MAX_KEPT, Malformed
from buildfeed.history.recorded_errors import RecordedErrors
from buildfeed.history.recorded_output import RecordedOutput
from buildfeed.history.schema import STATE, activities, builds, counter, malformed
from buildfeed.history.selected import selected
from buildfeed.history.statistics import Statistics
from buildfeed.history.tokens import Tokens
from buildfeed.selection import Selection

STATUS_KINDS: Final = ("start", "stop", "status")
"""The activities that change a build's status, or ask to."""

# Built once: to build a statement costs more than to run it.
_FORGET_MALFORMED: Final = delete(malformed).where(
    malformed.c.number <= select(func.max(malformed.c.number)).scalar_subquery() - MAX_KEPT
)
_CHANGE_NOTHING: Final = update(counter).values(n=counter.c.n)
_TAKE_NO_WRITE: Final = _CHANGE_NOTHING.where(false())
_CHANGES: Final = (
    select(*STATE)
    .where(builds.c.changed > bindparam("since"))
    .order_by(builds.c.changed)
    .limit(bindparam("most"))
)
_MAX_STATUSES: Final = 100  # a build has three and its stops


class Store:
    """The history in the database at `url`, which is a URL of SQLAlchemy.

    Nothing is connected before the first call. Every method blocks, may be called from several
    threads and processes at once, and raises HistoryUnavailable when the database fails. A row
    that cannot be read is logged and left out.
    """

    def __init__(self, url: str, bounds: Bounds = DEFAULT) -> None:
        self._database = Database(url)
        self._bounds = bounds

    def append(self, batch: Sequence[Activity], refused: Sequence[Malformed] = ()) -> int:
        """Store the new activities of `batch`, fold all of it, and set `refused` aside.

        All or nothing. Any order, any batching and any repetition gives the same states. A `log` is
        left out while nothing else is known of its build: every stored activity has its build.
        Output beyond the bounds is left out: returns how many bytes of it were.
        """
        left_out = 0
        new = {each.id: rows.activity_row(each) for each in batch}
        keys = list(dict.fromkeys(each.object.key for each in batch))
        with self._database.transaction() as connection:
            if keys:
                left_out = self._add(connection, batch, keys, new.values())
            if refused:
                now = datetime.now(UTC)
                storable = partial(self._database.dialect.storable, connection)
                set_aside = [each.row(now, storable) for each in refused]
                connection.execute(insert(malformed), set_aside)
                connection.execute(_FORGET_MALFORMED)
        return left_out

    def _add(
        self,
        connection: Connection,
        batch: Iterable[Activity],
        keys: Sequence[Key],
        new: Iterable[rows.Values],
    ) -> int:
        dialect = self._database.dialect
        # First, so that several recorders take turns from here on.
        last = turns.take(connection, changes=len(keys))
        found = dialect.find_states(connection, keys)
        known = {(row.project, row.build): rows.state(row) for row in found}
        states = _folded(known, batch)
        kept = [row for row in new if (row["project"], row["build"]) in states]
        left_out = outputs.add(connection, dialect, kept, self._bounds) if kept else 0
        changed = [state for key, state in states.items() if state and state is not known.get(key)]
        if changed:
            numbered = enumerate(changed, last - len(keys) + 1)
            dialect.put_states(connection, [rows.state_row(state, n) for n, state in numbered])
        return left_out

    def check(self) -> None:
        """Raise HistoryUnavailable while the database takes no writes.

        Nothing is written, so this finds a server that was demoted, and a file that may not be
        written or is locked. After a failure a row is written as it is, which also finds a disk
        that is full.
        """
        doubtful = self._database.doubtful
        with self._database.transaction() as connection:
            connection.execute(_CHANGE_NOTHING if doubtful else _TAKE_NO_WRITE)
        if doubtful:
            self._database.trust()

    def identity(self) -> object:
        """Return what tells this history from one that took its place, which counts anew."""
        with self._database.transaction() as connection:
            return self._database.dialect.identity(connection)

    def position(self) -> int:
        """Return the number of the newest change."""
        with self._database.transaction() as connection:
            return turns.position(connection)

    def changes(self, since: int, limit: int = 1000) -> tuple[list[BuildState], int]:
        """Return up to `limit` states changed after `since`, oldest change first.

        The second value is `since` for the next call.
        """
        with self._database.transaction() as connection:
            # Read before the rows, so as to miss none. It is below `since` after a backup was
            # restored; then reading goes on from there.
            position = turns.position(connection)
            found = connection.execute(_CHANGES, {"since": since, "most": limit}).all()
        return rows.states(found), found[-1].changed if found else position

    def offered(self) -> list[tuple[Activity, BuildState]]:
        """Return start and state of every unfinished build that was asked for, oldest first.

        A build without a start is reported by a program of its own: no worker was asked for it.
        """
        with self._database.transaction() as connection:
            found = self._database.dialect.find_offered(connection)
        return [
            (start, state)
            for row in found
            if (state := rows.state(row))
            for start in rows.activities([row])
        ]

    def newest(
        self,
        *,
        limit: int,
        project: str | None = None,
        selection: Selection | None = None,
        statuses: Collection[str] | None = None,
        before: tuple[str, str] | None = None,
        ended: bool | None = None,
        job: str | None = None,
    ) -> list[BuildState]:
        """Return up to `limit` states, in descending order of (build, project).

        `before` is such a pair, exclusive.
        """
        query = select(*STATE).order_by(builds.c.build.desc(), builds.c.project.desc())
        if project is not None:
            query = query.where(builds.c.project == project)
        if selection is not None:
            query = query.where(selected(selection))
        if statuses is not None:
            query = query.where(builds.c.status.in_(statuses))
        if before is not None:
            # Not as a pair: with a project, SQLite would not find it by its index.
            last = (builds.c.build == before[0]) & (builds.c.project >= before[1])
            query = query.where(builds.c.build <= before[0], ~last)
        if ended is not None:
            query = query.where(builds.c.ended.is_(ended))
        if job is not None:
            query = query.where(builds.c.job == job)
        return self._states(query.limit(limit))

    def get(self, project: str, build: str) -> BuildState | None:
        """Return the state of one build, None when it is unknown."""
        query = select(*STATE).where(builds.c.project == project, builds.c.build == build)
        return next(iter(self._states(query)), None)

    def latest_status(self, project: str) -> Activity | None:
        """Return the newest `start`, `stop` or `status` activity of the project's newest build."""
        newest_build = (
            select(builds.c.build)
            .where(builds.c.project == project)
            .order_by(builds.c.build.desc())
            .limit(1)
        )
        query = (
            select(activities.c.project, activities.c.build, activities.c.payload)
            .where(activities.c.project == project)
            .where(activities.c.build == newest_build.scalar_subquery())
            .where(activities.c.kind.in_(STATUS_KINDS))
            .order_by(activities.c.number.desc())
            .limit(_MAX_STATUSES)
        )
        with self._database.transaction() as connection:
            found = connection.execute(query).all()
        state: BuildState | None = None
        for activity in rows.activities(found):
            state = fold(state, activity)
        return state.newest if state else None

    def activities(
        self,
        project: str,
        build: str,
        kinds: Collection[str] = (),
        *,
        after: int = 0,
        limit: int = 100,
    ) -> list[tuple[int, bytes]]:
        """Return (row number, payload) of a build's activities, oldest first.

        With `kinds` of these alone. `after` is the row number to go on from.
        """
        query = (
            select(activities.c.number, activities.c.payload)
            .where(*_of_build(project, build, kinds))
            .where(activities.c.number > after)
            .order_by(activities.c.number)
            .limit(limit)
        )
        with self._database.transaction() as connection:
            return [(row.number, row.payload) for row in connection.execute(query)]

    def count_activities(self, project: str, build: str, kinds: Collection[str] = ()) -> int:
        """Return how many activities of a build there are; with `kinds` how many of these."""
        query = select(func.count()).where(*_of_build(project, build, kinds))
        with self._database.transaction() as connection:
            return connection.scalar(query) or 0

    def claims(self, sender: str) -> Claims:
        """Return the claims of starts as the process `sender` makes them."""
        return Claims(self._database, sender)

    def tokens(self) -> Tokens:
        """Return the tokens and sessions."""
        return Tokens(self._database)

    def audit(self) -> AuditLog:
        """Return the audit."""
        return AuditLog(self._database)

    def output(self) -> RecordedOutput:
        """Return the kept output."""
        return RecordedOutput(self._database)

    def errors(self) -> RecordedErrors:
        """Return the recorded errors."""
        return RecordedErrors(self._database)

    def statistics(self) -> Statistics:
        """Return the figures of many builds."""
        return Statistics(self._database)

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def _states(self, query: Select[Any]) -> list[BuildState]:
        with self._database.transaction() as connection:
            found = connection.execute(query).all()
        return rows.states(found)


def _of_build(project: str, build: str, kinds: Collection[str]) -> list[ColumnElement[bool]]:
    """Return the conditions that an activity is of a build, and of one of any `kinds`."""
    of_build = [activities.c.project == project, activities.c.build == build]
    return [*of_build, activities.c.kind.in_(kinds)] if kinds else of_build


def _folded(
    known: Mapping[Key, BuildState | None], batch: Iterable[Activity]
) -> dict[Key, BuildState | None]:
    """Return `known` after `batch`; None stands for a row that could not be read."""
    states = dict(known)
    for activity in batch:
        if activity.has_state:
            key = activity.object.key
            states[key] = fold(states.get(key), activity)
    return states
