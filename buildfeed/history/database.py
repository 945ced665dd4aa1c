"""A database, SQLite or PostgreSQL: connections, transactions, and its tables up to date.

After a failure no connection that exists is used again: a database may have been moved, replaced or
demoted, so that the next connection reaches what the old ones never will. For the same reason its
tables are looked at again.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    SQLAlchemyError,
)

from buildfeed.errors import HistoryRefused, HistoryUnavailable
from buildfeed.history import schema, sqlite
from buildfeed.history.dialect import Dialect
from buildfeed.history.url import whole_number
from buildfeed.machine.folder import FolderUnusable

POOL_SIZE: Final = 10
"""Most connections of one process, unless its URL has another `pool_size`; made when needed."""
_POOL_SECONDS: Final = 5.0
"""Seconds that a call waits for one of them; they may all hang."""


class Database:
    """The database at `url`, which is a URL of SQLAlchemy.

    Nothing is connected before the first transaction, which brings the tables up to date. May be
    used from several threads, and by several processes at once. The constructor raises
    HistoryUnavailable when the URL is wrong or a driver is missing.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
            self.engine = create_engine(
                parsed,
                hide_parameters=True,  # from logs: they are payloads
                pool_size=whole_number(parsed, "pool_size", POOL_SIZE),
                max_overflow=0,
                pool_timeout=_POOL_SECONDS,
            )
            self.dialect = dialect_of(self.engine)
            self.dialect.prepare(self.engine)
        except TypeError as exc:  # the pool of a database in memory takes none of these options
            raise HistoryUnavailable("a history needs a file") from exc
        except FolderUnusable as exc:
            raise HistoryUnavailable(str(exc).rstrip(".")) from exc
        except (ArgumentError, NoSuchModuleError, ImportError, OSError, ValueError) as exc:
            raise HistoryUnavailable(str(exc)) from exc
        event.listen(self.engine, "do_connect", _without_pool_size)
        event.listen(self.engine, "handle_error", _distrust)
        self._upgraded = False
        self._upgrading = threading.Lock()
        self.doubtful = False
        """True from a failure until `trust`."""

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give a connection in a transaction, committed at the end.

        When anything fails in the database, it is rolled back, and HistoryUnavailable is raised:
        HistoryRefused if the same statement would fail on every connection.
        """
        try:
            with self._upgrading:
                if not self._upgraded:
                    schema.upgrade(self.engine, self.dialect.alone)
                    self._upgraded = True
            with self.engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as exc:
            self._upgraded = False
            self.doubtful = True
            refused = isinstance(exc, DataError | IntegrityError)
            raise (HistoryRefused if refused else HistoryUnavailable)(_reason(exc)) from exc
        except FolderUnusable as exc:
            self._upgraded = False
            self.doubtful = True
            raise HistoryUnavailable(str(exc).rstrip(".")) from exc

    def trust(self) -> None:
        """Take note that the database has done what it could not do when it failed."""
        self.doubtful = False

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()


def dialect_of(engine: Engine) -> Dialect:
    """Return the dialect of an engine; raise HistoryUnavailable when it is of another database."""
    if engine.dialect.name == "sqlite":
        return sqlite
    if engine.dialect.name == "postgresql":
        # Only now: no process on SQLite needs it, nor the part of SQLAlchemy that it imports.
        from buildfeed.history import postgresql  # noqa: PLC0415

        return postgresql
    raise HistoryUnavailable(f"{engine.dialect.name} is neither SQLite nor PostgreSQL")


def _without_pool_size(
    _dialect: object, _record: object, _args: object, options: dict[str, Any]
) -> None:
    options.pop("pool_size", None)  # no driver knows it


def _distrust(context: ExceptionContext) -> None:
    """Have every connection that exists replaced before its next use."""
    context.is_disconnect = True


def _reason(exc: Exception) -> str:
    """Return the message of the driver, its first line: later ones show values of the statement.

    When none of several hosts could be reached, psycopg lists them below: what each of them said.
    """
    cause = exc.orig if isinstance(exc, DBAPIError) and exc.orig else exc
    first, _, rest = str(cause).partition("\n")
    hosts = [line.removeprefix("- ") for line in rest.splitlines() if line.startswith("- host: ")]
    return "; ".join(hosts) or first or type(cause).__name__
