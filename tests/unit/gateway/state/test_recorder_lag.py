"""The lag of the recorder, without a gateway around it."""

import pytest

from buildfeed.activity import Activity
from buildfeed.board import BuildState
from gateway.state.recorder_lag import RecorderLag
from support.builders import accept, ending, progress, start


@pytest.fixture
def lag() -> RecorderLag:
    return RecorderLag()


def test_it_is_the_age_of_the_oldest_change_that_is_missing(lag: RecorderLag) -> None:
    assert lag.seconds(5) == 0

    lag.changed(start("b1").object, 5)
    lag.changed(start("b2").object, 6)
    lag.changed(accept(build="b1").object, 7)

    assert lag.seconds(8) == 3


def test_a_change_in_history_is_not_missing_and_a_newer_one_counts_from_then_on(
    lag: RecorderLag,
) -> None:
    lag.changed(start().object, 5)
    lag.changed(accept().object, 6)
    lag.recorded(BuildState(start()))
    assert lag.seconds(9) == 3

    lag.recorded(BuildState(accept()))
    assert lag.seconds(10) == 0


@pytest.mark.parametrize("behind", [start(), accept(), progress(90, attempt=1)])
def test_history_that_is_behind_leaves_it_missing(lag: RecorderLag, behind: Activity) -> None:
    lag.changed(progress(30, attempt=2).object, 5)
    lag.recorded(BuildState(behind))

    assert lag.seconds(9) == 4


def test_an_ending_in_history_ends_the_wait_of_every_attempt(lag: RecorderLag) -> None:
    lag.changed(progress(90, attempt=2).object, 5)
    lag.recorded(BuildState(ending(attempt=1)))

    assert lag.seconds(9) == 0


def test_a_build_that_came_from_history_alone_is_not_missing(lag: RecorderLag) -> None:
    lag.recorded(BuildState(start()))

    assert lag.seconds(9) == 0


def test_what_a_restored_database_has_lost_is_not_waited_for(lag: RecorderLag) -> None:
    lag.changed(start("b1").object, 5)
    lag.changed(start("b2").object, 100)
    assert lag.seconds(101) == 96
    lag.recorded(BuildState(start("b2")))
    assert lag.seconds(101) == 0
