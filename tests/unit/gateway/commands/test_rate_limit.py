"""How often a project may start builds."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.rate_limit import Throttle


def test_so_many_may_start_at_once_and_no_more() -> None:
    throttle = Throttle(3)
    assert [throttle.take("acme", 100) for _ in range(5)] == [0, 0, 0, 20, 20]


def test_after_the_wait_it_told_the_next_is_allowed() -> None:
    throttle, now = Throttle(7), 1e6
    for _ in range(7):
        assert throttle.take("acme", now) == 0
    for _ in range(20):
        wait = throttle.take("acme", now)
        assert throttle.take("acme", now + wait / 2) > 0
        now += wait
        assert throttle.take("acme", now) == 0


def test_a_refused_start_is_not_counted() -> None:
    throttle = Throttle(1)
    throttle.take("acme", 0)
    assert {throttle.take("acme", 30) for _ in range(10)} == {30}


def test_projects_do_not_disturb_each_other() -> None:
    throttle = Throttle(1)
    assert [throttle.take(project, 0) for project in ("acme", "emca", "acme")] == [0, 0, 60]


def test_idle_projects_are_forgotten_and_busy_ones_are_not() -> None:
    throttle = Throttle(1)
    for number in range(1000):
        throttle.take(f"p{number}", 100)
    throttle.take("acme", 159)
    assert throttle.take("other", 170) == 0
    assert set(throttle._full_at) == {"acme", "other"}
    assert throttle.take("acme", 170)


@given(
    per_minute=st.integers(1, 1000),
    pauses=st.lists(st.floats(0, 90), max_size=200),
)
def test_no_more_than_twice_the_number_begin_in_any_minute(
    per_minute: int, pauses: list[float]
) -> None:
    throttle = Throttle(per_minute)
    now, taken = 1000.0, []
    for pause in pauses:
        now += pause
        if throttle.take("acme", now) == 0:
            taken.append(now)
    for first in taken:
        assert sum(first <= at < first + 60 for at in taken) <= 2 * per_minute
