"""How often something may be done in a minute, by each of many."""

from hypothesis import given
from hypothesis import strategies as st

from gateway import rate_limit as module
from gateway.rate_limit import RateLimit


def test_so_many_may_start_at_once_and_no_more() -> None:
    rate_limit = RateLimit(3)
    assert [rate_limit.take("acme", 100) for _ in range(5)] == [0, 0, 0, 20, 20]


def test_after_the_wait_it_told_the_next_is_allowed() -> None:
    rate_limit, now = RateLimit(7), 1e6
    for _ in range(7):
        assert rate_limit.take("acme", now) == 0
    for _ in range(20):
        wait = rate_limit.take("acme", now)
        assert rate_limit.take("acme", now + wait / 2) > 0
        now += wait
        assert rate_limit.take("acme", now) == 0


def test_a_refused_start_is_not_counted() -> None:
    rate_limit = RateLimit(1)
    rate_limit.take("acme", 0)
    assert {rate_limit.take("acme", 30) for _ in range(10)} == {30}


def test_projects_do_not_disturb_each_other() -> None:
    rate_limit = RateLimit(1)
    assert [rate_limit.take(project, 0) for project in ("acme", "emca", "acme")] == [0, 0, 60]


def test_idle_projects_are_forgotten_and_busy_ones_are_not() -> None:
    rate_limit = RateLimit(1)
    for number in range(1000):
        rate_limit.take(f"p{number}", 100)
    rate_limit.take("acme", 159)
    assert rate_limit.take("other", 170) == 0
    assert set(rate_limit._full_at) == {"acme", "other"}
    assert rate_limit.take("acme", 170)


def test_few_are_remembered_and_of_those_the_last() -> None:
    rate_limit = RateLimit(1)
    rate_limit.take("first", 0)
    for number in range(module._REMEMBERED):
        rate_limit.take(f"p{number}", 1)
    assert len(rate_limit._full_at) == module._REMEMBERED
    assert (rate_limit.wait("first", 1), rate_limit.wait("p0", 1)) == (0, 60)


@given(
    per_minute=st.integers(1, 1000),
    pauses=st.lists(st.floats(0, 90), max_size=200),
)
def test_no_more_than_twice_the_number_begin_in_any_minute(
    per_minute: int, pauses: list[float]
) -> None:
    rate_limit = RateLimit(per_minute)
    now, taken = 1000.0, []
    for pause in pauses:
        now += pause
        if rate_limit.take("acme", now) == 0:
            taken.append(now)
    for first in taken:
        assert sum(first <= at < first + 60 for at in taken) <= 2 * per_minute
