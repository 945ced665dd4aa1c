"""The history: every activity once, and the state of every build that they fold to."""

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import (
    Connection,
    Select,
    bindparam,
    create_engine,
    delete,
    insert,
    make_url,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from buildfeed.activity import Activity
from buildfeed.board import BuildState, Key, fold
from buildfeed.errors import HistoryUnavailable
from history import rows, schema, sqlite
from history.schema import activities, builds, counter, starts

KEY_LIFETIME: Final = timedelta(hours=24)

STATUS_KINDS: Final = ("start", "stop", "status")
"""The activities that change a build's status, or ask to."""

_STATE: Final = (
    builds.c.project,
    builds.c.build,
    builds.c.newest,
    builds.c.stop,
    builds.c.changed,
)

# Built once: to build a statement costs more than to run it.
_TAKE_TURN: Final = (
    update(counter).values(n=counter.c.n + bindparam("changes")).returning(counter.c.n)
)
_KNOWN_IDS: Final = select(activities.c.id).where(
    activities.c.id.in_(bindparam("ids", expanding=True))
)
_KNOWN_STATES: Final = select(*_STATE).where(
    tuple_(builds.c.project, builds.c.build).in_(bindparam("keys", expanding=True))
)
_UPDATE_STATE: Final = (
    update(builds)
    .where(builds.c.project == bindparam("of_project"), builds.c.build == bindparam("of_build"))
    .values({name: bindparam(name) for name in ("status", "ended", "newest", "stop", "changed")})
)
_MAX_STATUSES: Final = 100  # a build has three and its stops


class Claim(msgspec.Struct, frozen=True):
    """The build that an `Idempotency-Key` belongs to; `new` when it does only since now."""

    build: str
    body_hash: str
    new: bool


_POSTGRESQL_LIMITS: Final[dict[str, Any]] = {
    "connect_timeout": 3,
    "tcp_user_timeout": 5000,
    "options": "-c statement_timeout=10000",
}
"""A database out of reach fails within seconds (libpq): a call that hangs keeps its thread."""


class Store:
    """The history in the database at `url`, as SQLAlchemy writes it.

    Nothing is connected before the first call, which creates the schema where it is absent.
    Every method blocks, may be called from several threads and processes at once, and raises
    HistoryUnavailable when the database fails. A row that cannot be read is logged and left out.
    """

    def __init__(self, url: str) -> None:
        try:
            # Parameters are payloads, which belong in no log.
            self._engine = create_engine(
                url,
                hide_parameters=True,
                pool_pre_ping=True,
                connect_args=_POSTGRESQL_LIMITS if _is_postgresql(url) else {},
            )
            if self._engine.dialect.name == "sqlite":
                sqlite.prepare(self._engine)
        except (ArgumentError, ImportError, OSError) as exc:
            raise HistoryUnavailable(str(exc)) from exc
        self._created = False
        self._creating = threading.Lock()

    def append(self, batch: Sequence[Activity]) -> None:
        """Store what is new in `batch` and fold all of it, in one transaction.

        Any order, any batching and any repetition gives the same states.
        """
        new = {row["id"]: row for row in map(rows.activity_row, batch)}
        foldable = [activity for activity in batch if activity.kind != "log"]
        keys = list(dict.fromkeys(map(_key, foldable)))
        with self._transaction() as connection:
            # First, so that from here on several recorders take turns.
            last = connection.execute(_TAKE_TURN, {"changes": len(keys)}).scalar_one()
            for known_id in connection.scalars(_KNOWN_IDS, {"ids": list(new)}).all():
                del new[known_id]
            if new:
                connection.execute(insert(activities), list(new.values()))
            if keys:
                _fold(connection, foldable, keys, last - len(keys))

    def position(self) -> int:
        """Return the number of the newest change."""
        with self._transaction() as connection:
            return _position(connection)

    def changes(self, since: int, limit: int = 1000) -> tuple[list[BuildState], int]:
        """Return up to `limit` states changed after `since`, oldest change first.

        The second value is `since` for the next call.
        """
        query = select(*_STATE).where(builds.c.changed > since).order_by(builds.c.changed)
        with self._transaction() as connection:
            # Read before the rows, so as to miss none. It is below `since` where a backup was
            # restored, and then counts again from there.
            position = _position(connection)
            found = connection.execute(query.limit(limit)).all()
        return rows.states(found), found[-1].changed if found else position

    def unfinished(self) -> list[BuildState]:
        """Return every build that has not ended, oldest first."""
        query = select(*_STATE).where(builds.c.ended.is_(False))
        return self._states(query.order_by(builds.c.build, builds.c.project))

    def newest(
        self,
        *,
        limit: int,
        project: str | None = None,
        build: str | None = None,
        statuses: Collection[str] | None = None,
        before: str | None = None,
        ended: bool | None = None,
    ) -> list[BuildState]:
        """Return up to `limit` states, newest build id first; `before` is exclusive."""
        query = select(*_STATE).order_by(builds.c.build.desc(), builds.c.project.desc())
        if project is not None:
            query = query.where(builds.c.project == project)
        if build is not None:
            query = query.where(builds.c.build == build)
        if statuses is not None:
            query = query.where(builds.c.status.in_(statuses))
        if before is not None:
            query = query.where(builds.c.build < before)
        if ended is not None:
            query = query.where(builds.c.ended.is_(ended))
        return self._states(query.limit(limit))

    def get(self, project: str, build: str) -> BuildState | None:
        """Return the state of one build, None when it is unknown."""
        return next(iter(self.newest(limit=1, project=project, build=build)), None)

    def latest(self, project: str) -> BuildState | None:
        """Return the state of the newest build of `project`, None when it has none."""
        return next(iter(self.newest(limit=1, project=project)), None)

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
        with self._transaction() as connection:
            found = connection.execute(query).all()
        state: BuildState | None = None
        for activity in rows.activities(found):
            state = fold(state, activity)
        return state.newest if state else None

    def activities(
        self, project: str, build: str, *, after: int = 0, limit: int = 100
    ) -> list[tuple[int, bytes]]:
        """Return (row number, payload) of a build's activities, oldest first.

        `after` is the row number to go on from.
        """
        query = (
            select(activities.c.number, activities.c.payload)
            .where(activities.c.project == project, activities.c.build == build)
            .where(activities.c.number > after)
            .order_by(activities.c.number)
            .limit(limit)
        )
        with self._transaction() as connection:
            return [(row.number, row.payload) for row in connection.execute(query)]

    def claim(self, project: str, key: str, build: str, body_hash: str, now: datetime) -> Claim:
        """Give `key` to `build` unless a start of the last 24 h has it; return whose it is."""
        row = {"project": project, "key": key, "build": build, "body_hash": body_hash}
        known = select(starts.c.build, starts.c.body_hash).where(
            starts.c.project == project, starts.c.key == key
        )
        try:
            with self._transaction() as connection:
                connection.execute(delete(starts).where(starts.c.created < now - KEY_LIFETIME))
                connection.execute(insert(starts).values(**row, created=now))
        except HistoryUnavailable as exc:
            if not isinstance(exc.__cause__, IntegrityError):
                raise
        else:
            return Claim(build, body_hash, new=True)
        with self._transaction() as connection:
            owner = connection.execute(known).one()
        return Claim(owner.build, owner.body_hash, new=False)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _states(self, query: Select[Any]) -> list[BuildState]:
        with self._transaction() as connection:
            found = connection.execute(query).all()
        return rows.states(found)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._creating:
                if not self._created:
                    schema.create(self._engine)
                    self._created = True
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as exc:
            raise HistoryUnavailable(_reason(exc)) from exc


def _is_postgresql(url: str) -> bool:
    return make_url(url).get_backend_name() == "postgresql"


def _key(activity: Activity) -> Key:
    return activity.object.project, activity.object.build


def _position(connection: Connection) -> int:
    number: int = connection.execute(select(counter.c.n)).scalar_one()
    return number


def _fold(
    connection: Connection, batch: Sequence[Activity], keys: Sequence[Key], change: int
) -> None:
    """Fold `batch` into the states of `keys`; number the changed ones from `change` + 1."""
    found = connection.execute(_KNOWN_STATES, {"keys": keys})
    known = {(row.project, row.build): rows.state(row) for row in found}
    states = dict(known)
    for activity in batch:
        states[_key(activity)] = fold(states.get(_key(activity)), activity)
    new, changed = [], []
    for key in keys:
        state = states[key]
        if state is None or state is known.get(key):
            continue
        change += 1
        row = rows.state_row(state, change)
        if key in known:
            changed.append(row | {"of_project": row.pop("project"), "of_build": row.pop("build")})
        else:
            new.append(row)
    if new:
        connection.execute(insert(builds), new)
    if changed:
        connection.execute(_UPDATE_STATE, changed)


def _reason(exc: SQLAlchemyError) -> str:
    """Return the driver's own words: neither the statement nor, on later lines, its values."""
    cause = exc.orig if isinstance(exc, DBAPIError) and exc.orig else exc
    return str(cause).partition("\n")[0] or type(cause).__name__
