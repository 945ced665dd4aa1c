from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildfeed.activity import Key
from gateway.transports.backlog import Backlog, Backlogs

B1, B2, B3 = ("acme", "b1"), ("acme", "b2"), ("zoo", "b1")
UNBOUNDED = 10**9


def taken(backlog: Backlog) -> list[tuple[object, bytes | None]]:
    return [backlog.take() for _ in range(len(backlog))]


def test_what_fits_is_taken_as_it_came() -> None:
    backlog = Backlog(100)
    backlog.put(B1, b"one")
    backlog.put(B2, b"two")
    backlog.add(b"a line")
    backlog.owe("feed")

    assert backlog.bytes == len("onetwoa line")
    assert taken(backlog) == [(B1, b"one"), (B2, b"two"), (3, b"a line"), ("feed", None)]
    assert (backlog.bytes, backlog.merged, len(backlog)) == (0, 0, 0)


def test_the_newest_state_takes_the_place_of_one_that_waits() -> None:
    backlog = Backlog(100)
    for message in (b"30 %", b"40 %", b"failed"):
        backlog.put(B1, message)
        backlog.put(B2, b"queued")

    assert taken(backlog) == [(B1, b"failed"), (B2, b"queued")]
    assert backlog.merged == 4
    assert backlog.bytes == 0


def test_what_was_taken_is_replaced_no_more() -> None:
    backlog = Backlog(100)
    backlog.put(B1, b"30 %")
    backlog.take()
    backlog.put(B1, b"40 %")

    assert taken(backlog) == [(B1, b"40 %")]
    assert backlog.merged == 0


def test_what_does_not_fit_is_owed() -> None:
    backlog = Backlog(10)
    backlog.put(B1, b"12345678")
    backlog.put(B2, b"123")
    backlog.put(B3, b"12")

    assert backlog.bytes == 10
    assert taken(backlog) == [(B1, b"12345678"), (B2, None), (B3, b"12")]


def test_a_newer_state_that_does_not_fit_is_not_shadowed_by_the_older() -> None:
    backlog = Backlog(10)
    backlog.put(B1, b"30 %")
    backlog.put(B1, b"failed, with a long error")

    assert (backlog.take(), backlog.bytes) == ((B1, None), 0)


def test_a_snapshot_owes_what_does_not_wait_already() -> None:
    backlog = Backlog(100)
    backlog.put(B1, b"30 %")
    backlog.owe(B1)
    backlog.owe(B2)

    assert taken(backlog) == [(B1, b"30 %"), (B2, None)]


def test_lines_of_logs_are_left_out_when_there_is_no_room() -> None:
    backlog = Backlog(10)
    for line in (b"first", b"second", b"third"):
        backlog.add(line)
    assert [message for _, message in taken(backlog)] == [b"first", b"third"]
    assert backlog.merged == 0


def test_states_left_out_are_counted_though_their_backlog_is_empty_and_gone() -> None:
    backlogs: Backlogs[str] = Backlogs(100)
    for message in (b"10 %", b"20 %"):
        backlogs.of("w1").put(B1, message)
    assert taken(backlogs.of("w1")) == [(B1, b"20 %")]
    assert backlogs.merged == 1

    backlogs.drop("w1")
    backlogs.drop("w1")
    assert (backlogs.merged, backlogs.get("w1"), backlogs._of) == (1, None, {})


def test_taking_from_an_empty_one_is_an_error() -> None:
    with pytest.raises(IndexError):
        Backlog(10).take()


class Watcher:
    """One who sees what comes out of a backlog, and fetches what is owed from `board`."""

    def __init__(self, limit: int, board: dict[Key, bytes]) -> None:
        self.backlog = Backlog(limit)
        self.picture: dict[Key, bytes] = {}
        self.seen: dict[Key, list[bytes]] = defaultdict(list)
        self.lines: list[bytes] = []
        self._board = board

    def drain(self, messages: int) -> None:
        for _ in range(min(messages, len(self.backlog))):
            what, message = self.backlog.take()
            if isinstance(what, tuple):
                self.picture[what] = self._board[what] if message is None else message
                self.seen[what].append(self.picture[what])
            else:
                self.lines.append(message or b"")


STATES = st.tuples(st.just("state"), st.sampled_from([B1, B2, B3]), st.integers(0, 30))
STEPS = st.lists(
    STATES
    | st.tuples(st.sampled_from(["log", "snapshot"]), st.just(B1), st.integers(0, 30))
    | st.tuples(st.just("drain"), st.just(B1), st.integers(0, 4)),
    max_size=60,
)


@given(STEPS, st.integers(0, 60))
def test_the_final_picture_is_that_of_a_watcher_without_bound(
    steps: list[tuple[str, Key, int]], limit: int
) -> None:
    board: dict[Key, bytes] = {}
    bounded, unbounded = Watcher(limit, board), Watcher(UNBOUNDED, board)
    left_out = 0

    for number, (step, build, size) in enumerate(steps):
        message = b"%03d" % number + b"." * size
        left_out += step == "log" and bounded.backlog.bytes + len(message) > limit
        if step == "state":
            board[build] = message
        for watcher in (bounded, unbounded):
            if step == "state":
                watcher.backlog.put(build, message)
            elif step == "log":
                watcher.backlog.add(message)
            elif step == "snapshot":
                for known in board:
                    watcher.backlog.owe(known)
        if step == "drain":
            bounded.drain(size)
        unbounded.drain(UNBOUNDED)  # it is never behind
        assert bounded.backlog.bytes <= limit
        assert len(bounded.backlog) <= len(board) + limit  # lines are no smaller than a byte
    bounded.drain(UNBOUNDED)

    assert bounded.picture == unbounded.picture == board
    assert all(states == sorted(states) for states in bounded.seen.values())
    assert bounded.lines == sorted(set(bounded.lines) & set(unbounded.lines))
    assert len(bounded.lines) + left_out == len(unbounded.lines)
    assert bounded.backlog.bytes == 0
