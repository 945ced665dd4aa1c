"""Attempts in a minute, of each name."""

from gateway.access import attempts
from gateway.access.attempts import MINUTE, MOST, Attempts


def test_so_many_may_fail_in_a_minute_and_no_more() -> None:
    tries = Attempts()
    for number in range(MOST):
        assert tries.wait("a", number) == 0
        tries.fail("a", number)
    assert tries.wait("a", 20) == MINUTE - 20
    assert tries.wait("b", 20) == 0
    assert tries.refused == 1


def test_the_next_may_be_tried_when_the_oldest_is_a_minute_old() -> None:
    tries = Attempts()
    for number in range(MOST):
        tries.fail("a", number)
    assert tries.wait("a", MINUTE - 0.1) > 0
    assert tries.wait("a", MINUTE) == 0
    tries.fail("a", MINUTE)
    assert tries.wait("a", MINUTE) == 1


def test_the_limit_may_be_another() -> None:
    tries = Attempts(1)
    tries.fail("a", 0)
    assert tries.wait("a", 1) > 0


def test_few_are_remembered_and_of_each_little() -> None:
    tries = Attempts()
    for number in range(2 * attempts._REMEMBERED):
        tries.fail(str(number), 0)
    for _ in range(1000):
        tries.fail("a", 1)
    assert len(tries._made) == attempts._REMEMBERED
    assert len(tries._made["a"]) == MOST
