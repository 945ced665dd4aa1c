"""The tables of the history, the same on SQLite and PostgreSQL.

`migrations/` creates them. A change here needs a migration that only adds: during an upgrade, a
process of the version before works with the tables of this one.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    inspect,
    literal,
    select,
    text,
)

log = logging.getLogger(__name__)

HEAD: Final = 6
"""The revision of these tables."""

metadata: Final = MetaData()
RowNumber: Final = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER counts by itself

_OUTPUT_ORDER: Final = "project", "build", "attempt", "begins", "number"


def _where(condition: str) -> dict[str, Any]:
    """Return the options of an index of the rows with a condition."""
    return {f"{name}_where": text(condition) for name in ("sqlite", "postgresql")}


activities: Final = Table(
    "activities",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("project", String, nullable=False),
    Column("build", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("attempt", BigInteger),
    Column("begins", BigInteger),
    Column("size", Integer),
    Column("told", BigInteger),
    Index("activities_of_a_build", "project", "build", "number"),
    Index("errors_of_a_build", "project", "build", "number", **_where("kind = 'error'")),
    Index("output_of_a_build", *_OUTPUT_ORDER, "size", "told", **_where("begins IS NOT NULL")),
)
"""Every activity of the builds in `builds`, in the order they were recorded.

Of a `log` of an attempt `begins` is the number of bytes of its output before, and `size` that of
its own; `told` are bytes before it that it says itself are left out. Of others they are null.
"""

outputs: Final = Table(
    "outputs",
    metadata,
    Column("project", String, primary_key=True),
    Column("build", String, primary_key=True),
    Column("attempt", BigInteger, primary_key=True, autoincrement=False),
    Column("ends", BigInteger, nullable=False),
    Column("kept", BigInteger, nullable=False),
    Column("cut", BigInteger),
    Column("last", BigInteger, nullable=False),
)
"""The output of each attempt, whose rows are in `activities`: the byte at which it `ends` by now,
the bytes that are `kept` of it, the `cut` between its two parts if it has two (`kept_output`), and
the `last` of the `seq` of its pieces."""

builds: Final = Table(
    "builds",
    metadata,
    Column("project", String, primary_key=True),
    Column("build", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("newest", LargeBinary, nullable=False),
    Column("stop", LargeBinary),
    Column("changed", BigInteger, nullable=False, index=True),
    Column("job", String),
    Column("seconds", Float),
    Index("builds_by_age", "build", "project"),
    Index("builds_by_job", "project", "job", "build"),
    Index("builds_by_end", "ended", "build", "project"),
    Index("builds_by_status", "status", "build", "project"),
)
"""The folded state of each build; `changed` is the number of its last change, `seconds` how long it
took, if it has ended and both times are known."""

STATE: Final = (
    builds.c.project,
    builds.c.build,
    builds.c.newest,
    builds.c.stop,
    builds.c.changed,
)
"""The columns that `rows.state` reads."""

START_ID: Final = literal("urn:buildfeed:") + builds.c.project + ":" + builds.c.build + ":0.0"
"""The id of the start of a build, its activity `(0, 0)`."""


def offered(start_id: ColumnElement[str]) -> Select[Any]:
    """Return the query of the unfinished builds that have a start: STATE and its `payload`.

    As a subquery, so that the index of `activities.id` is asked for each: a planner that knows
    little of the tables would rather read all activities for a join.
    """
    start = select(activities.c.payload).where(
        activities.c.id == start_id, activities.c.kind == "start"
    )
    payload = start.scalar_subquery()
    return (
        select(*STATE, payload.label("payload"))
        .where(builds.c.ended.is_(False), payload.is_not(None))
        .order_by(builds.c.build, builds.c.project)
    )


counter: Final = Table("counter", metadata, Column("n", BigInteger, nullable=False))
"""One row. Its lock makes writers take turns, so change numbers become visible in order."""

marks: Final = Table(
    "marks",
    metadata,
    Column("changed", BigInteger, primary_key=True, autoincrement=False),
    Column("time", DateTime(timezone=True), nullable=False),
)
"""The value of `counter` at moments in the past, by which retention finds old builds."""

starts: Final = Table(
    "starts",
    metadata,
    Column("project", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("build", String, nullable=False),
    Column("body_hash", String, nullable=False),
    Column("created", DateTime(timezone=True), nullable=False, index=True),
    Column("sender", String),
    Column("lease", DateTime(timezone=True)),
    Index("starts_of_a_build", "project", "build"),
)
"""The builds that an `Idempotency-Key` belongs to; `claims` says what a row means.

`sender` is the process that alone may send the start until the time `lease`.
"""

malformed: Final = Table(
    "malformed",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("time", DateTime(timezone=True), nullable=False),
    Column("topic", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)
"""The newest payloads that are no activities, cut short."""


tokens: Final = Table(
    "tokens",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False, index=True),
    Column("hash", String, nullable=False, unique=True),
    Column("grants", String, nullable=False),
    Column("created", DateTime(timezone=True), nullable=False),
    Column("expires", DateTime(timezone=True)),
    Column("revoked", DateTime(timezone=True)),
    Column("used", DateTime(timezone=True)),
    Column("changed", BigInteger, nullable=False, index=True),
)
"""Who may do what: `grants` are texts with spaces between them, `hash` is the SHA-256 of the
secret in hexadecimal digits, `changed` the number of the last change that gateways have to know."""

sessions: Final = Table(
    "sessions",
    metadata,
    Column("hash", String, primary_key=True),
    Column("token", String, nullable=False, index=True),
    Column("created", DateTime(timezone=True), nullable=False),
    Column("used", DateTime(timezone=True), nullable=False),
    Column("ended", DateTime(timezone=True)),
    Column("changed", BigInteger, nullable=False, index=True),
    Column("name", String, index=True),
    Column("grants", String),
    Column("ends", DateTime(timezone=True)),
)
"""The browsers that are signed in, each by a token; `hash` is the SHA-256 of its cookie. One of an
OpenID provider has a `name` and `grants` of its own, until it `ends`."""

audit: Final = Table(
    "audit",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("time", DateTime(timezone=True), nullable=False, index=True),
    Column("principal", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("address", String, nullable=False),
    Column("outcome", String, nullable=False),
)
"""Who did what from where, and what came of it; kept for a year."""


def revision(connection: Connection) -> int:
    """Return the revision of the tables in a database, 0 where Alembic has made none."""
    if not inspect(connection).has_table("alembic_version"):
        return 0
    return int(connection.scalar(text("SELECT version_num FROM alembic_version")) or 0)


def upgrade(engine: Engine, alone: Callable[[Engine], AbstractContextManager[Connection]]) -> None:
    """Bring the tables up to date; raise DBAPIError when that is impossible.

    Processes that start together may all try: `alone` gives one after the other a transaction.
    """
    with engine.begin() as connection:
        if revision(connection) >= HEAD:
            return
    # Only now, as it takes half a second to import.
    from buildfeed.history.migrations import upgrade as migrate  # noqa: PLC0415

    with alone(engine) as connection:
        if (before := revision(connection)) < HEAD:
            migrate(connection)
            log.info("history.upgraded", extra={"before": before, "now": HEAD})
