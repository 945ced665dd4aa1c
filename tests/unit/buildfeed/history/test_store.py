import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET, structs
from sqlalchemy import select

from buildfeed import command
from buildfeed.activity import Activity, Key, Script, parse, urn
from buildfeed.board import BuildState, fold
from buildfeed.history.malformed import MAX_KEPT, Malformed
from buildfeed.history.schema import malformed
from buildfeed.history.store import Store
from buildfeed.selection import Selection
from support.builders import accept, ending, log, progress, start, stop
from support.builds import activity, keys
from support.samples import ADA, ALL, BEGIN, END, LOG, NOW, PROGRESS, QUEUED, RUNNING, START, STOP


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with closing(Store(database_url)) as store:
        yield store


def folded(activities: Iterable[Activity]) -> dict[Key, BuildState]:
    """Fold in memory."""
    states: dict[Key, BuildState] = {}
    for each in activities:
        if each.kind != "log":
            key = each.object.project, each.object.build
            states[key] = fold(states.get(key), each)
    return states


# --- append


def test_activities_come_back_as_they_were_oldest_first(store: Store) -> None:
    said = [START, BEGIN, STOP, END]
    store.append(said[:2])
    store.append(said[2:])
    assert [parse(payload) for _, payload in store.activities("acme", "0193")] == said


def test_the_activities_of_a_build_are_counted(store: Store) -> None:
    store.append([activity("b1", seq=seq) for seq in range(5)])
    assert store.count_activities("acme", "b1") == 5
    assert store.count_activities("acme", "b2") == 0


def test_activities_are_read_page_by_page(store: Store) -> None:
    store.append([activity("b1", seq=seq) for seq in range(5)])
    store.append([activity("b2")])
    first = store.activities("acme", "b1", limit=3)
    second = store.activities("acme", "b1", after=first[-1][0], limit=3)
    assert [parse(payload).object.seq for _, payload in first + second] == [0, 1, 2, 3, 4]
    assert store.activities("acme", "b1", after=second[-1][0]) == []


def test_kinds_can_be_asked_for(store: Store) -> None:
    store.append([START, BEGIN, LOG, STOP, END])
    kinds = {"start", "stop", "log"}
    found = [parse(payload) for _, payload in store.activities("acme", "0193", kinds)]
    assert found == [START, LOG, STOP]
    assert store.count_activities("acme", "0193", kinds) == 3
    ((first, _),) = store.activities("acme", "0193", kinds, limit=1)
    later = store.activities("acme", "0193", kinds, after=first)
    assert [parse(payload) for _, payload in later] == [LOG, STOP]
    assert store.activities("acme", "0193", {"error"}) == []


def test_an_activity_is_stored_once(store: Store) -> None:
    store.append([START, START])
    store.append([START, END])
    assert len(store.activities("acme", "0193")) == 2


def test_a_log_is_stored_and_changes_no_state(store: Store) -> None:
    store.append([LOG, START])
    store.append([structs.replace(LOG, id=f"{RUNNING.id}:1.9")])
    assert len(store.activities("acme", "0193")) == 3
    assert store.get("acme", "0193") == BuildState(START)


def test_a_log_of_an_unknown_build_is_left_out(store: Store) -> None:
    store.append([LOG])
    assert store.activities("acme", "0193") == []


def test_nothing_can_be_appended(store: Store) -> None:
    store.append([])
    assert store.newest(limit=10) == []


def test_a_stop_is_kept_beside_the_newest_state(store: Store) -> None:
    store.append([START, BEGIN])
    store.append([STOP])
    later = NOW + timedelta(seconds=1)
    store.append([structs.replace(STOP, id=f"{RUNNING.id}:stop.1", published=later)])
    state = store.get("acme", "0193")
    assert state == BuildState(BEGIN, STOP)
    assert state.stopping


# --- what is no activity


def set_aside(store: Store) -> list[tuple[str, str, bytes]]:
    query = select(malformed.c.topic, malformed.c.reason, malformed.c.payload)
    with store._database.transaction() as connection:
        return [tuple(row) for row in connection.execute(query.order_by(malformed.c.number))]


def test_what_is_no_activity_is_set_aside_with_the_reason(store: Store) -> None:
    store.append([START], [Malformed("builds/acme/b1/start", "it is empty", b"")])
    store.append([], [Malformed("builds/acme", "too few levels", b"\xff\0")])
    assert set_aside(store) == [
        ("builds/acme/b1/start", "it is empty", b""),
        ("builds/acme", "too few levels", b"\xff\0"),
    ]
    assert store.get("acme", "0193") == BuildState(START)


