"""SQLite: the `Dialect` for it. One file; readers go on while one process writes (WAL)."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from sqlite3 import SQLITE_BUSY, OperationalError
from sqlite3 import Connection as SQLiteConnection
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, bindparam, event, select, tuple_
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from buildfeed.activity import Key
from buildfeed.history.rows import AnyRow, Values
from buildfeed.history.schema import START_ID, STATE, activities, builds, offered
from buildfeed.machine.folder import make

insert: Final = sqlite.insert

_PATIENCE: Final = 5.0
"""Seconds that a statement waits for another process that locks the database, unless its URL has
another `timeout`."""

_RETRY: Final = 0.005
"""Seconds between two tries to switch to WAL."""

# Built once: to build a statement costs more than to run it.
_ADD: Final = insert(activities).on_conflict_do_nothing(index_elements=["id"])
_FIND: Final = select(*STATE).where(
    tuple_(builds.c.project, builds.c.build).in_(bindparam("keys", expanding=True))
)
_OFFERED: Final = offered(START_ID)
_PUT: Final = insert(builds)
_UPDATE: Final = {column.name: _PUT.excluded[column.name] for column in builds.c}
_UPSERT: Final = _PUT.on_conflict_do_update(index_elements=["project", "build"], set_=_UPDATE)


def file_of(url: URL) -> Path | None:
    """Return the file of a database; None for one in memory, or named by a `file:` URI."""
    named = url.database and url.database != ":memory:" and "uri" not in url.query
    return Path(url.database or "") if named else None


def prepare(engine: Engine) -> None:
    """Set every new connection up, and make the folder of the file; raise FolderUnusable."""
    file = Path(engine.url.database or "")
    _make_folder(file)
    event.listen(engine, "do_connect", partial(_on_do_connect, file))
    event.listen(engine, "connect", partial(_on_connect, file))
    event.listen(engine, "checkout", partial(_look, file))
    event.listen(engine, "begin", _on_begin)


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """Give a transaction that locks the database from its beginning."""
    with engine.execution_options(begin="BEGIN IMMEDIATE").begin() as connection:
        yield connection


def now(_connection: Connection) -> datetime:
    """Return the time of this machine: all processes on a file are on one."""
    return datetime.now(UTC)


def identity(connection: Connection) -> object:
    """Return device and inode of the file that is open."""
    return connection.info["file"]


def storable(_connection: Connection, text: str) -> str:
    """Return `text`, with halves of characters written out."""
    return text.encode(errors="backslashreplace").decode()


def add_activities(connection: Connection, new: Sequence[Values]) -> None:
    """Insert those rows of `activities` whose ids are not in the table."""
    connection.execute(_ADD, new)


def find_states(connection: Connection, keys: Sequence[Key]) -> Sequence[AnyRow]:
    """Return the rows of `builds` that exist for `keys`."""
    return connection.execute(_FIND, {"keys": keys}).all()


def find_offered(connection: Connection) -> Sequence[AnyRow]:
    """Return the rows of the query `offered`."""
    return connection.execute(_OFFERED).all()


def put_states(connection: Connection, states: Sequence[Values]) -> None:
    """Insert rows of `builds`, or update those that exist."""
    connection.execute(_UPSERT, states)


def _make_folder(file: Path) -> None:
    make(file.parent)


def _on_do_connect(
    file: Path, _dialect: object, _record: object, _args: object, options: dict[str, Any]
) -> None:
    """Make the file for this user alone: SQLite would let everybody read it, and its log.

    One that exists is not opened: to close it would end the locks that the other connections of
    this process have on it (https://sqlite.org/howtocorrupt.html §2.2). Another process would take
    itself for the last one then and remove the log, with all that is written to it afterwards.
    """
    _make_folder(file)  # it may have been removed since
    with suppress(OSError):  # it exists, or SQLite says why it cannot be opened
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    options.setdefault("timeout", _PATIENCE)


def _on_connect(file: Path, connection: Any, record: ConnectionPoolEntry) -> None:  # noqa: ANN401 - sqlite3's
    record.info["file"] = _identity(file)
    # Python's driver would begin late and commit around CREATE TABLE; SQLAlchemy does it instead.
    connection.isolation_level = None
    _write_ahead(connection)  # gateways read while the recorder writes
    # A commit survives a power cut: its activities are acknowledged to the broker after it.
    connection.execute("PRAGMA synchronous = FULL")


def _look(file: Path, _connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Have a connection replaced whose file was removed or replaced: what it wrote would be lost.

    SQLite itself does not notice.
    """
    if record.info["file"] != _identity(file):
        raise DisconnectionError("its file is another")


def _identity(file: Path) -> tuple[int, int] | None:
    """Return device and inode of a file, None when there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _write_ahead(connection: SQLiteConnection) -> None:
    # When two processes switch a database at the same time, SQLite refuses one at once, despite
    # busy_timeout: both have a read lock, so neither could go on if both waited.
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except OperationalError as error:
            if error.sqlite_errorcode != SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY)
        else:
            return


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
