"""The tables of the history, the same on SQLite and PostgreSQL."""

import time
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    insert,
    select,
)
from sqlalchemy.exc import DBAPIError

_metadata: Final = MetaData()
_RowNumber: Final = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER counts by itself

activities: Final = Table(
    "activities",
    _metadata,
    Column("number", _RowNumber, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("project", String, nullable=False),
    Column("build", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Index("activities_of_a_build", "project", "build", "number"),
)

builds: Final = Table(
    "builds",
    _metadata,
    Column("project", String, primary_key=True),
    Column("build", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("newest", LargeBinary, nullable=False),
    Column("stop", LargeBinary),
    Column("changed", BigInteger, nullable=False, index=True),
    Index("builds_by_age", "build", "project"),
    Index("builds_by_end", "ended", "build", "project"),
    Index("builds_by_status", "status", "build", "project"),
)

starts: Final = Table(
    "starts",
    _metadata,
    Column("project", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("build", String, nullable=False),
    Column("body_hash", String, nullable=False),
    Column("created", DateTime(timezone=True), nullable=False, index=True),
)

counter: Final = Table("counter", _metadata, Column("n", BigInteger, nullable=False))
"""One row. Its lock makes writers take turns, so change numbers become visible in order."""

_TRIES: Final = 5
_PAUSE: Final = 0.1


def create(engine: Engine) -> None:
    """Create what is absent; raise DBAPIError when that is impossible.

    Processes that start together may create at the same moment: the loser looks again.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            with engine.begin() as connection:
                _metadata.create_all(connection)
                if connection.scalar(select(counter.c.n)) is None:
                    connection.execute(insert(counter).values(n=0))
        except DBAPIError:
            if not tries_left:
                raise
            time.sleep(_PAUSE)
        else:
            return
