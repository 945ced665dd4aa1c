"""The pace of reading."""

import pytest

from buildfeed.broker.mqtt.reading_pace import REST_SECONDS, ReadingPace


def reads(interval: float, seconds: float = 1.0) -> tuple[int, float]:
    """Return how often messages that come at an interval are read, and the longest wait of one."""
    pace, count, longest = ReadingPace(), 0, 0.0
    waiting: list[float] = []
    for number in range(round(seconds / interval)):
        now = 100 + number * interval
        if waiting and (due := max(waiting[0], waiting[0] + pace.rest(waiting[0]))) < now:
            longest = max(longest, due - waiting[0])
            pace.has_read(due)
            waiting, count = [], count + 1
        waiting.append(now)
    return count, longest


def test_a_message_after_a_pause_is_read_at_once() -> None:
    pace = ReadingPace()
    assert pace.rest(5) <= 0
    pace.has_read(5)
    assert pace.rest(5) <= 0
    pace.has_read(5.02)
    assert pace.rest(5.02) <= 0


def test_messages_that_come_fast_are_read_several_at_a_time() -> None:
    count, longest = reads(0.0005)
    assert 190 < count < 260
    assert longest <= REST_SECONDS


@pytest.mark.parametrize("interval", [0.01, 0.02, 0.1])
def test_slower_ones_are_read_each_by_itself(interval: float) -> None:
    count, longest = reads(interval)
    assert count == round(1 / interval) - 1
    assert longest == 0
