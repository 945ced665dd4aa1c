"""When an attempt starts."""

from buildfeed.worker.limits import pause


def test_two_attempts_start_at_once_and_later_ones_wait_longer_and_longer() -> None:
    assert [pause(attempt) for attempt in range(1, 11)] == [0, 0, 1, 2, 4, 8, 16, 30, 30, 30]


def test_an_absurd_attempt_waits_no_longer_than_others() -> None:
    assert pause(2**53) == 30
