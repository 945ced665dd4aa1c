"""A million activities of a hundred thousand builds are read as fast as ten: by an index."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from buildfeed.board import BuildState
from buildfeed.history.store import Store
from buildfeed.selection import Selection
from support.builders import log
from support.builds import activity


def newest(store: Store, **selected: Any) -> list[BuildState]:
    selection = Selection(**{name: frozenset(those) for name, those in selected.items()})
    return store.newest(limit=9, selection=selection, ended=True)


CALLS: dict[str, Callable[[Store], object]] = {
    "offered": lambda store: store.offered(),
    "changes": lambda store: store.changes(1),
    "newest": lambda store: store.newest(limit=9),
    "before": lambda store: store.newest(limit=9, before=("b9", "p")),
    "before, of a project": lambda store: store.newest(limit=9, project="p", before=("b9", "p")),
    "count_activities": lambda store: store.count_activities("acme", "b1"),
    "of a project": lambda store: store.newest(limit=9, project="acme"),
    "selected by id": lambda store: newest(store, builds={"b1", "b2"}),
    "selected by project": lambda store: newest(store, projects={"acme"}),
    "selected by projects": lambda store: newest(store, projects={"acme", "other"}),
    "selected one by one": lambda store: newest(store, keys={("acme", "b1"), ("acme", "b2")}),
    "selected in several ways": lambda store: newest(store, projects={"acme"}, builds={"b1"}),
    "ended": lambda store: store.newest(limit=9, ended=True, before=("b9", "p")),
    "with a status": lambda store: store.newest(limit=9, statuses=["failed"], before=("b9", "p")),
    "get": lambda store: store.get("acme", "b1"),
    "latest_status": lambda store: store.latest_status("acme"),
    "activities": lambda store: store.activities("acme", "b1", after=1),
    "append": lambda store: store.append([activity("b1", seq=seq) for seq in range(9)]),
    "append output": lambda store: store.append([log("line", seq) for seq in range(9)]),
    "pieces": lambda store: store.output().pieces("acme", "b1"),
    "contents": lambda store: store.output().contents([1, 2]),
    "errors": lambda store: store.errors().page("acme", "b1", after=3, most=9),
    "durations": lambda store: store.statistics().durations("acme", "unit", 5),
    "durations without a job": lambda store: store.statistics().durations("acme", None, 5),
    "of a job": lambda store: store.newest(limit=9, project="acme", job="unit", ended=True),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_an_index_answers(tmp_path: Path, call: Callable[[Store], object]) -> None:
    plans: list[str] = []

    def explain(_connection: object, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.startswith("SELECT") and "FROM counter" not in statement:
            values = values[0] if isinstance(values, list) else values
            rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            plans.extend(row[3] for row in rows)

    with closing(Store(f"sqlite:///{tmp_path}/history.db")) as store:
        store.append([activity("b1"), log("first", 1)])
        event.listen(store._database.engine, "before_cursor_execute", explain)
        call(store)
    steps = [plan for plan in plans if plan.startswith(("SCAN", "SEARCH", "USE"))]
    assert steps
    # Newer versions of SQLite tell that they scan the rows that the statement itself holds.
    quick = ("INDEX", "PRIMARY KEY", "CONSTANT ROW", "VALUES CLAUSE")
    assert all(any(each in step for each in quick) for step in steps), steps
