"""The memory of an app: what it has handled, and the states that its builds have since then.

It is a database of SQLite: in a file it outlives the app, and what one activity changes is kept
together or not at all. Without a file it is in memory, and works the same. It is bounded: the ids
of the last activities, and the states of the builds that changed last.

A file belongs to one app. It is locked while the app runs, so that no second one has it.
"""

import sqlite3
from pathlib import Path
from typing import Final, Self

from msgspec import UNSET, structs

from buildfeed.activity import Activity, document, parse
from buildfeed.board import BuildState
from buildfeed.errors import BuildfeedError
from buildfeed.subscribe.change import Change

MOST_IDS: Final = 10_000
"""Activities whose ids are kept. A broker repeats those that it sent last."""
MOST_STATES: Final = 2_000
"""Builds whose states are kept."""
_LOCK_SECONDS: Final = 10.0
"""Seconds that another process of the app may take to end."""

_LOCK: Final = """
PRAGMA locking_mode = EXCLUSIVE;
BEGIN EXCLUSIVE;
COMMIT;
"""
"""Takes the lock, which is kept from then on: the mode says so."""
_MARK: Final = 0x62666D65
"""The `application_id` of such a file: no other database is made into one by mistake."""
_TABLES: Final = f"""
PRAGMA application_id = {_MARK};
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS handled (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS states (
    number INTEGER PRIMARY KEY, build TEXT NOT NULL UNIQUE, newest BLOB NOT NULL, stop BLOB
);
CREATE TABLE IF NOT EXISTS position (one INTEGER PRIMARY KEY CHECK (one = 1), offset INTEGER);
"""
_HAS: Final = "SELECT 1 FROM handled WHERE id = ?"
_STATE: Final = "SELECT newest, stop FROM states WHERE build = ?"
_OFFSET: Final = "SELECT offset FROM position"
_KEEP_ID: Final = "INSERT OR IGNORE INTO handled (id) VALUES (?)"
_FORGET_IDS: Final = "DELETE FROM handled WHERE number <= (SELECT max(number) FROM handled) - ?"
# A replaced row gets a new number, so that the builds that changed last are kept.
_KEEP_STATE: Final = "INSERT OR REPLACE INTO states (build, newest, stop) VALUES (?, ?, ?)"
_FORGET_STATES: Final = "DELETE FROM states WHERE number <= (SELECT max(number) FROM states) - ?"
_KEEP_OFFSET: Final = "INSERT OR REPLACE INTO position VALUES (1, ?)"


class MemoryUnusable(BuildfeedError):
    """The memory of an app in the file `path`, None for no file, cannot be used, for `reason`."""

    def __init__(self, path: str | Path | None, reason: str) -> None:
        super().__init__(f"The memory {str(path or '')!r} cannot be used: {reason}.")
        self.path = path
        self.reason = reason


class Memory:
    """The memory in the file `path`, made the first time; None: in memory only.

    For one thread, that which makes it. Raises MemoryUnusable.
    """

    def __init__(self, path: str | Path | None) -> None:
        try:
            self._database = sqlite3.connect(path or ":memory:", timeout=_LOCK_SECONDS)
            self._database.executescript(_LOCK)
            if self._is_another():
                raise MemoryUnusable(path, "it is another database")
            self._database.executescript(_TABLES)
        except sqlite3.Error as exc:
            busy = exc.sqlite_errorcode == sqlite3.SQLITE_BUSY
            reason = (
                "another process has it: each app needs a file of its own" if busy else str(exc)
            )
            raise MemoryUnusable(path, reason) from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def _is_another(self) -> bool:
        (mark,) = self._database.execute("PRAGMA application_id").fetchone()
        (tables,) = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return bool(tables and mark != _MARK)

    @property
    def offset(self) -> int | None:
        """The offset of the activity of the stream that was dealt with last."""
        row = self._database.execute(_OFFSET).fetchone()
        offset: int | None = row[0] if row else None
        return offset

    def has(self, activity: Activity) -> bool:
        """Tell whether an activity has been handled."""
        return self._database.execute(_HAS, (activity.id,)).fetchone() is not None

    def change(self, activity: Activity) -> Change:
        """Return what an activity changes; nothing is kept yet."""
        row = self._database.execute(_STATE, (activity.object.id,)).fetchone()
        if row is None:
            return Change.by(activity, None)
        newest, stop = row
        return Change.by(activity, BuildState(parse(newest), parse(stop) if stop else None))

    def keep(self, change: Change) -> None:
        """Keep that an activity was handled, and its state; raise sqlite3.Error."""
        with self._database as database:
            database.execute(_KEEP_ID, (change.activity.id,))
            database.execute(_FORGET_IDS, (MOST_IDS,))
            if change.changed:
                stop = change.state.stop
                row = _stored(change.state.newest), _stored(stop) if stop else None
                database.execute(_KEEP_STATE, (change.build.id, *row))
                database.execute(_FORGET_STATES, (MOST_STATES,))

    def keep_offset(self, offset: int) -> None:
        """Keep that the stream was read up to here; raise sqlite3.Error."""
        with self._database as database:
            database.execute(_KEEP_OFFSET, (offset,))


def _stored(activity: Activity) -> bytes:
    """Return the document of an activity, without the texts that its state does not need."""
    return document(structs.replace(activity, content=UNSET, summary=""))
