"""Places in the queue, without a gateway around them."""

from datetime import timedelta

import pytest

from buildfeed.activity import Activity
from buildfeed.board import BuildState
from gateway.state.places import Places
from support.builders import accept, start
from support.samples import NOW

SOON = NOW + timedelta(seconds=9)


@pytest.fixture
def places() -> Places:
    return Places()


def states(*activities: Activity) -> list[BuildState]:
    return [BuildState(activity) for activity in activities]


def builds(found: list[BuildState]) -> list[str]:
    return [state.newest.object.build for state in found]


def test_the_builds_that_moved_are_told_in_their_order_and_once(places: Places) -> None:
    queued = states(start("b2"), start("b1"), start("b3", priority="high"))

    assert builds(places.refresh(queued, NOW)) == ["b3", "b1", "b2"]
    assert places.refresh(queued, NOW) == []
    assert [places.of(state) for state in queued] == [2, 1, 0]


def test_a_build_that_runs_has_no_place_and_takes_none(places: Places) -> None:
    running, queued = states(accept(build="b1"), start("b2"))
    places.refresh([running, queued], NOW)

    assert (places.of(running), places.of(queued)) == (None, 0)


def test_a_new_build_is_last_until_the_refresh_and_goes_before_delayed_ones(
    places: Places,
) -> None:
    first, delayed, new = states(start("b1"), start("b2", not_before=SOON), start("b3"))
    places.refresh([first, delayed], NOW)

    assert (places.of(delayed), places.of(new)) == (1, 1)
    assert builds(places.refresh([first, delayed, new], NOW)) == ["b2"]


def test_a_build_that_left_is_not_counted(places: Places) -> None:
    first, second, new = states(start("b1"), start("b2", not_before=SOON), start("b3"))
    places.refresh([first, second], NOW)
    places.leave(("acme", "b1"))
    places.leave(("acme", "b2"))
    places.leave(("acme", "b2"))

    assert places.of(new) == 0
