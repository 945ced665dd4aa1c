"""The audit: who did what from where, and what came of it; in the table `audit`."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Row, insert, select

from buildfeed.history.database import Database
from buildfeed.history.schema import audit
from buildfeed.text import printable

KEPT: Final = timedelta(days=365)
"""How long a deed is kept."""
MAX_TEXT: Final = 200
"""Characters kept of each text."""
_PAGE: Final = 1000
"""Deeds read in one transaction."""


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a principal did, or was refused.

    `action` is a word such as `start`, `subject` what it was done to, `address` from where, and
    `outcome` is `accepted` or the name of the problem that it was refused with.
    """

    principal: str
    action: str
    subject: str = ""
    address: str = ""
    outcome: str = "accepted"


class Recorded(Deed, frozen=True, kw_only=True):
    """A deed as it was recorded, with its time by the clock of the database."""

    time: datetime


class AuditLog:
    """The audit in `database`.

    Every method blocks, may be called from several threads, and raises HistoryUnavailable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, deeds: Sequence[tuple[Deed, timedelta]]) -> None:
        """Record deeds, each done so long ago."""
        with self._database.transaction() as connection:
            dialect = self._database.dialect
            now = dialect.now(connection)
            found = [
                {
                    name: dialect.storable(connection, printable(text)[:MAX_TEXT])
                    for name, text in msgspec.structs.asdict(deed).items()
                }
                | {"time": now - age}
                for deed, age in deeds
            ]
            if found:
                connection.execute(insert(audit), found)

    def since(self, age: timedelta) -> Iterator[Recorded]:
        """Yield what was done in the time `age` until now, oldest first."""
        with self._database.transaction() as connection:
            place = self._database.dialect.now(connection) - age, -1
        while True:
            time, number = place
            read = (audit.c.time == time) & (audit.c.number <= number)
            query = (
                select(audit)
                .where(audit.c.time >= time, ~read)
                .order_by(audit.c.time, audit.c.number)
                .limit(_PAGE)
            )
            with self._database.transaction() as connection:
                rows = connection.execute(query).all()
            for row in rows:
                yield _recorded(row)
            if len(rows) < _PAGE:
                return
            place = rows[-1].time, rows[-1].number


def _recorded(row: Row[Any]) -> Recorded:
    time: datetime = row.time
    return Recorded(
        time=time if time.tzinfo else time.replace(tzinfo=UTC),  # SQLite has no time zones
        principal=row.principal,
        action=row.action,
        subject=row.subject,
        address=row.address,
        outcome=row.outcome,
    )
