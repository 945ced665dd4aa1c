"""PostgreSQL: the `Dialect` for it.

Rows are sent as one array for each column: one by one they cost the driver twice the time.
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, Final, cast

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
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.sql.selectable import TableValuedAlias

from buildfeed.activity import Key
from buildfeed.history.rows import AnyRow, Values
from buildfeed.history.schema import START_ID, STATE, activities, builds, offered
from buildfeed.history.url import whole_number

insert: Final = postgresql.insert

_CONNECTION: Final = {
    "connect_timeout": ("PGCONNECT_TIMEOUT", 3),
    "tcp_user_timeout": (None, 5000),
    "keepalives_idle": (None, 10),
    "keepalives_interval": (None, 5),
    "keepalives_count": (None, 3),
    "fallback_application_name": (None, "buildfeed"),
}
"""Options of libpq, unless the URL has them or the environment has the variable that is named.

Seconds to connect, milliseconds and probes for an answer of TCP: with them a database out of reach
fails within seconds. A call that hangs would keep its thread.
"""

STATEMENT_MS: Final = 10_000
"""Milliseconds for a statement, unless the URL has another `statement_timeout`."""
_IDLE_MS: Final = 20_000
"""Milliseconds that a transaction may do nothing: one of a frozen process would lock others out."""
_STALE_SECONDS: Final = 3.0
"""Age from which a connection to a server that takes no writes is replaced: the next may reach its
successor. A younger one is used all the same, as old builds can be read there."""

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
    """Set up every new connection and every transaction, so that a pooler may stand between.

    A pooler in transaction mode (PgBouncer) gives each transaction another session. So nothing here
    belongs to a session: time limits are those of a transaction, statements are never prepared, and
    locks end with their transaction.
    """
    limit = whole_number(engine.url, "statement_timeout", STATEMENT_MS)
    begin = f"BEGIN; SET LOCAL idle_in_transaction_session_timeout = {_IDLE_MS}"
    if "statement_timeout" not in str(engine.url.query.get("options", "")):
        begin += f"; SET LOCAL statement_timeout = {limit}"

    event.listen(engine, "do_connect", _complete)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "checkout", partial(_look, engine.dialect.loaded_dbapi.Error))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))


def _complete(_dialect: object, _record: object, _args: object, options: dict[str, Any]) -> None:
    options.pop("statement_timeout", None)  # no option of libpq
    for name, (variable, value) in _CONNECTION.items():
        if variable is None or variable not in os.environ:
            options.setdefault(name, value)
    # The server converts from and to its own encoding; the driver knows only some of them.
    options["client_encoding"] = "UTF8"
    options["prepare_threshold"] = None


def _on_connect(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    connection.autocommit = True  # the event "begin" begins, at once with its limits
    record.info.update(connected=time.monotonic(), new=True)


def _look(
    error: type[Exception],
    connection: DBAPIConnection,
    record: ConnectionPoolEntry,
    _proxy: PoolProxiedConnection,
) -> None:
    """Have a connection replaced that is broken, or whose server has been demoted."""
    cursor = connection.cursor()
    try:
        cursor.execute("SHOW transaction_read_only")
        (read_only,) = cursor.fetchone() or ("",)
    except error as exc:
        raise DisconnectionError(str(exc)) from exc
    new = record.info.pop("new", False)
    stale = time.monotonic() - record.info["connected"] > _STALE_SECONDS
    if read_only == "on" and stale and not new:
        raise DisconnectionError("its server takes no writes")


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """Give a transaction that holds the advisory lock."""
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # an index may take long
        yield connection


def now(connection: Connection) -> datetime:
    """Return the time of the server, which all processes share."""
    moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return moment


def identity(connection: Connection) -> object:
    """Return the number of the database, which a standby has too, and one made anew has not."""
    return connection.exec_driver_sql(
        "SELECT oid FROM pg_database WHERE datname = current_database()"
    ).scalar_one()


def storable(connection: Connection, text: str) -> str:
    """Return `text` as the database can store it: most encodings have but few characters."""
    info = cast(Any, connection.connection.driver_connection).info
    if info.parameter_status("server_encoding") != "UTF8":
        return text.encode("ascii", "backslashreplace").decode()
    return text.encode(errors="backslashreplace").decode()


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
