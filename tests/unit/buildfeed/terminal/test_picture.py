from typing import Any

from msgspec import convert

from buildfeed.terminal import picture
from buildfeed.terminal.picture import Picture, State, fold
from support.told_gateway import build


def state(**more: Any) -> State:
    return convert(build(**more), State)


def test_the_newest_state_counts_whatever_comes_late() -> None:
    running, further = state(seq=3, progress=30), state(seq=5, progress=50)
    taken_over = state(attempt=2, seq=0, progress=0)
    failed, ended_later = state(seq=7, status="failed"), state(seq=9, status="succeeded")

    assert fold(None, running) == running
    assert fold(running, further) == fold(further, running) == further
    assert fold(further, taken_over) == fold(taken_over, further) == taken_over
    assert fold(taken_over, failed) == fold(failed, taken_over) == failed
    assert fold(ended_later, failed) == fold(failed, ended_later) == failed


def test_of_two_with_the_same_place_the_new_one_counts() -> None:
    waiting, next_one = state(status="queued", ahead=3), state(status="queued", ahead=1)
    assert fold(waiting, next_one) == next_one


def test_once_asked_to_stop_it_is_stopping_until_it_ends() -> None:
    asked, late = state(seq=5, stopping=True, stoppedBy="bob"), state(seq=6)
    stopping = fold(asked, late)
    assert (stopping.stopping, stopping.stopped_by, stopping.seq) == (True, "bob", 6)
    stopped = fold(stopping, state(seq=7, status="stopped"))
    assert (stopped.stopping, stopped.stopped_by) == (False, "bob")


def test_what_is_as_it_was_is_no_news() -> None:
    seen = Picture()
    assert seen.fold(state(seq=2))
    assert seen.fold(state(seq=2, kind="error", published="2026-11-21T10:15:03Z")) is None
    assert seen.fold(state(seq=1)) is None
    assert seen.fold(state(seq=3))


def test_a_build_that_a_snapshot_lacks_has_ended() -> None:
    seen = Picture()
    seen.fold(state(build="01a1"))
    seen.fold(state(build="01a2"))
    seen.fold(state(build="01a3", status="failed"))
    seen.begin()
    seen.fold(state(build="01a2"))

    assert [each.build for each in seen.complete()] == ["01a1"]
    assert [each.build for each in seen.unfinished] == ["01a2"]
    assert seen.newest
    assert seen.newest.build == "01a3"


def test_ended_builds_are_forgotten_in_time(monkeypatch: Any) -> None:
    monkeypatch.setattr(picture, "MOST_ENDED", 10)
    seen = Picture()
    seen.fold(state(build="0000"))
    for number in range(100):
        seen.fold(state(build=f"{number:04x}a", status="succeeded"))

    assert len(seen._states) <= 21
    assert seen.get(("acme", "0000"))
    assert seen.get(("acme", "0063a"))
    assert seen.get(("acme", "0001a")) is None
