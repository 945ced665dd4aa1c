"""The output of builds in the database: which rows of `log` are added, and which make room.

What is called here belongs to a turn (`turns`): nobody else writes meanwhile.
"""

from collections.abc import Sequence
from typing import Final, cast

from sqlalchemy import Connection, bindparam, delete, func, select, tuple_, update

from buildfeed.activity import Key
from buildfeed.history.dialect import Dialect
from buildfeed.history.kept_output import Bounds, Output, counted
from buildfeed.history.rows import Values
from buildfeed.history.schema import activities, builds, outputs

_MOST_ROWS: Final = 500
"""Rows that are removed by one statement."""

MOST_ATTEMPTS: Final = 100
"""Attempts of a build whose output is kept: all of them are read for each batch."""

# Built once: to build a statement costs more than to run it.
_KNOWN: Final = select(activities.c.id).where(activities.c.id.in_(bindparam("ids", expanding=True)))
_FIND: Final = select(outputs).where(
    tuple_(outputs.c.project, outputs.c.build).in_(bindparam("keys", expanding=True))
)
_OLDEST: Final = (
    select(activities.c.number, activities.c.size)
    .where(activities.c.project == bindparam("project"))
    .where(activities.c.build == bindparam("build"))
    .where(activities.c.attempt == bindparam("attempt"))
    .where(activities.c.begins >= bindparam("cut"))
    .order_by(activities.c.begins, activities.c.number)
    .limit(_MOST_ROWS)
)
_REMOVE: Final = delete(activities).where(
    activities.c.number.in_(bindparam("numbers", expanding=True))
)

_FORGET: Final = (
    delete(outputs)
    .where(outputs.c.project == bindparam("project"))
    .where(outputs.c.build == bindparam("build"))
    .where(outputs.c.attempt.in_(bindparam("attempts", expanding=True)))
)

_KEPT: Final = select(func.sum(outputs.c.kept))
_OF_OLDEST_BUILD: Final = (
    select(outputs)
    .join(builds, (builds.c.project == outputs.c.project) & (builds.c.build == outputs.c.build))
    .where(outputs.c.kept > 0)
    .order_by(builds.c.ended.desc(), builds.c.changed, outputs.c.attempt)
    .limit(1)
)

Attempts = dict[int, Output]


def add(connection: Connection, dialect: Dialect, rows: Sequence[Values], bounds: Bounds) -> int:
    """Add rows of `activities`, output within `bounds`; return how many bytes of it were left out.

    Output that the database has already is left as it is.
    """
    logs = [row for row in rows if row["size"] is not None]
    if not logs:
        dialect.add_activities(connection, rows)
        return 0
    outputs = _Outputs(connection, logs, bounds)
    needless = outputs.place(logs)
    if needed := [row for row in rows if row["id"] not in needless]:
        dialect.add_activities(connection, needed)
    outputs.settle(dialect)
    return outputs.left_out


