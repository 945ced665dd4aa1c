from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from buildfeed import command
from buildfeed.activity import Activity, Script, urn, worker_actor
from buildfeed.board import Board, BuildState, fold, merge
from support.samples import END, ENDED, NOW, PROGRESS, RUNNING, START, W1

# --- the fold rule, said again in another way


def expected(seen: list[Activity]) -> BuildState:
    """Sort everything that was seen; nothing is folded one by one here."""

    def order(activity: Activity) -> tuple[int, int]:
        return activity.object.attempt, activity.object.seq

    endings = [a for a in seen if a.object.status in ("succeeded", "failed", "stopped")]
    place = min(map(order, endings)) if endings else max(map(order, seen))
    there = [activity for activity in endings or seen if order(activity) == place]
    # A stop repeats what a worker said, so the worker's own word goes first.
    there.sort(key=lambda activity: (activity.type == "Undo", activity.published, activity.id))
    stops = [activity for activity in seen if activity.type == "Undo"]
    stops.sort(key=lambda stop: (stop.published, stop.id))
    return BuildState(there[0], stops[0] if stops else None)


moments = st.integers(-5, 5).map(lambda seconds: NOW + timedelta(seconds=seconds))  # clocks differ


@st.composite
def attempts(draw: st.DrawFn, attempt: int) -> list[Activity]:
    """What one worker says: until it ends the build, gives it up, or is lost."""
    worker = worker_actor(f"w{draw(st.integers(1, 2))}")
    state = structs.replace(RUNNING, attempt=attempt, seq=-1, progress=0, errors=0)
    said = []

    def say(type_: Any, **changes: Any) -> None:
        nonlocal state
        state = structs.replace(state, seq=state.seq + 1, **changes)
        said.append(Activity.about(state, type_, worker, draw(moments)))

    if not draw(st.integers(0, 9)):
        say("Update", status="failed", errors=1)  # one attempt too many
        return said
    say("Accept")
    for tick in range(draw(st.integers(0, 4))):
        failed = draw(st.booleans())
        say("Flag" if failed else "Update", progress=tick * 25, errors=state.errors + failed)
    if ending := draw(st.sampled_from([None, "succeeded", "failed", "stopped"])):
        say("Update", status=ending, end_time=NOW)
    return said


@st.composite
def histories(draw: st.DrawFn) -> list[Activity]:
    """Everything that was published about one build, by several workers and people."""
    said = [START]
    for attempt in range(1, 1 + draw(st.integers(0, 4))):
        said += draw(attempts(attempt))
    known = [activity.object for activity in said] + [command.unknown("acme", "0193")]
    stops = [
        command.stop(draw(st.sampled_from(known)), draw(moments), by=person, uuid=UUID(int=i).hex)
        for i, person in enumerate(draw(st.lists(st.sampled_from(["ada", "bob"]), max_size=3)))
    ]
    return said + stops


@st.composite
def receptions(draw: st.DrawFn) -> list[Activity]:
    """Some of a history, in any order, with any repetition."""
    history = draw(histories())
    seen = draw(st.lists(st.sampled_from(history), min_size=1, unique_by=lambda a: a.id))
    again = draw(st.lists(st.sampled_from(seen)))
    return draw(st.permutations(seen + again))


def folded(activities: Iterable[Activity]) -> BuildState:
    state = None
    for activity in activities:
        state = fold(state, activity)
    assert state
    return state


@given(receptions())
def test_any_order_and_any_repetition_gives_the_same_picture(seen: list[Activity]) -> None:
    assert folded(seen) == expected(seen)


@given(receptions(), st.data())
def test_boards_that_saw_parts_merge_to_the_picture_of_one_that_saw_all(
    seen: list[Activity], data: st.DataObject
) -> None:
    parts = st.lists(st.sampled_from([0, 1, 2]), min_size=1, unique=True)
    boards = Board(), Board(), Board()
    for activity in seen:
        for part in data.draw(parts):
            boards[part].fold(activity)
    states = [state for board in boards if (state := board.get("acme", "0193"))]
    together = Board()
    for state in data.draw(st.permutations(states + states)):
        together.merge(state)
    assert together.get("acme", "0193") == expected(seen)


@given(receptions(), st.integers(0, 40))
def test_merging_goes_both_ways_and_twice(seen: list[Activity], cut: int) -> None:
    here, there = folded(seen[: cut + 1]), folded(seen[cut:] or seen)
    assert merge(here, there) == merge(there, here) == expected(seen)
    assert merge(here, here) is here


