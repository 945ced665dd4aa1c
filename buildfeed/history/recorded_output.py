"""The kept output of builds, to be read: which pieces there are, and what is in them."""

from array import array
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, select

from buildfeed.history.database import Database
from buildfeed.history.pieces import Pieces
from buildfeed.history.schema import activities, builds, outputs

_ROWS: Final = 1000
"""Rows that are read at a time."""

# Built once: to build a statement costs more than to run it.
_ATTEMPTS: Final = (
    select(outputs.c.attempt, outputs.c.ends, outputs.c.cut, builds.c.ended)
    .join(builds, (builds.c.project == outputs.c.project) & (builds.c.build == outputs.c.build))
    .where(outputs.c.project == bindparam("project"))
    .where(outputs.c.build == bindparam("build"))
    .order_by(outputs.c.attempt.desc())
)
_PIECES: Final = (
    select(activities.c.number, activities.c.begins, activities.c.size, activities.c.told)
    .where(activities.c.project == bindparam("project"))
    .where(activities.c.build == bindparam("build"))
    .where(activities.c.attempt == bindparam("attempt"))
    .where(activities.c.begins.is_not(None))
    .order_by(activities.c.begins, activities.c.number)
)
_CONTENTS: Final = select(activities.c.number, activities.c.payload).where(
    activities.c.number.in_(bindparam("numbers", expanding=True))
)


class _Output(msgspec.Struct, frozen=True):
    content: str = ""


_OUTPUT: Final = msgspec.json.Decoder(_Output)


class RecordedOutput:
    """The kept output in `database`.

    Every method blocks, may be called from several threads, and raises HistoryUnavailable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def pieces(self, project: str, build: str, attempt: int | None = None) -> Pieces | None:
        """Return the pieces of an attempt of a build, of the newest that has any if none is named.

        None: there is no output of it.
        """
        of_build = {"project": project, "build": build}
        with self._database.transaction() as connection:
            attempts = connection.execute(_ATTEMPTS, of_build).all()
            output = next((each for each in attempts if attempt in (None, each.attempt)), None)
            if output is None:
                return None
            over = bool(output.ended) or output is not attempts[0]
            columns: tuple[array[int], ...] = tuple(array("q") for _ in _PIECES.selected_columns)
            found = connection.execute(_PIECES, of_build | {"attempt": output.attempt})
            for rows in found.partitions(_ROWS):
                for column, values in zip(columns, zip(*rows, strict=True), strict=True):
                    column.extend(values)
        return Pieces(output.attempt, output.ends, output.cut, over, *columns)

    def contents(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """Return what is in the pieces of these rows, without those that were removed meanwhile."""
        with self._database.transaction() as connection:
            found: Any = connection.execute(_CONTENTS, {"numbers": numbers}).all()
        return {row.number: _OUTPUT.decode(row.payload).content.encode() for row in found}