class _Outputs:
    """The outputs of the builds that the rows `logs` belong to, within `bounds`.

    `left_out` counts the bytes that are not kept.
    """

    def __init__(self, connection: Connection, logs: Sequence[Values], bounds: Bounds) -> None:
        self._connection = connection
        self._bounds = bounds
        self._of: dict[Key, Attempts] = {_key(row): {} for row in logs}
        self._changed: set[tuple[Key, int]] = set()
        for found in connection.execute(_FIND, {"keys": list(self._of)}):
            attempt = Output(found.ends, found.kept, found.cut, found.last)
            self._of[found.project, found.build][found.attempt] = attempt
        self.left_out = 0

    def place(self, logs: Sequence[Values]) -> set[object]:
        """Give each new row its place; return the ids of those that are not to be added."""
        needless = self._known(logs)
        for row in logs:
            if row["id"] in needless:
                continue
            size = cast(int, row["size"])
            output = self._output(row)
            self._changed.add((_key(row), _attempt(row)))
            output.last = max(output.last, _seq(row))
            row["begins"] = output.take(cast("int | None", row["begins"]), size, self._bounds)
            if row["begins"] is None:
                needless.add(row["id"])
                self.left_out += size
        return needless

    def _known(self, logs: Sequence[Values]) -> set[object]:
        """Return the ids of the rows that the database has; it is asked about late ones alone."""
        late = [row["id"] for row in logs if _seq(row) <= self._output(row).last]
        return set(self._connection.scalars(_KNOWN, {"ids": late})) if late else set()

    def _output(self, row: Values) -> Output:
        return self._of[_key(row)].setdefault(_attempt(row), Output())

    def settle(self, dialect: Dialect) -> None:
        """Remove what is too much, once the rows are added, and store what is known."""
        for key, attempts in self._of.items():
            self._forget(key, attempts)
            self._make_room(key, attempts)
        statement = dialect.insert(outputs)
        columns = "ends", "kept", "cut", "last"
        upsert = statement.on_conflict_do_update(
            index_elements=["project", "build", "attempt"],
            set_={name: statement.excluded[name] for name in columns},
        )
        values = [
            {"project": project, "build": build, "attempt": attempt}
            | {name: getattr(output, name) for name in columns}
            for (project, build), attempts in self._of.items()
            for attempt, output in attempts.items()
            if ((project, build), attempt) in self._changed
        ]
        if values:
            self._connection.execute(upsert, values)

    def _forget(self, key: Key, attempts: Attempts) -> None:
        """Remove the output of all but the newest attempts: anybody can make up attempts."""
        old = sorted(attempts)[:-MOST_ATTEMPTS]
        for attempt in old:
            enough = attempts.pop(attempt).kept
            while enough > 0 and (freed := self._remove(key, attempt, 0, enough)):
                enough -= freed
        if old:
            of_build = {"project": key[0], "build": key[1], "attempts": old}
            self._connection.execute(_FORGET, of_build)

    def _make_room(self, key: Key, attempts: Attempts) -> None:
        """Remove output of older attempts, then the oldest of the last part of the newest."""
        over = sum(each.kept for each in attempts.values()) - self._bounds.limit
        for attempt in sorted(attempts) if over > 0 else ():
            output = attempts[attempt]
            cut = output.cut if attempt == max(attempts) else 0
            while over > 0 and output.kept and cut is not None:
                freed = self._remove(key, attempt, cut, over + self._bounds.slack)
                if not freed:
                    break
                self._changed.add((key, attempt))
                output.kept -= freed
                over -= freed

    def _remove(self, key: Key, attempt: int, cut: int, enough: int) -> int:
        """Remove pieces from `cut` on until there is room; return the bytes that they counted."""
        of_attempt = {"project": key[0], "build": key[1], "attempt": attempt, "cut": cut}
        numbers, freed = [], 0
        for row in self._connection.execute(_OLDEST, of_attempt):
            if freed >= enough:
                break
            numbers.append(row.number)
            freed += counted(row.size)
            self.left_out += row.size
        if numbers:
            self._connection.execute(_REMOVE, {"numbers": numbers})
        return freed


def _seq(row: Values) -> int:
    """Return the `seq` of an activity, which ends its id."""
    return int(str(row["id"]).rpartition(".")[2])


def _attempt(row: Values) -> int:
    return cast(int, row["attempt"])


def _key(row: Values) -> Key:
    return str(row["project"]), str(row["build"])


def remove_oldest(connection: Connection, limit: int, most: int) -> int:
    """Remove up to `most` pieces of the output that is oldest, while there is over `limit` in all.

    Returns the bytes that they counted. Oldest is that of the build which changed longest ago, of
    those that have ended first.
    """
    over = (connection.scalar(_KEPT) or 0) - limit
    oldest = connection.execute(_OF_OLDEST_BUILD).first() if over > 0 else None
    if oldest is None:
        return 0
    of_attempt = {"project": oldest.project, "build": oldest.build, "attempt": oldest.attempt}
    found = connection.execute(_OLDEST.limit(most), of_attempt | {"cut": 0}).all()
    if found:
        connection.execute(_REMOVE, {"numbers": [row.number for row in found]})
    freed = sum(counted(row.size) for row in found)
    left = oldest.kept - freed if len(found) == most else 0
    connection.execute(update(outputs).filter_by(**of_attempt).values(kept=left))
    return int(oldest.kept) - left
