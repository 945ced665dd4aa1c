"""Which builds are abandoned: of a runner that is not heard of, and that nobody takes over."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec import UNSET

from buildfeed.activity import MAX_COUNT, encode
from buildfeed.board import BuildState, fold
from buildfeed.history.silence import Silence, ending
from support.builders import accept, progress
from support.builders import ending as ended
from support.samples import NOW


def own(**facts: Any) -> BuildState:
    return BuildState(accept(queued_time=UNSET, **facts))


def abandoned(silence: Silence, now: float, *states: BuildState) -> list[str]:
    return [state.newest.object.build for state, _ in silence.look(states, now)]


@pytest.fixture
def silence() -> Silence:
    """A build b1 of w1, seen at 0."""
    silence = Silence(600)
    assert abandoned(silence, 0, own()) == []
    return silence


def test_a_build_is_abandoned_when_nothing_is_heard_of_it(silence: Silence) -> None:
    assert abandoned(silence, 599, own()) == []
    ((state, seconds),) = silence.look([own()], 600)
    assert (state.newest.object.build, seconds) == ("b1", 600)


def test_a_runner_that_speaks_has_not_abandoned_it(silence: Silence) -> None:
    silence.heard(["w1", None], 500)
    assert abandoned(silence, 1099, own()) == []
    assert abandoned(silence, 1100, own()) == ["b1"]


def test_another_that_speaks_makes_no_difference(silence: Silence) -> None:
    silence.heard(["w2"], 500)
    assert abandoned(silence, 600, own()) == ["b1"]


def test_a_build_that_goes_on_is_not_abandoned(silence: Silence) -> None:
    further = BuildState(progress(5, queued_time=UNSET))
    assert abandoned(silence, 500, further) == []
    assert abandoned(silence, 1099, further) == []
    assert abandoned(silence, 1100, further) == ["b1"]


def test_silence_counts_only_while_one_listens(silence: Silence) -> None:
    silence.restart(500)
    assert abandoned(silence, 1099, own()) == []
    assert abandoned(silence, 1100, own()) == ["b1"]


def test_what_was_queued_is_taken_over_by_a_worker() -> None:
    silence = Silence(600)
    queued = BuildState(accept())
    assert abandoned(silence, 0, queued) == []
    assert abandoned(silence, 9999, queued) == []


def test_a_build_whose_attempt_has_no_next_is_left_as_it_is() -> None:
    silence = Silence(600)
    largest, second = own(attempt=MAX_COUNT), own(attempt=MAX_COUNT - 1, build="b2")
    assert abandoned(silence, 0, largest, second) == []
    assert abandoned(silence, 600, largest, second) == ["b2"]
    assert encode(ending(second, NOW, NOW))


def test_the_errors_of_an_ending_have_a_largest_number() -> None:
    said = ending(own(errors=MAX_COUNT), NOW, NOW)
    assert said.object.errors == MAX_COUNT
    assert encode(said)


def test_what_was_forgotten_is_new_again(silence: Silence) -> None:
    assert abandoned(silence, 300) == []
    assert abandoned(silence, 600, own()) == []


def test_the_ending_is_of_another_attempt_so_that_one_of_the_runner_counts() -> None:
    state = own()
    said = ending(state, NOW - timedelta(minutes=10), NOW)
    build = said.object
    assert (build.status, build.attempt, build.seq, build.errors) == ("failed", 2, 0, 1)
    assert build.error == "Its runner has not been heard of since 2026-11-21T10:05:03.218Z."
    assert said.id.endswith(":2.0")
    assert encode(said)
    late = ended("succeeded", queued_time=UNSET)
    assert fold(fold(state, said), late).newest == late
    assert fold(fold(state, late), said).newest == late
