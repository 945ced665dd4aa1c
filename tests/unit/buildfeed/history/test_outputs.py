"""Output is kept once, in its place, and within its bounds."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from msgspec import UNSET, structs
from sqlalchemy import Insert, event

from buildfeed.activity import Activity
from buildfeed.history.kept_output import Bounds
from buildfeed.history.outputs import MOST_ATTEMPTS
from buildfeed.history.pieces import Pieces
from buildfeed.history.retention import SETTLED, Keep, Retention
from buildfeed.history.schema import outputs
from buildfeed.history.store import Store
from support.builders import accept, ending, log, progress
from support.samples import NOW

BOUNDS = Bounds(20_000)
"""10 000 bytes for the first part, as many for the last."""
ALL = Bounds()

Make = Callable[[Bounds], Store]


@pytest.fixture
def make(database_url: str) -> Iterator[Make]:
    """A function that gives the store with these bounds."""
    stores: list[Store] = []

    def make(bounds: Bounds) -> Store:
        stores.append(Store(database_url, bounds))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def store(make: Make) -> Store:
    return make(BOUNDS)


def said(seq: int, size: int = 1000, offset: int | None = None, attempt: int = 1) -> Activity:
    """Output of so many bytes: one letter, by its seq."""
    text = chr(ord("a") + seq % 26) * size
    return structs.replace(log(text, seq, attempt), offset=UNSET if offset is None else offset)


def pieces(store: Store, attempt: int | None = None) -> Pieces:
    found = store.output().pieces("acme", "b1", attempt)
    assert found
    return found


def begins(store: Store, attempt: int | None = None) -> list[int]:
    return list(pieces(store, attempt).begins)


def logged(store: Store) -> int:
    return store.count_activities("acme", "b1", {"log"})


def test_pieces_are_read_in_the_order_of_their_offsets(store: Store) -> None:
    store.append([accept(), said(1, offset=0), said(3, offset=3000), said(2, offset=1000)])
    found = pieces(store)
    assert (found.attempt, found.ends, found.cut) == (1, 4000, None)
    assert list(found.begins) == [0, 1000, 3000]
    contents = store.output().contents(found.numbers)
    assert [contents[number] for number in found.numbers] == [b"b" * 1000, b"c" * 1000, b"d" * 1000]


def test_pieces_without_offsets_follow_each_other(store: Store) -> None:
    store.append([accept(), said(1, 10), said(2, 5)])
    store.append([said(3, 1)])
    assert begins(store) == [0, 10, 15]


@pytest.mark.parametrize("offset", [None, 0])
def test_what_comes_again_is_kept_once(store: Store, offset: int | None) -> None:
    first = said(1, offset=offset)
    store.append([accept(), first, first])
    store.append([first, accept()])
    assert begins(store) == [0]
    assert pieces(store).ends == 1000
    assert logged(store) == 1


def test_the_newest_attempt_with_output_is_read_unless_another_is_named(store: Store) -> None:
    store.append([accept(), said(1, 10), accept(2), said(1, 20, attempt=2), accept(3)])
    assert pieces(store).attempt == 2
    assert list(pieces(store, 1).sizes) == [10]
    assert store.output().pieces("acme", "b1", 3) is None
    assert store.output().pieces("acme", "b2") is None


def test_of_a_long_output_the_middle_is_left_out(store: Store) -> None:
    store.append([accept()])
    left_out = sum(store.append([said(seq, offset=1000 * (seq - 1))]) for seq in range(1, 101))
    found = pieces(store)
    assert found.cut == 10_000
    assert list(found.begins)[:10] == list(range(0, 10_000, 1000))
    assert found.begins[-1] == 99_000
    assert sum(found.sizes) <= BOUNDS.limit
    assert left_out == 100_000 - sum(found.sizes)
    assert logged(store) == len(found.sizes)


def test_output_of_older_attempts_is_left_out_first(store: Store) -> None:
    store.append([accept(), *(said(seq) for seq in range(1, 20))])
    store.append([accept(2), *(said(seq, attempt=2) for seq in range(1, 16))])
    assert begins(store) == list(range(0, 15_000, 1000))
    old = pieces(store, 1)
    assert sum(old.sizes) <= 5000
    assert old.ends == 19_000


def test_output_of_the_newest_attempts_is_kept(make: Make) -> None:
    store = make(ALL)
    store.append([accept(), said(1), said(2)])
    many = range(2, MOST_ATTEMPTS + 2)
    assert store.append([said(1, 10, attempt=attempt) for attempt in many]) == 2000
    assert attempts(store) == list(many)
    assert store.append([said(3, 30)]) == 30, "an attempt that is older than all that are kept"
    assert store.append([said(1, 10, attempt=7000)]) == 10
    assert attempts(store) == [*many[1:], 7000]
    assert logged(store) == MOST_ATTEMPTS


def attempts(store: Store) -> list[int]:
    """The attempts of b1 that are known to have output, by a look at each that may have."""
    output = store.output()
    named = [*range(1, MOST_ATTEMPTS + 10), 7000]
    return [each for each in named if output.pieces("acme", "b1", each)]


def test_a_piece_writes_what_is_known_of_its_attempt_alone(store: Store) -> None:
    store.append([accept(), *(said(1, 10, attempt=attempt) for attempt in range(1, 9))])
    written: list[Any] = []

    @event.listens_for(store._database.engine, "before_execute")
    def _(_connection: object, statement: object, many: Any, one: Any, _options: object) -> None:
        if isinstance(statement, Insert) and statement.table is outputs:
            written.extend(many or [one])

    store.append([said(2, 10, attempt=8)])
    assert [row["attempt"] for row in written] == [8]


def test_the_bounds_hold_for_rows_too(store: Store) -> None:
    store.append([accept(), *(said(seq, 1) for seq in range(1, 200))])
    assert logged(store) <= 80


def test_output_goes_with_its_build(make: Make, database_url: str) -> None:
    store = make(ALL)
    store.append([accept(), said(1), ending()])
    with closing(Store(database_url)):
        retention = Retention(database_url, Keep(1, 0))
    retention.sweep(NOW)
    retention.sweep(NOW + 2 * SETTLED * 144)
    assert store.get("acme", "b1") is None
    assert store.output().pieces("acme", "b1") is None
    retention.stop()


def test_beyond_what_is_kept_of_all_the_oldest_goes(make: Make, database_url: str) -> None:
    store = make(ALL)
    for build in ("b1", "b2", "b3"):
        lines = [structs.replace(log("x" * 1000, seq, build=build)) for seq in range(1, 11)]
        store.append([accept(build=build), *lines])
        store.append([ending(build=build)] if build != "b1" else [])
    retention = Retention(database_url, Keep(0, 0, 15_000))
    assert retention.sweep_output() == 20_000
    assert [kept(store, build) for build in ("b1", "b2", "b3")] == [10, 0, 0]
    assert retention.sweep_output() == 0
    assert store.output().pieces("acme", "b2", 1).ends == 10_000  # type: ignore[union-attr]
    retention.stop()
    retention = Retention(database_url, Keep(0, 0, 5000))
    assert retention.sweep_output() == 10_000, "of builds that go on, when there is no other"
    assert (kept(store, "b1"), pieces(store).ends, pieces(store).over) == (0, 10_000, False)
    retention.stop()


def kept(store: Store, build: str) -> int:
    found = store.output().pieces("acme", build)
    return len(found.sizes) if found else 0


def test_other_activities_stay(store: Store) -> None:
    store.append([accept(), progress(1), *(said(seq) for seq in range(2, 90)), ending()])
    assert store.count_activities("acme", "b1", {"status", "progress"}) == 3