def test_the_newest_1000_of_them_are_kept_cut_short(store: Store) -> None:
    for first in range(0, 1500, 500):
        store.append([], [Malformed(f"t{first + n}", "r", b"") for n in range(500)])
    store.append([], [Malformed("t\0" * 40_000, "r" * 100_000, b"x" * 100_000)])
    found = set_aside(store)
    assert len(found) == MAX_KEPT
    assert found[0][0] == "t501"
    assert found[-1] == ("t\ufffd" * 100, "r" * 200, b"x" * 4096)


@st.composite
def anything(draw: st.DrawFn) -> Activity:
    """An activity of one of a few builds."""
    project, build = draw(st.sampled_from([("acme", "b1"), ("acme", "b2"), ("beta", "b1")]))
    example = draw(st.sampled_from(ALL))
    state = structs.replace(example.object, id=urn(project, build), project=project, build=build)
    if example is START:
        return structs.replace(example, id=f"{state.id}:0.0", object=state)
    state = structs.replace(state, attempt=draw(st.integers(0, 2)), seq=draw(st.integers(0, 2)))
    place = f"{state.attempt}.{state.seq}"
    id_ = f"{state.id}:stop.{place.replace('.', '-')}" if example is STOP else f"{state.id}:{place}"
    return structs.replace(example, id=id_, object=state)


said_by_all = st.lists(anything(), min_size=1, unique_by=lambda each: each.id)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said_by_all, st.data())
def test_any_order_batching_and_repetition_gives_the_states_folded_in_memory(
    empty_database: Callable[[], str], said: list[Activity], data: st.DataObject
) -> None:
    batches = data.draw(st.lists(st.lists(st.sampled_from(said), max_size=9), max_size=4))
    batches.append(data.draw(st.permutations(said)))
    with closing(Store(empty_database())) as store:
        seen: dict[Key, BuildState] = {}
        position = 0
        for batch in batches:
            store.append(batch)
            states, position = store.changes(position)
            seen |= {state.key: state for state in states}
        assert {state.key: state for state in store.newest(limit=99)} == folded(said)
        assert seen == folded(said)


def test_several_recorders_may_write_the_same_while_somebody_reads(database_url: str) -> None:
    said = [activity(f"b{build}", seq=seq) for seq in range(10) for build in range(5)]
    written = threading.Event()

    def record(stream: Sequence[Activity]) -> None:
        with closing(Store(database_url)) as store:
            for start in range(0, len(stream), 7):
                store.append(stream[start : start + 7])

    def read() -> dict[Key, BuildState]:
        seen: dict[Key, BuildState] = {}
        position = 0
        with closing(Store(database_url)) as store:
            while True:
                last = written.is_set()
                states, position = store.changes(position, limit=3)
                seen |= {state.key: state for state in states}
                if last and not states:
                    return seen

    with ThreadPoolExecutor() as threads:
        reader = threads.submit(read)
        list(threads.map(record, [said, said[::-1], said, said[::-1]]))
        written.set()
    with closing(Store(database_url)) as store:
        assert {state.key: state for state in store.newest(limit=99)} == folded(said)
        assert all(len(store.activities("acme", f"b{build}")) == 10 for build in range(5))
    assert reader.result() == folded(said)


# --- the newest states


def test_an_unknown_build_has_no_state(store: Store) -> None:
    store.append([activity("b1")])
    assert store.get("acme", "b2") is None
    assert store.get("beta", "b1") is None
    assert store.latest_status("beta") is None


def test_unfinished_builds_that_were_asked_for_come_oldest_first(store: Store) -> None:
    store.append([start("b3"), start("b1"), start("b4"), start("b2"), accept(build="b3")])
    store.append([ending(build="b1"), stop(start("b4"))])
    assert store.offered() == [
        (start("b2"), BuildState(start("b2"))),
        (start("b3"), BuildState(accept(build="b3"))),
    ]


def test_a_build_that_nobody_asked_for_is_not_offered(store: Store) -> None:
    own, stopped, unknown = start("b1"), accept(build="b2"), command.unknown("acme", "b3")
    store.append([accept(build="b1"), progress(40, build="b1"), log("cc", 50, build="b1")])
    store.append([stopped, stop(stopped)])
    store.append([command.stop(unknown, NOW, by="bob", uuid="1")])
    store.append([progress(0, attempt=0, build="b4")])  # has the id that a start would have
    assert store.offered() == []
    store.append([own])  # recorded late
    assert store.offered() == [(own, BuildState(progress(40, build="b1")))]


def test_what_is_offered_is_what_the_start_says(store: Store) -> None:
    asked = start("b1", script=Script(seconds=1), priority="high", by="ada")
    begun = accept(build="b1", script=UNSET, priority="normal", by="eve")
    store.append([begun, asked])
    assert store.offered() == [(asked, BuildState(begun))]


