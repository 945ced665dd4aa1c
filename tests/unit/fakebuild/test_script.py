"""The plan of a fake build."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildfeed.activity import Script
from fakebuild.script import PAUSE, paced, plan

percentages = st.integers(0, 100)
scripts = st.builds(
    Script,
    seconds=st.floats(0.01, 86_400),
    steps=st.integers(1, 300),
    errors=st.lists(percentages, max_size=20).map(tuple),
)


def test_a_build_takes_ten_seconds_in_ten_steps_with_an_error_at_70_percent_by_default() -> None:
    ticks = list(plan(Script()))

    assert [tick.at for tick in ticks] == pytest.approx(range(1, 11))
    assert [tick.progress for tick in ticks] == [*range(10, 101, 10)]
    assert [tick.progress for tick in ticks if tick.errors] == [70]
    assert ticks[6].errors[0].text.startswith("step 7: ")


def test_an_error_between_two_ticks_comes_with_the_later_one() -> None:
    ticks = plan(Script(steps=4, errors=(51,)))

    assert [(tick.progress, len(tick.errors)) for tick in ticks] == [
        (25, 0),
        (50, 0),
        (75, 1),
        (100, 0),
    ]


def test_errors_at_0_and_100_percent_belong_to_the_first_and_the_last_tick() -> None:
    assert [len(tick.errors) for tick in plan(Script(steps=3, errors=(100, 0)))] == [1, 0, 1]


def test_a_build_of_one_step_has_all_its_errors_in_it() -> None:
    (tick,) = plan(Script(seconds=5, steps=1, errors=(10, 20, 20)))

    assert (tick.at, tick.progress, len(tick.errors)) == (5, 100, 2)


@given(scripts)
def test_every_listed_percentage_gives_one_error_at_the_first_tick_that_reaches_it(
    script: Script,
) -> None:
    before = -1
    for tick in plan(script):
        reached = {percent for percent in script.errors if before < percent <= tick.progress}
        assert len(tick.errors) == len(reached)
        before = tick.progress


@given(scripts)
def test_ticks_are_evenly_spaced_and_end_at_100_percent_in_time(script: Script) -> None:
    ticks = list(plan(script))

    assert len(ticks) == script.steps
    assert ticks[-1].progress == 100
    assert ticks[-1].at == pytest.approx(script.seconds)
    gaps = [later.at - tick.at for tick, later in pairwise(ticks)]
    assert gaps == pytest.approx([script.seconds / script.steps] * len(gaps), abs=1e-6)


@given(scripts)
def test_the_same_script_gives_the_same_plan(script: Script) -> None:
    assert list(plan(script)) == list(plan(script))


@pytest.mark.parametrize("seconds", [1e-308, 0.004, 0.5, 3])
def test_ticks_that_come_too_fast_are_told_together(seconds: float) -> None:
    script = Script(seconds=seconds, steps=10_000, errors=tuple(range(0, 101, 10)))
    every, told = list(plan(script)), list(paced(plan(script)))

    assert len(told) <= seconds / PAUSE + 2
    assert "".join(tick.output for tick in told) == "".join(tick.output for tick in every)
    assert sum(len(tick.errors) for tick in told) == 11
    assert (told[-1].at, told[-1].progress) == (every[-1].at, 100)


@given(scripts)
def test_ticks_that_are_not_too_fast_are_told_one_by_one(script: Script) -> None:
    if script.steps / script.seconds <= 1 / PAUSE:
        assert list(paced(plan(script))) == list(plan(script))
