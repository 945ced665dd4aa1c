import threading

import pytest

from buildfeed.subscribe.waiting import MOST_WAITING, Received, Waiting


def received(number: int, *, connection: int = 1, again: bool = True) -> Received:
    return Received("t", b"%d" % number, connection, lambda: None, again)


def taken(waiting: Waiting, count: int) -> list[int]:
    found = [waiting.take() for _ in range(count)]
    return [int(each.payload) for each in found if each]


def test_messages_are_taken_in_order() -> None:
    waiting = Waiting()
    for number in range(3):
        waiting.put(received(number))
    assert taken(waiting, 3) == [0, 1, 2]


def test_one_waits_for_a_message() -> None:
    waiting = Waiting()
    found: list[int] = []
    taker = threading.Thread(target=lambda: found.extend(taken(waiting, 1)))
    taker.start()
    waiting.put(received(7))
    taker.join(10)
    assert found == [7]


def test_what_comes_again_on_a_new_connection_does_not_wait_twice() -> None:
    waiting = Waiting()
    for number in range(3):
        waiting.put(received(number))
    assert taken(waiting, 1) == [0]
    waiting.put(received(1, connection=2))
    waiting.put(received(2, connection=2))
    assert taken(waiting, 2) == [1, 2]


def test_what_comes_once_does_not_overtake_what_comes_again() -> None:
    waiting = Waiting()
    waiting.put(received(0, again=False))
    waiting.put(received(1))
    waiting.put(received(2, again=False))
    waiting.put(received(1, connection=2))
    waiting.put(received(3, connection=2, again=False))
    assert taken(waiting, 3) == [0, 1, 3]


def test_what_nobody_sends_again_is_bounded() -> None:
    waiting = Waiting()
    for number in range(MOST_WAITING + 10):
        waiting.put(received(number, again=False))
    waiting.put(received(-1))
    waiting.put(received(-2, again=False))
    assert taken(waiting, MOST_WAITING + 1) == [*range(MOST_WAITING), -1]


def test_that_some_are_dropped_is_told_once_until_it_has_caught_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    waiting = Waiting()
    for told in (1, 2):
        for number in range(MOST_WAITING + 10):
            waiting.put(received(number, again=False))
        assert [record.message for record in caplog.records] == ["subscriber.behind"] * told
        taken(waiting, MOST_WAITING)


def test_once_stopped_nothing_more_is_taken() -> None:
    waiting = Waiting()
    waiting.put(received(1))
    waiting.stop()
    assert waiting.take() is None
    assert not waiting.pause(60)


def test_a_pause_ends_with_its_time_whatever_arrives() -> None:
    waiting = Waiting()
    waiting.put(received(1))
    assert waiting.pause(0.01)
