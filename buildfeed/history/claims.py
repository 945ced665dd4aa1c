"""Claims: which build an `Idempotency-Key` belongs to, and which process may send its start.

A row of the table `starts` is a claim. Its `sender` is the process whose turn it is to send the
start; the turn is a lease, which the sender renews while it works. The row says one of these:

| sender | lease | the start |
|---|---|---|
| set | in the future | is being sent, or undone, by the sender |
| set | in the past | may have been sent: its sender is silent, and any process may take over |
| none | none | was not sent: any process may take over |
| set | none | was sent: nobody sends it again |

Two processes never have the turn together, because one statement (`_taking`) both looks at a row
and takes it, and the database runs such statements on one row one after the other. Relied on: the
row lock of an upsert. All times are those of one clock, which the processes share: the clocks of
their machines may differ.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from sqlalchemy import Table, bindparam, delete, or_, select, update
from sqlalchemy.sql.dml import ReturningInsert

from buildfeed.history.database import Database
from buildfeed.history.schema import starts

if TYPE_CHECKING:
    from buildfeed.history.dialect import Insert

KEY_LIFETIME: Final = timedelta(hours=24)
"""A key belongs to its build for this time; then it is free."""
LEASE: Final = timedelta(seconds=15)
"""A lease that is not renewed expires after this."""

Turn = Literal["first", "again", "taken", "sent"]
Ending = Literal["sent", "unsent", "undone"]

# Built once: to build a statement costs more than to run it.
_FORGET: Final = delete(starts).where(
    starts.c.created < bindparam("expired"),
    or_(starts.c.lease.is_(None), starts.c.lease < bindparam("now")),
)
_FIND: Final = select(starts.c.build, starts.c.body_hash, starts.c.lease).where(
    starts.c.project == bindparam("project"), starts.c.key == bindparam("key")
)
_KNOWN: Final = select(starts.c.build).where(
    starts.c.project == bindparam("project"),
    starts.c.key == bindparam("key"),
    starts.c.created >= bindparam("expired"),
)
_OURS: Final = (
    (starts.c.project == bindparam("in_project"))
    & (starts.c.key == bindparam("with_key"))
    & (starts.c.sender == bindparam("by"))
)
_RENEW: Final = update(starts).where(_OURS).values(lease=bindparam("until"))
_END: Final = {
    "sent": update(starts).where(_OURS).values(lease=None),
    "unsent": update(starts).where(_OURS).values(lease=None, sender=None),
    "undone": delete(starts).where(_OURS),
}


def _taking(insert: "Callable[[Table], Insert]") -> ReturningInsert[str]:
    """Return the statement that inserts a row of `starts`, or takes over its turn if that is free.

    It returns the build of the row, and no row when the turn is another's, or the body differs.
    """
    new = insert(starts)
    return new.on_conflict_do_update(
        index_elements=[starts.c.project, starts.c.key],
        set_={"sender": new.excluded.sender, "lease": new.excluded.lease},
        where=(starts.c.sender.is_(None) | (starts.c.lease < new.excluded.created))
        & (starts.c.body_hash == new.excluded.body_hash),
    ).returning(starts.c.build)


class Claim(msgspec.Struct, frozen=True):
    """The build that `key` belongs to, and whose turn it is to send its start.

    `first`: the turn of the caller, as the key was never used. `again`: also the turn of the
    caller, as the start was not sent, or its sender is silent; in the second case the build may be
    running. `taken`: the turn of another process, which sends or undoes the start now. `sent`:
    nobody's turn, as the start was sent.
    """

    project: str
    key: str
    build: str
    body_hash: str
    turn: Turn


class Claims:
    """The claims in `database`, as the process `sender` sees and makes them.

    Every method blocks, may be called from several threads, and raises HistoryUnavailable.
    """

    def __init__(self, database: Database, sender: str) -> None:
        self._database = database
        self._sender = sender
        self._take = _taking(database.dialect.insert)
        self._now = database.dialect.now

    def known(self, project: str, key: str) -> bool:
        """Tell whether a start of the last 24 h has `key`; nothing is written."""
        with self._database.transaction() as connection:
            row = {"project": project, "key": key, "expired": self._now(connection) - KEY_LIFETIME}
            return connection.execute(_KNOWN, row).first() is not None

    def take(self, project: str, key: str, build: str, body_hash: str) -> Claim:
        """Give `key` to `build` unless a start of the last 24 h has it; return whose turn it is.

        A turn of the caller lasts for LEASE. With a body that differs it is never the turn of the
        caller.
        """
        with self._database.transaction() as connection:
            now = self._now(connection)
            row = {
                "project": project,
                "key": key,
                "build": build,
                "body_hash": body_hash,
                "created": now,
                "sender": self._sender,
                "lease": now + LEASE,
            }
            connection.execute(_FORGET, {"expired": now - KEY_LIFETIME, "now": now})
            ours = connection.scalar(self._take, row)
            if ours is not None:
                return Claim(project, key, ours, body_hash, "first" if ours == build else "again")
            # The row still exists: the statement before has locked it, though it took nothing.
            found = connection.execute(_FIND, {"project": project, "key": key}).one()
        turn: Turn = "sent" if found.lease is None else "taken"
        return Claim(project, key, found.build, found.body_hash, turn)

    def renew(self, claim: Claim) -> bool:
        """Extend the turn by another LEASE; False when another process has taken it over."""
        with self._database.transaction() as connection:
            row = self._ours(claim) | {"until": self._now(connection) + LEASE}
            return connection.execute(_RENEW, row).rowcount > 0

    def end(self, claim: Claim, ending: Ending) -> None:
        """End the turn, unless another process has taken it over.

        After `sent` no process sends the start again. After `unsent` the next process that takes
        the key sends it. After `undone` the key is free.
        """
        with self._database.transaction() as connection:
            connection.execute(_END[ending], self._ours(claim))

    def _ours(self, claim: Claim) -> dict[str, object]:
        return {"in_project": claim.project, "with_key": claim.key, "by": self._sender}
