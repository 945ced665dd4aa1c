"""The recorded errors of builds, each with a number that stays: how many there were until then."""

from typing import Final

from sqlalchemy import bindparam, literal_column, select

from buildfeed.activity import Activity
from buildfeed.history import rows
from buildfeed.history.database import Database
from buildfeed.history.schema import activities

# Built once: to build a statement costs more than to run it.
_ERRORS: Final = (
    select(activities.c.project, activities.c.build, activities.c.payload)
    .where(activities.c.project == bindparam("project"))
    .where(activities.c.build == bindparam("build"))
    .where(activities.c.kind == literal_column("'error'"))  # as the index has it
    .order_by(activities.c.number)
    .offset(bindparam("after"))
    .limit(bindparam("most"))
)


class RecordedErrors:
    """The errors in `database`.

    The method blocks, may be called from several threads, and raises HistoryUnavailable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, project: str, build: str, *, after: int, most: int
    ) -> list[tuple[int, Activity]]:
        """Return up to `most` errors of a build and their numbers, those behind number `after`.

        They come in the order in which they were recorded: that of attempts and `seq`, but for one
        that came late. One that cannot be read is left out.
        """
        wanted = {"project": project, "build": build, "after": after, "most": most}
        with self._database.transaction() as connection:
            found = connection.execute(_ERRORS, wanted).all()
        return [
            (number, error)
            for number, row in enumerate(found, after + 1)
            for error in rows.activities([row])
        ]
