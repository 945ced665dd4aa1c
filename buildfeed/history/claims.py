"""Claims: which build an `Idempotency-Key` belongs to, and which process may send its start."""

from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec
from sqlalchemy import bindparam, delete, or_, select, update

from buildfeed.history.database import Database
from buildfeed.history.schema import starts

KEY_LIFETIME: Final = timedelta(hours=24)
LEASE: Final = timedelta(seconds=15)
"""A lease that is not renewed expires after this. Clocks may differ by a third of it."""

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


class Claim(msgspec.Struct, frozen=True):
    """The build that `key` belongs to, and whose turn it is to send its start.

    `first`: the caller's, as the key was never used. `again`: the caller's too, as the start was
    never sent, or its sender is silent; then the build may be running all the same. `taken`: that
    of a process which sends or undoes the start now. `sent`: nobody's, as the start was sent.
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

    def take(self, project: str, key: str, build: str, body_hash: str, now: datetime) -> Claim:
        """Give `key` to `build` unless a start of the last 24 h has it; return whose turn it is.

        A turn that is the caller's lasts for LEASE. With another body it never is.
        """
        row = {
            "project": project,
            "key": key,
            "build": build,
            "body_hash": body_hash,
            "created": now,
            "sender": self._sender,
            "lease": now + LEASE,
        }
        with self._database.transaction() as connection:
            connection.execute(_FORGET, {"expired": now - KEY_LIFETIME, "now": now})
            ours = self._database.dialect.take_key(connection, row)
            if ours is not None:
                return Claim(project, key, ours, body_hash, "first" if ours == build else "again")
            # It is still there: a process that tried to take it has locked it.
            found = connection.execute(_FIND, {"project": project, "key": key}).one()
        turn: Turn = "sent" if found.lease is None else "taken"
        return Claim(project, key, found.build, found.body_hash, turn)

    def renew(self, claim: Claim, now: datetime) -> bool:
        """Have the turn for another LEASE; False when another process has taken it over."""
        with self._database.transaction() as connection:
            row = self._ours(claim) | {"until": now + LEASE}
            return connection.execute(_RENEW, row).rowcount > 0

    def end(self, claim: Claim, ending: Ending) -> None:
        """End the turn, unless another process has taken it over.

        After `sent` no process sends the start again; after `unsent` the next one that is asked
        does. After `undone` the key is free.
        """
        with self._database.transaction() as connection:
            connection.execute(_END[ending], self._ours(claim))

    def _ours(self, claim: Claim) -> dict[str, object]:
        return {"in_project": claim.project, "with_key": claim.key, "by": self._sender}
