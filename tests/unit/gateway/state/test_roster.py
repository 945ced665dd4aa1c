import pytest

from buildfeed.presence import SILENCE_SECONDS, Presence
from gateway.state.roster import Roster

ONLINE, OFFLINE = Presence("w1", "online"), Presence("w1", "offline")


@pytest.fixture
def roster() -> Roster:
    return Roster()


@pytest.mark.parametrize("worker", [None, "w1"])
def test_a_worker_nobody_expects_is_not_lost(roster: Roster, worker: str | None) -> None:
    assert not roster.lost(worker, now=1e9)


def test_a_worker_is_lost_when_it_says_goodbye_and_back_when_it_says_so(roster: Roster) -> None:
    roster.presence(ONLINE, now=0)
    assert not roster.lost("w1", now=1)
    roster.presence(OFFLINE, now=1)
    assert roster.lost("w1", now=1)
    roster.presence(ONLINE, now=2)
    assert not roster.lost("w1", now=2)


def test_a_worker_is_lost_after_30_seconds_of_silence(roster: Roster) -> None:
    roster.presence(ONLINE, now=0)
    roster.heard("w1", now=10)

    assert SILENCE_SECONDS == 30
    assert not roster.lost("w1", now=40)
    assert roster.lost("w1", now=40.1)


def test_an_activity_ends_a_silence_but_takes_back_no_goodbye(roster: Roster) -> None:
    roster.heard("w1", now=0)
    roster.heard("w1", now=100)
    assert not roster.lost("w1", now=101)

    roster.presence(OFFLINE, now=102)
    roster.heard("w1", now=103)
    assert roster.lost("w1", now=103)


def test_an_expected_worker_has_30_seconds_to_say_something(roster: Roster) -> None:
    roster.expect("w1", now=100)

    assert not roster.lost("w1", now=130)
    assert roster.lost("w1", now=131)


def test_to_expect_a_worker_again_gives_it_no_more_time(roster: Roster) -> None:
    roster.heard("w1", now=0)
    roster.expect("w1", now=20)

    assert roster.lost("w1", now=31)
