"""Retention: removes builds that ended long ago, or have many newer builds in their project.

What access leaves behind goes at fixed ages: see `access_retention`.

The age of a build is that of its last change, and a change has a number but no time, as clocks of
workers cannot be trusted. So each sweep writes a mark: the number of the newest change, and the
time of this machine. A build whose number is not above that of a mark has not changed since then.
"""

import logging
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, literal, select

from buildfeed.activity import Key
from buildfeed.errors import HistoryUnavailable
from buildfeed.history import access_retention, outputs, turns
from buildfeed.history.claims import KEY_LIFETIME
from buildfeed.history.database import Database
from buildfeed.history.schema import activities, builds, counter, marks, starts
from buildfeed.history.schema import outputs as outputs_table

log = logging.getLogger(__name__)

SWEEP_SECONDS: Final = 300.0
"""Seconds between two sweeps."""
SETTLED: Final = timedelta(minutes=10)
"""Time that a build stays after its last change: late activities find it ended."""

MAX_DELETED: Final = 500
"""Most activities deleted in one transaction: writers wait for its end."""

_LEAP: Final = timedelta(days=2)
"""Time without a sweep from which a clock is doubted."""
_DOUBT_SECONDS: Final = 3600.0
"""Seconds after the start of the process for which it is."""

_MAX_BUILDS: Final = 100
"""Most builds deleted in one transaction."""
_LEAST_PAUSE: Final = 0.02
"""Shortest pause in seconds after a transaction; it lasts as long as the transaction took."""


class Keep(msgspec.Struct, frozen=True):
    """What is kept: days, builds of each project, bytes of output in all; 0 keeps all."""

    days: int
    builds: int
    output: int = 0


