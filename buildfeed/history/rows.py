"""Activities and states as rows of the tables, and back."""

import logging
from collections.abc import Iterable
from typing import Any

from msgspec import UnsetType
from sqlalchemy import Row

from buildfeed.activity import Activity, document, parse
from buildfeed.board import BuildState
from buildfeed.errors import InvalidActivity
from buildfeed.left_out import told

log = logging.getLogger(__name__)

AnyRow = Row[*tuple[Any, ...]]
Values = dict[str, object]
"""A row to write: values by column."""


def activity_row(activity: Activity) -> Values:
    """Return the row of the table `activities`.

    Of a `log` it is known how long its output is, and where that begins if it says so.
    """
    build = activity.object
    output: Values = dict.fromkeys(("attempt", "begins", "size", "told"))
    if activity.type == "Add":
        content = activity.content or ""
        begins = None if isinstance(activity.offset, UnsetType) else activity.offset
        size = len(content.encode())
        output = {"attempt": build.attempt, "begins": begins, "size": size, "told": told(content)}
    return {
        "id": activity.id,
        "project": build.project,
        "build": build.build,
        "kind": activity.kind,
        "payload": document(activity),
        **output,
    }


def state_row(state: BuildState, change: int) -> Values:
    """Return the row of the table `builds` for a state that is the `change`th change."""
    build = state.newest.object
    return {
        "project": build.project,
        "build": build.build,
        "status": build.status,
        "ended": state.ended,
        "newest": document(state.newest),
        "stop": document(state.stop) if state.stop else None,
        "changed": change,
        "job": None if isinstance(build.job, UnsetType) else build.job,
        "seconds": build.seconds if state.ended else None,
    }


def state(row: AnyRow) -> BuildState | None:
    """Return the state in a row of `builds`; None, and a log, when it cannot be read."""
    try:
        return BuildState(parse(row.newest), parse(row.stop) if row.stop else None)
    except InvalidActivity as exc:
        _unreadable(row, exc)
        return None


def states(rows: Iterable[AnyRow]) -> list[BuildState]:
    """Return the states in `rows`, without those that cannot be read."""
    return [found for row in rows if (found := state(row))]


def activities(rows: Iterable[AnyRow]) -> list[Activity]:
    """Return the activities in rows of `activities`, without those that cannot be read."""
    found = []
    for row in rows:
        try:
            found.append(parse(row.payload))
        except InvalidActivity as exc:
            _unreadable(row, exc)
    return found


def _unreadable(row: AnyRow, exc: InvalidActivity) -> None:
    fields = {"project": row.project, "build": row.build, "reason": exc.reason}
    log.warning("history.unreadable", extra=fields)
