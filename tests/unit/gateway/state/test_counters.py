from datetime import timedelta

import pytest

from buildfeed.activity import Activity
from buildfeed.board import Board, BuildState
from gateway.state.counters import WAITING_BOUNDS, Counters
from support.builders import accept, error, log, progress, start, stop
from support.samples import QUEUED


@pytest.fixture
def counters() -> Counters:
    return Counters()


def receive(counters: Counters, *activities: Activity) -> Counters:
    board = Board()
    for activity in activities:
        counters.receive(activity, board)
        board.fold(activity)
    return counters


def began(after: float, **facts: object) -> Activity:
    """A worker begins the build so many seconds after it was queued."""
    return accept(start_time=QUEUED.queued_time + timedelta(seconds=after), **facts)


def test_activities_are_counted_by_kind(counters: Counters) -> None:
    receive(counters, start(), accept(), progress(30), progress(30), error("no", 40), log("l", 50))

    assert counters.received == {
        "start": 1,
        "stop": 0,
        "status": 1,
        "progress": 2,
        "error": 1,
        "log": 1,
    }


def test_a_delayed_build_waits_from_the_time_it_may_begin(counters: Counters) -> None:
    due = QUEUED.queued_time + timedelta(hours=1)
    receive(counters, start(not_before=due), began(3603, not_before=due))

    assert counters.waited == 3


def test_a_waiting_time_is_in_the_class_of_its_upper_bound(counters: Counters) -> None:
    receive(counters, start(), began(2.5), began(2.6, build="b2"), began(9999, build="b3"))

    classes = dict(zip([*WAITING_BOUNDS, "more"], counters.waiting, strict=True))
    assert {bound: n for bound, n in classes.items() if n} == {2.5: 1, 5.0: 1, "more": 1}
    assert counters.waited == pytest.approx(2.5 + 2.6 + 9999)


def test_only_the_first_attempt_that_runs_has_waited(counters: Counters) -> None:
    receive(counters, start(), began(1), began(1), began(60, attempt=2), progress(30, attempt=2))

    assert sum(counters.waiting) == 1
    assert counters.waited == 1
    assert counters.retaken == 1


def test_a_build_that_history_showed_first_has_waited_too(counters: Counters) -> None:
    board = Board()
    board.merge(BuildState(progress(30)))
    counters.receive(began(1), board)

    assert counters.waited == 1


def test_only_beginnings_of_late_are_known_when_they_come_again(counters: Counters) -> None:
    others = [began(1, build=f"other-{n}") for n in range(1000)]
    receive(counters, began(1), *others[1:], began(1))
    assert sum(counters.waiting) == 1000

    receive(counters, others[0], began(1))
    assert sum(counters.waiting) == 1002


def test_clocks_that_differ_make_no_negative_waiting_time(counters: Counters) -> None:
    receive(counters, began(-5))

    assert (counters.waiting[0], counters.waited) == (1, 0)


def test_a_build_that_never_ran_has_not_waited(counters: Counters) -> None:
    receive(counters, start(), stop(start()))

    assert sum(counters.waiting) == 0