@given(receptions())
def test_what_says_nothing_new_changes_nothing(seen: list[Activity]) -> None:
    board = Board()
    for activity in seen:
        before = board.get("acme", "0193")
        state, changed = board.fold(activity)
        assert changed is (state != before)
        assert board.fold(activity) == (state, False)
        assert board.merge(state) == (state, False)
        assert board.get("acme", "0193") is state


# --- the same rule by example


def ending(status: Any, attempt: int, seq: int) -> Activity:
    return Activity.about(
        structs.replace(ENDED, status=status, attempt=attempt, seq=seq), "Update", W1, NOW
    )


def progress(attempt: int, seq: int) -> Activity:
    return Activity.about(structs.replace(RUNNING, attempt=attempt, seq=seq), "Update", W1, NOW)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (progress(1, 8), progress(1, 7)),  # later in the attempt
        (progress(2, 0), progress(1, 99)),  # the next attempt
        (ending("stopped", 1, 3), progress(1, 9)),  # an ending is the end
        (ending("failed", 1, 3), progress(2, 0)),  # also of a lost attempt
        (ending("failed", 1, 9), ending("succeeded", 2, 1)),  # it ended once
        (ending("stopped", 0, 1), ending("succeeded", 1, 5)),  # stopped before it ran
    ],
)
def test_which_of_two_activities_counts(one: Activity, other: Activity) -> None:
    assert folded([one, other]).newest is one
    assert folded([other, one]).newest is one


def test_the_earliest_stop_counts_and_the_smaller_id_of_two_at_once() -> None:
    def stop(seconds: int, by: str, number: int) -> Activity:
        moment = NOW + timedelta(seconds=seconds)
        return command.stop(RUNNING, moment, by=by, uuid=UUID(int=number).hex)

    late, first, second = stop(1, "eve", 1), stop(0, "ada", 2), stop(0, "bob", 3)
    assert folded([PROGRESS, second, late, first]).stopped_by == "ada"
    assert folded([PROGRESS, second, late]).stopped_by == "bob"


# --- the board


def start(number: int) -> Activity:
    return command.start("acme", f"b{number}", NOW, by="a", script=Script(), priority="normal")


def end(number: int) -> Activity:
    build = structs.replace(ENDED, build=f"b{number}", id=urn("acme", f"b{number}"))
    return Activity.about(build, "Update", W1, NOW)


def names(states: Iterable[BuildState]) -> list[str]:
    return [state.key[1] for state in states]


def test_a_board_knows_nothing_at_first() -> None:
    board = Board()
    assert len(board) == 0
    assert board.get("acme", "0193") is None
    assert not board.forgot


def test_unfinished_builds_come_in_the_order_they_were_first_seen() -> None:
    board = Board()
    for number in (2, 1, 3, 1):
        board.fold(start(number))
    assert names(board.unfinished()) == ["b2", "b1", "b3"]


def test_an_ended_build_changes_sides_and_the_newest_ending_comes_first() -> None:
    board = Board()
    for activity in (start(1), start(2), start(3), end(2), end(1)):
        board.fold(activity)
    assert names(board.unfinished()) == ["b3"]
    assert names(board.ended()) == ["b1", "b2"]
    assert len(board) == 3


def test_an_activity_that_came_late_does_not_reopen_a_build() -> None:
    board = Board()
    board.fold(END)
    assert board.fold(PROGRESS) == (BuildState(END), False)
    assert names(board.unfinished()) == []


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from([start, end]))))
def test_a_board_is_bounded_and_says_when_it_forgot(happened: list[Any]) -> None:
    board = Board(max_unfinished=3, max_ended=2)
    builds = set()
    for number, what in happened:
        state, changed = board.fold(what(number))
        builds.add(number)
        if changed:
            assert board.get(*state.key) is state  # the newest is never the one to go
        assert len(names(board.unfinished())) <= 3
        assert len(names(board.ended())) <= 2
        assert board.forgot or len(board) == len(builds)


def test_a_board_is_complete_once_all_of_history_was_read_and_until_a_build_falls_off() -> None:
    board = Board(max_ended=2)
    assert not board.complete
    board.history_read(whole=False)
    assert not board.complete
    board.history_read(whole=True)
    for number in (1, 2):
        board.fold(end(number))
    assert board.complete
    board.fold(end(3))
    assert not board.complete
