"""PostgreSQL: the statements and settings in which it differs.

Rows travel as one array for each column: a row by itself costs the driver twice as much.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    Column,
    Connection,
    Engine,
    bindparam,
    collate,
    column,
    event,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.selectable import TableValuedAlias

from buildfeed.activity import Key
from buildfeed.history.rows import AnyRow, Values
from buildfeed.history.schema import START_ID, STATE, activities, builds, offered, starts

LIMITS: Final = {
    "connect_timeout": 3,
    "tcp_user_timeout": 5000,
    "options": "-c statement_timeout=10000",
}
"""A database out of reach fails within seconds (libpq): a call that hangs keeps its thread."""

_LOCK: Final = 0x6275696C64  # "build"; a process holds it while it upgrades


def _given(columns: Iterable[Column[Any]]) -> TableValuedAlias:
    """Return the parameters of the names of `columns`, a list of values each, as a table.

    Its further column `place` counts the rows.
    """
    values = [bindparam(each.name, type_=ARRAY(each.type)) for each in columns]
    names = [column(each.name, each.type) for each in columns]
    table = func.unnest(*values).table_valued(*names, with_ordinality="place", name="given")
    return table.render_derived()


_KEY: Final = [builds.c.project, builds.c.build]
_ACTIVITY: Final = [each for each in activities.c if each is not activities.c.number]

# Built once: to build a statement costs more than to run it.
_ADDED: Final = _given(_ACTIVITY)
_ADD: Final = (
    insert(activities)
    .from_select(_ACTIVITY, select(*_ADDED.c[:-1]).order_by(_ADDED.c.place))
    .on_conflict_do_nothing(index_elements=["id"])
)
_KEYS: Final = _given(_KEY)
_FIND: Final = select(*STATE).join_from(
    builds,
    _KEYS,
    (builds.c.project == _KEYS.c.project) & (builds.c.build == _KEYS.c.build),
)
# Project and build sort by bytes, and what is made of them would: no index of `id` does.
_OFFERED: Final = offered(collate(START_ID, "default"))
_PUT: Final = insert(builds).from_select(list(builds.c), select(*_given(builds.c).c[:-1]))
_UPDATE: Final = {each.name: _PUT.excluded[each.name] for each in builds.c}
_UPSERT: Final = _PUT.on_conflict_do_update(index_elements=_KEY, set_=_UPDATE)
_CLAIM: Final = insert(starts)
_NEW: Final = _CLAIM.excluded
_TAKE: Final = _CLAIM.on_conflict_do_update(
    index_elements=[starts.c.project, starts.c.key],
    set_={"sender": _NEW.sender, "lease": _NEW.lease},
    where=(starts.c.sender.is_(None) | (starts.c.lease < _NEW.created))
    & (starts.c.body_hash == _NEW.body_hash),
).returning(starts.c.build)


def prepare(engine: Engine) -> None:
    """Set limits, except where the URL does, on every new connection."""

    def limit(_dialect: object, _record: object, _args: object, options: dict[str, Any]) -> None:
        for name, value in LIMITS.items():
            options.setdefault(name, value)

    event.listen(engine, "do_connect", limit)


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """Give a transaction to upgrade in, which waits for others that do; raise DBAPIError."""
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # an index may take long
        yield connection


def add_activities(connection: Connection, new: Sequence[Values]) -> None:
    """Insert the rows of `activities` whose ids are not there."""
    connection.execute(_ADD, _lists(new))


def find_states(connection: Connection, keys: Sequence[Key]) -> Sequence[AnyRow]:
    """Return the rows of `builds` that are there."""
    projects, numbers = zip(*keys, strict=True)
    return connection.execute(_FIND, {"project": projects, "build": numbers}).all()


def find_offered(connection: Connection) -> Sequence[AnyRow]:
    """Return the rows of `offered`."""
    return connection.execute(_OFFERED).all()


def put_states(connection: Connection, states: Sequence[Values]) -> None:
    """Insert the rows of `builds`, or update those that are there."""
    connection.execute(_UPSERT, _lists(states))


def take_key(connection: Connection, claim: Values) -> str | None:
    """Insert the row of `starts`, or take over one that nobody vouches for; return its build."""
    build: str | None = connection.scalar(_TAKE, claim)
    return build


def _lists(rows: Sequence[Values]) -> dict[str, list[object]]:
    return {name: [row[name] for row in rows] for name in rows[0]}
