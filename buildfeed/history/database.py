"""A database, SQLite or PostgreSQL: connections, transactions, and its tables up to date."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from buildfeed.errors import HistoryUnavailable
from buildfeed.history import postgresql, schema, sqlite
from buildfeed.history.dialect import Dialect
from buildfeed.machine.folder import FolderUnusable

DIALECTS: Final[dict[str, Dialect]] = {"sqlite": sqlite, "postgresql": postgresql}


class Database:
    """The database at `url`, which is a URL of SQLAlchemy.

    Nothing is connected before the first transaction, which brings the tables up to date. May be
    used from several threads, and by several processes at once. The constructor raises
    HistoryUnavailable when the URL is wrong or a driver is missing.
    """

    def __init__(self, url: str) -> None:
        try:
            # Parameters are hidden from logs: they are payloads.
            self.engine = create_engine(url, hide_parameters=True, pool_pre_ping=True)
            self.dialect = DIALECTS[self.engine.dialect.name]
            self.dialect.prepare(self.engine)
        except KeyError as exc:
            raise HistoryUnavailable(f"{exc.args[0]} is neither SQLite nor PostgreSQL") from exc
        except FolderUnusable as exc:
            raise HistoryUnavailable(str(exc).rstrip(".")) from exc
        except (ArgumentError, ImportError, OSError, TypeError) as exc:
            raise HistoryUnavailable(str(exc)) from exc
        self._upgraded = False
        self._upgrading = threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give a connection in a transaction, committed at the end.

        When anything fails in the database, it is rolled back, and HistoryUnavailable is raised.
        """
        try:
            with self._upgrading:
                if not self._upgraded:
                    schema.upgrade(self.engine, self.dialect.alone)
                    self._upgraded = True
            with self.engine.begin() as connection:
                yield connection
        except SQLAlchemyError as exc:
            self._upgraded = False  # the next one looks: it may be another database by then
            raise HistoryUnavailable(_reason(exc)) from exc
        except FolderUnusable as exc:
            raise HistoryUnavailable(str(exc).rstrip(".")) from exc

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()


def _reason(exc: SQLAlchemyError) -> str:
    """Return the message of the driver, its first line: later ones show values of the statement."""
    cause = exc.orig if isinstance(exc, DBAPIError) and exc.orig else exc
    return str(cause).partition("\n")[0] or type(cause).__name__