@pytest.mark.parametrize(
    ("filters", "builds"),
    [
        ({}, ["b5", "b4", "b3", "b2", "b1"]),
        ({"project": "acme"}, ["b5", "b3", "b1"]),
        ({"project": "acme", "selection": Selection(builds=frozenset(["b1", "b2"]))}, ["b1"]),
        ({"statuses": ["failed", "running"]}, ["b5", "b4", "b2"]),
        ({"statuses": []}, []),
        ({"before": ("b4", "")}, ["b3", "b2", "b1"]),
        ({"ended": True}, ["b3", "b2", "b1"]),
        ({"ended": False}, ["b5", "b4"]),
        ({"project": "acme", "ended": True, "before": ("b3", "")}, ["b1"]),
        ({"project": "acme", "before": ("b3", "beta")}, ["b3", "b1"]),
    ],
)
def test_the_newest_states_can_be_narrowed(
    store: Store, filters: dict[str, Any], builds: list[str]
) -> None:
    store.append(
        [
            activity("b1", "succeeded"),
            activity("b2", "failed", project="beta"),
            activity("b3", "stopped"),
            activity("b4", project="beta"),
            activity("b5"),
        ]
    )
    assert [build for _, build in keys(store.newest(limit=10, **filters))] == builds


@pytest.mark.parametrize(
    ("selection", "builds"),
    [
        (Selection(everything=True), ["b4", "b3", "b2", "b1", "b1"]),
        (Selection(), []),
        (Selection(projects=frozenset(["acme"])), ["b3", "b1"]),
        (Selection(projects=frozenset(["acme", "zoo"])), ["b4", "b3", "b1"]),
        (Selection(builds=frozenset(["b1", "b9"])), ["b1", "b1"]),
        (Selection(keys=frozenset([("acme", "b1"), ("beta", "b3")])), ["b1"]),
        (
            Selection(
                projects=frozenset(["zoo"]),
                builds=frozenset(["b2"]),
                keys=frozenset([("beta", "b1"), ("beta", "b4")]),
            ),
            ["b4", "b2", "b1"],
        ),
    ],
)
def test_states_are_selected_in_several_ways(
    store: Store, selection: Selection, builds: list[str]
) -> None:
    store.append(
        [
            activity("b1"),
            activity("b1", project="beta"),
            activity("b2", project="beta"),
            activity("b3"),
            activity("b4", project="zoo"),
        ]
    )
    assert [build for _, build in keys(store.newest(limit=10, selection=selection))] == builds


def test_pages_of_states_meet_without_gap_or_overlap(store: Store) -> None:
    names = ["b1", "b-1", "b_1", "b10", "b1-", "a", "ab"]
    store.append([activity(name, project=project) for name in names for project in ("p-1", "p1")])
    pages: list[tuple[str, str]] = []
    before = None
    while page := store.newest(limit=3, before=before):
        pages += [(build, project) for project, build in keys(page)]
        before = pages[-1]
    assert pages == sorted(((n, p) for n in names for p in ("p-1", "p1")), reverse=True)


def test_the_newest_build_of_a_project_is_the_one_with_the_newest_id(store: Store) -> None:
    store.append([activity("b2"), activity("b1", seq=5), activity("b3", project="beta")])
    assert keys(store.newest(limit=1, project="acme")) == [("acme", "b2")]


def test_the_latest_status_is_no_progress(store: Store) -> None:
    store.append([START, BEGIN, structs.replace(PROGRESS, id=f"{RUNNING.id}:1.9")])
    assert store.latest_status("acme") == BEGIN
    store.append([END])
    assert store.latest_status("acme") == END
    newer = structs.replace(QUEUED, id=urn("acme", "0200"), build="0200")
    store.append([start := Activity.about(newer, "Offer", ADA, NOW)])
    assert store.latest_status("acme") == start


# --- changes


def test_each_change_is_told_once_in_the_order_of_the_changes(store: Store) -> None:
    position = store.position()
    store.append([activity("b1"), activity("b2")])
    store.append([activity("b1", seq=1)])
    states, position = store.changes(position)
    assert states == [
        BuildState(activity("b2")),
        BuildState(activity("b1", seq=1)),
    ]
    assert store.changes(position) == ([], position)


def test_what_is_known_already_is_no_change(store: Store) -> None:
    store.append([activity("b1", seq=1)])
    _, position = store.changes(0)
    store.append([activity("b1", seq=1), activity("b1", seq=0)])
    assert store.changes(position)[0] == []


def test_many_changes_are_told_in_parts(store: Store) -> None:
    store.append([activity(f"b{number}") for number in range(5)])
    told, position = [], 0
    while True:
        states, position = store.changes(position, limit=2)
        told += keys(states)
        if not states:
            break
    assert sorted(told) == [("acme", f"b{number}") for number in range(5)]
    assert position == store.position()


def test_changes_are_told_again_after_an_older_backup_was_restored(store: Store) -> None:
    store.append([activity("b1")])
    _, position = store.changes(1_000_000)
    store.append([activity("b1", seq=1)])
    assert keys(store.changes(position)[0]) == [("acme", "b1")]
