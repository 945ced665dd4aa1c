"""Retention of what access leaves behind: the audit, tokens and sessions that are good no more."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Column, ColumnElement, delete, or_, select

from buildfeed.history.audit import KEPT
from buildfeed.history.database import Database
from buildfeed.history.schema import audit, sessions, tokens
from buildfeed.history.tokens import LONGEST, SLIDING

TOKENS_KEPT: Final = timedelta(days=365)
"""A token that was revoked or has expired is known by its name for so long."""
SESSIONS_KEPT: Final = timedelta(days=90)
"""A session that has ended."""
MAX_DELETED: Final = 500
"""Most rows deleted in one transaction: writers wait for its end."""


def sweep(database: Database, now: datetime, pause: Callable[[], bool]) -> int:
    """Remove what is not kept at `now`; return how many rows.

    `pause` is called after each transaction and tells whether to go on. Raises HistoryUnavailable.
    """
    old = now - TOKENS_KEPT
    unused = sessions.c.used < now - SESSIONS_KEPT - SLIDING
    over = sessions.c.created < now - SESSIONS_KEPT - LONGEST
    return sum(
        _remove(database, number, which, pause)
        for number, which in (
            (audit.c.number, audit.c.time < now - KEPT),
            (tokens.c.id, or_(tokens.c.revoked < old, tokens.c.expires < old)),
            (sessions.c.hash, or_(sessions.c.ended < now - SESSIONS_KEPT, unused, over)),
        )
    )


def _remove(
    database: Database,
    key: "Column[int] | Column[str]",
    which: ColumnElement[bool],
    pause: Callable[[], bool],
) -> int:
    """Remove the rows with the condition `which` from the table that has the column `key`."""
    some = select(key).where(which).limit(MAX_DELETED)
    statement = delete(key.table).where(key.in_(some))
    removed = 0
    while True:
        with database.transaction() as connection:
            last = connection.execute(statement).rowcount
        removed += last
        if last < MAX_DELETED or not pause():
            return removed