class Retention:
    """Removes ended builds that `keep` does not keep, with their activities, every 5 minutes.

    In small transactions with pauses between, so that recording goes on. A build that has not
    ended stays, and one that an `Idempotency-Key` still belongs to. Several may run at once. Ages
    are those of the last change, by the clock of this machine, from the first sweep on.
    """

    def __init__(self, url: str, keep: Keep) -> None:
        self._database = Database(url)
        self._keep = keep
        self._began = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    @property
    def alive(self) -> bool:
        """False before `start` and after `stop`."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Sweep now and every 5 minutes until `stop`; returns at once."""
        self._thread.start()

    def stop(self, timeout: float = 1) -> None:
        """End after the transaction that runs, or after `timeout` seconds."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        self._database.close()

    def sweep(self, now: datetime) -> int:
        """Remove the builds not kept at `now`; return how many. Raises HistoryUnavailable."""
        with self._database.transaction() as connection:
            turns.take(connection)
            _mark(connection, now)
            settled = _position(connection, now - SETTLED)
            expired = _position(connection, now - timedelta(days=self._keep.days))
            oldest = min(expired, settled) if self._keep.days else settled
            connection.execute(delete(marks).where(marks.c.changed < oldest))
        unclaimed = ~exists().where(
            starts.c.project == builds.c.project,
            starts.c.build == builds.c.build,
            starts.c.created > now - KEY_LIFETIME,
        )
        # Not `is_(True)`: SQLite would take that for the rarest of these conditions, and read all.
        removable = builds.c.ended.is_not(False) & (builds.c.changed <= settled) & unclaimed
        removed = 0
        if self._keep.days:
            removed += self._remove(removable & (builds.c.changed <= expired))
        for project in self._full_projects() if self._keep.builds else []:
            removed += self._remove(removable & _beyond(project, self._keep.builds))
        return removed

    def sweep_output(self) -> int:
        """Remove the output of the builds that changed longest ago, beyond what is kept of all.

        Returns how many bytes. Builds that have ended go first. Raises HistoryUnavailable.
        """
        removed = 0
        while self._keep.output and not self._stopping.is_set():
            began = time.monotonic()
            with self._database.transaction() as connection:
                turns.take(connection)
                freed = outputs.remove_oldest(connection, self._keep.output, MAX_DELETED)
            if not freed:
                break
            removed += freed
            self._stopping.wait(max(time.monotonic() - began, _LEAST_PAUSE))
        return removed

    def sweep_access(self, now: datetime) -> int:
        """Remove what access left behind long before `now`; return how many rows.

        Raises HistoryUnavailable.
        """
        return access_retention.sweep(
            self._database, now, lambda: not self._stopping.wait(_LEAST_PAUSE)
        )

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                now = self._now()
                if removed := self.sweep(now):
                    log.info("history.removed", extra={"builds": removed})
                if output := self.sweep_output():
                    log.warning("history.output_removed", extra={"bytes": output})
                self.sweep_access(now)
            except HistoryUnavailable as exc:
                log.warning("history.not_swept", extra={"reason": exc.reason})
            except Exception:  # the thread must not die while the process seems to be up
                log.exception("history.failed")
            self._stopping.wait(SWEEP_SECONDS)

    def _now(self) -> datetime:
        """Return the time of the database, which all recorders share.

        Raises HistoryUnavailable while it is not believed: a machine that starts with a clock that
        is ahead would remove all builds at once. An hour later somebody has set it.
        """
        with self._database.transaction() as connection:
            now = self._database.dialect.now(connection)
            last: datetime | None = connection.scalar(select(func.max(marks.c.time)))
        # SQLite has no time zones.
        leap = now - (last if last.tzinfo else last.replace(tzinfo=UTC)) if last else timedelta(0)
        if leap > _LEAP and time.monotonic() - self._began < _DOUBT_SECONDS:
            days = f"{leap / timedelta(days=1):.0f} days"
            raise HistoryUnavailable(f"the last sweep was {days} ago if the clock is right")
        return now

    def _full_projects(self) -> Sequence[str]:
        """Return the projects with more builds than are kept."""
        query = select(builds.c.project).group_by(builds.c.project)
        with self._database.transaction() as connection:
            return connection.scalars(query.having(func.count() > self._keep.builds)).all()

    def _remove(self, which: ColumnElement[bool]) -> int:
        """Remove the builds with the condition `which`; return how many."""
        query = select(builds.c.project, builds.c.build).where(which).limit(_MAX_BUILDS)
        removed = 0
        while not self._stopping.is_set():
            with self._database.transaction() as connection:
                keys = [(row.project, row.build) for row in connection.execute(query)]
            if not keys:
                break
            began = time.monotonic()
            with self._database.transaction() as connection:
                turns.take(connection)
                removed += _delete(connection, keys)
            self._stopping.wait(max(time.monotonic() - began, _LEAST_PAUSE))
        return removed


def _mark(connection: Connection, now: datetime) -> None:
    """Write a mark at `now`, unless nothing has changed since the last one."""
    known = exists().where(marks.c.changed == counter.c.n)
    progress = select(counter.c.n, literal(now, marks.c.time.type)).where(~known)
    connection.execute(insert(marks).from_select([marks.c.changed, marks.c.time], progress))


def _position(connection: Connection, moment: datetime) -> int:
    """Return the number of the last mark up to `moment`, 0 before the first."""
    return connection.scalar(select(func.max(marks.c.changed)).where(marks.c.time <= moment)) or 0


def _beyond(project: str, limit: int) -> ColumnElement[bool]:
    """Return the condition of the builds of `project` beyond its newest `limit`."""
    newest = select(builds.c.build).where(builds.c.project == project)
    last = newest.order_by(builds.c.build.desc()).offset(limit - 1).limit(1)
    return (builds.c.project == project) & (builds.c.build < last.scalar_subquery())


def _delete(connection: Connection, keys: Sequence[Key]) -> int:
    """Delete the first activities of `keys`, then builds without any; return the number."""
    left = MAX_DELETED
    for done, (project, build) in enumerate(keys):
        of_build = (activities.c.project == project) & (activities.c.build == build)
        some = select(activities.c.number).where(of_build).limit(left)
        left -= connection.execute(delete(activities).where(activities.c.number.in_(some))).rowcount
        if not left:
            return done
        for table in (outputs_table, builds):
            connection.execute(
                delete(table).where(table.c.project == project, table.c.build == build)
            )
    return len(keys)
