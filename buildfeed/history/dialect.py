"""The interface of a dialect: everything in which SQLite and PostgreSQL differ for the history.

`sqlite.py` and `postgresql.py` have it as modules. Every other statement is written once.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import Connection, Engine, Table

from buildfeed.activity import Key
from buildfeed.history.rows import AnyRow, Values

if TYPE_CHECKING:  # `postgresql` is imported where it is used
    from sqlalchemy.dialects import postgresql, sqlite

    Insert = sqlite.Insert | postgresql.Insert


class Dialect(Protocol):
    """One kind of database. Its functions raise DBAPIError when the database fails."""

    def insert(self, table: Table) -> "Insert":
        """Return an INSERT that can have an ON CONFLICT, which is no part of standard SQL."""

    def prepare(self, engine: Engine) -> None:
        """Set up `engine`, before its first connection; raise ValueError for a bad setting."""

    def alone(self, engine: Engine) -> AbstractContextManager[Connection]:
        """Give a transaction to upgrade the tables in, one process at a time."""

    def now(self, connection: Connection) -> datetime:
        """Return the time by a clock that all processes on the database share."""

    def identity(self, connection: Connection) -> object:
        """Return what tells the database from another that took its place."""

    def storable(self, connection: Connection, text: str) -> str:
        """Return `text` without what the database cannot store; it has no NUL."""

    def add_activities(self, connection: Connection, new: Sequence[Values]) -> None:
        """Insert those rows of `activities` whose ids are not in the table."""

    def find_states(self, connection: Connection, keys: Sequence[Key]) -> Sequence[AnyRow]:
        """Return the rows of `builds` that exist for `keys`."""

    def find_offered(self, connection: Connection) -> Sequence[AnyRow]:
        """Return the rows of the query `schema.offered`."""

    def put_states(self, connection: Connection, states: Sequence[Values]) -> None:
        """Insert rows of `builds`, or update those that exist."""
