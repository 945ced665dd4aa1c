"""PostgreSQL: the `Dialect` for it.

Rows are sent as one array for each column: one by one they cost the driver twice the time.
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
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.selectable import TableValuedAlias

from buildfeed.activity import Key
from buildfeed.history.rows import AnyRow, Values
from buildfeed.history.schema import START_ID, STATE, activities, builds, offered

insert: Final = postgresql.insert

LIMITS: Final = {
    "connect_timeout": 3,
    "tcp_user_timeout": 5000,
    "options": "-c statement_timeout=10000",
}
"""Options of libpq: seconds to connect, milliseconds for an answer of TCP and of a statement.

With them a database out of reach fails within seconds. A call that hangs would keep its thread.
"""

_LOCK: Final = 0x6275696C64  # "build"
"""Number of the advisory lock that a process holds while it upgrades the tables."""


def _given(columns: Iterable[Column[Any]]) -> TableValuedAlias:
    """Return a table of `columns`, made of parameters of their names: a list of values each.

    It has one more column, `place`: the number of the row.
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
# Project and build have the collation "C", and an expression of them inherits it. The index of `id`
# has the default one, and is used only for a comparison in the default one.
_OFFERED: Final = offered(collate(START_ID, "default"))
_PUT: Final = insert(builds).from_select(list(builds.c), select(*_given(builds.c).c[:-1]))
_UPDATE: Final = {each.name: _PUT.excluded[each.name] for each in builds.c}
_UPSERT: Final = _PUT.on_conflict_do_update(index_elements=_KEY, set_=_UPDATE)


def prepare(engine: Engine) -> None:
    """Set LIMITS on every new connection, except those that the URL sets."""

    def limit(_dialect: object, _record: object, _args: object, options: dict[str, Any]) -> None:
        for name, value in LIMITS.items():
            options.setdefault(name, value)

    event.listen(engine, "do_connect", limit)


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """Give a transaction that holds the advisory lock."""
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # an index may take long
        yield connection


def add_activities(connection: Connection, new: Sequence[Values]) -> None:
    """Insert those rows of `activities` whose ids are not in the table."""
    connection.execute(_ADD, _lists(new))


def find_states(connection: Connection, keys: Sequence[Key]) -> Sequence[AnyRow]:
    """Return the rows of `builds` that exist for `keys`."""
    projects, names = zip(*keys, strict=True)
    return connection.execute(_FIND, {"project": projects, "build": names}).all()


def find_offered(connection: Connection) -> Sequence[AnyRow]:
    """Return the rows of the query `offered`."""
    return connection.execute(_OFFERED).all()


def put_states(connection: Connection, states: Sequence[Values]) -> None:
    """Insert rows of `builds`, or update those that exist."""
    connection.execute(_UPSERT, _lists(states))


def _lists(rows: Sequence[Values]) -> dict[str, list[object]]:
    return {name: [row[name] for row in rows] for name in rows[0]}
