"""Which builds leave the history, and that nobody else notices."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select

from buildfeed.history.retention import MAX_DELETED, SETTLED, Keep, Retention
from buildfeed.history.schema import marks
from buildfeed.history.store import Store
from support.builds import activity, keys
from support.samples import NOW

SOON = NOW + SETTLED
DAY = timedelta(days=1)

Retain = Callable[..., Retention]


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with closing(Store(database_url)) as store:
        yield store


@pytest.fixture
def retain(database_url: str) -> Iterator[Retain]:
    """A function that gives what keeps so many `days` and `builds`."""
    made: list[Retention] = []

    def retain(days: int = 0, builds: int = 0) -> Retention:
        made.append(Retention(database_url, Keep(days, builds)))
        return made[-1]

    yield retain
    for retention in made:
        retention.stop()


def left(store: Store) -> list[str]:
    return [build for _, build in keys(store.newest(limit=99))]


def life(build: str, count: int, **facts: Any) -> list[Any]:
    """An ended build of `count` activities."""
    said = [activity(build, seq=seq, **facts) for seq in range(count - 1)]
    return [*said, activity(build, "succeeded", seq=count - 1, **facts)]


def test_what_ended_long_ago_is_removed_with_its_activities(store: Store, retain: Retain) -> None:
    store.append([*life("b1", 3), activity("b2")])
    retention = retain(days=90)
    assert retention.sweep(NOW) == 0
    store.append(life("b3", 3))
    assert retention.sweep(NOW + timedelta(seconds=1)) == 0
    assert retention.sweep(NOW + 90 * DAY - timedelta(seconds=1)) == 0
    assert left(store) == ["b3", "b2", "b1"]
    assert retention.sweep(NOW + 90 * DAY) == 1
    assert left(store) == ["b3", "b2"]
    assert store.activities("acme", "b1") == []
    assert len(store.activities("acme", "b3")) == 3


def test_what_has_not_ended_is_never_removed(store: Store, retain: Retain) -> None:
    store.append([activity("b1"), activity("b2"), *life("b3", 2)])
    retention = retain(days=1, builds=1)
    retention.sweep(NOW)
    assert retention.sweep(NOW + 1000 * DAY) == 1
    assert left(store) == ["b2", "b1"]
    assert len(store.activities("acme", "b1")) == 1


def test_of_each_project_the_newest_builds_are_kept(store: Store, retain: Retain) -> None:
    for build in ("b3", "b1", "b4", "b2"):
        store.append(life(build, 2))
    store.append([activity("b5"), *life("b0", 2, project="beta")])
    retention = retain(builds=3)
    assert retention.sweep(NOW) == 0
    assert retention.sweep(SOON) == 2
    assert left(store) == ["b5", "b4", "b3", "b0"]


def test_what_has_just_ended_stays_for_what_comes_late(store: Store, retain: Retain) -> None:
    retention = retain(builds=1)
    store.append([*life("b1", 2), *life("b2", 2)])
    assert retention.sweep(NOW) == 0
    assert retention.sweep(SOON - timedelta(seconds=1)) == 0
    assert retention.sweep(SOON) == 1


def test_a_build_whose_key_may_be_used_again_stays(store: Store, retain: Retain) -> None:
    store.append([*life("b1", 2), *life("b2", 2), *life("b3", 2)])
    claims = store.claims("p1")
    claims._now = lambda _connection: NOW
    claims.take("acme", "k", "b1", "h")
    claims.take("beta", "k", "b2", "h")
    retention = retain(days=1, builds=1)
    retention.sweep(NOW)
    assert retention.sweep(SOON) == 1
    assert left(store) == ["b3", "b1"]
    assert retention.sweep(NOW + DAY) == 2


@pytest.mark.parametrize(("days", "notes"), [(0, 2), (3, 4)])
def test_of_the_past_no_more_is_noted_than_is_asked_for(
    store: Store, retain: Retain, days: int, notes: int
) -> None:
    retention = retain(days)
    for day in range(10):
        store.append([activity(f"b{day}")])
        retention.sweep(NOW + day * DAY)
    with store._database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(marks)) == notes


def test_zero_keeps_all(store: Store, retain: Retain) -> None:
    store.append([*life("b1", 2), *life("b2", 2)])
    retention = retain()
    retention.sweep(NOW)
    assert retention.sweep(NOW + 10_000 * DAY) == 0


def test_who_reads_changes_is_told_all_that_is_left(store: Store, retain: Retain) -> None:
    for build in ("b1", "b2", "b3"):
        store.append(life(build, 2))
    _, read = store.changes(0, limit=1)
    retention = retain(builds=1)
    retention.sweep(NOW)
    retention.sweep(SOON)
    store.append(life("b4", 2))
    states, position = store.changes(read)
    assert [build for _, build in keys(states)] == ["b3", "b4"]
    assert store.changes(position) == ([], position)


def test_a_large_build_goes_in_parts_while_others_are_recorded(
    store: Store, retain: Retain
) -> None:
    store.append([*life("b1", 3 * MAX_DELETED), *life("b2", 2)])
    retention = retain(builds=1)
    retention.sweep(NOW)
    deleted: list[int] = []

    def count(_connection: object, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("DELETE FROM activities"):
            deleted.append(cursor.rowcount)

    def record(*_: object) -> None:
        if 1 <= len(deleted) <= 3:
            store.append([activity(f"a{len(deleted)}")])

    event.listen(retention._database.engine, "after_cursor_execute", count)
    event.listen(retention._database.engine, "checkin", record)
    assert retention.sweep(SOON) == 1
    assert max(deleted) == MAX_DELETED
    assert left(store) == ["b2", "a3", "a2", "a1"]


def test_what_was_cut_short_goes_on_with_the_next_sweep(store: Store, retain: Retain) -> None:
    store.append([*life("b1", 2 * MAX_DELETED), *life("b2", 2)])
    cut = retain(builds=1)
    cut.sweep(NOW)
    event.listen(cut._database.engine, "checkin", lambda *_: cut._stopping.set())
    assert cut.sweep(SOON) == 0
    assert left(store) == ["b2", "b1"]
    assert retain(builds=1).sweep(SOON) == 1
    assert store.activities("acme", "b1") == []


def test_two_may_sweep_at_once(store: Store, retain: Retain) -> None:
    for number in range(40):
        store.append(life(f"b{number:02}", 20))
    both = [retain(builds=3), retain(builds=3)]
    both[0].sweep(NOW)
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda retention: retention.sweep(SOON), both))
    assert left(store) == ["b39", "b38", "b37"]


def test_it_runs_by_itself(
    store: Store,
    retain: Retain,
    eventually: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    store.append([*life("b1", 2), *life("b2", 2)])
    with store._database.transaction() as connection:
        long_ago = {"changed": store.position(), "time": datetime.now(UTC) - DAY}
        connection.execute(insert(marks), long_ago)
    retention = retain(builds=1)
    caplog.set_level(logging.INFO, "buildfeed.history")
    retention.start()
    eventually(lambda: left(store) == ["b2"])
    eventually(lambda: [each.getMessage() for each in caplog.records] == ["history.removed"])
    assert retention.alive
    retention.stop()
    assert not retention.alive


def test_a_database_that_fails_ends_nothing(
    tmp_path: Any, eventually: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "history.db").mkdir()
    retention = Retention(f"sqlite:///{tmp_path}/history.db", Keep(1, 1))
    retention.start()
    eventually(lambda: [each.getMessage() for each in caplog.records] == ["history.not_swept"])
    assert retention.alive
    retention.stop()
