import pytest

from buildfeed.presence import SILENCE_SECONDS, Presence
from gateway.state.roster import SURE_SECONDS, Roster

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


def test_nobody_is_online_once_everybody_had_time_to_say_so(roster: Roster) -> None:
    assert roster.online(now=1000) is None  # not connected yet
    roster.restart(now=0)
    assert roster.online(now=SURE_SECONDS) is None
    assert roster.online(now=SURE_SECONDS + 0.1) == 0
    roster.heard("own", now=7)  # a program that publishes builds of its own takes no others
    assert roster.online(now=7) == 0
    roster.presence(ONLINE, now=8)
    assert roster.online(now=8) == 1
    assert roster.online(now=8 + SILENCE_SECONDS + 0.1) == 0
    roster.presence(ONLINE, now=50)
    roster.presence(OFFLINE, now=51)
    assert roster.online(now=51) == 0


def test_workers_are_known_at_once_when_one_says_that_it_is_online(roster: Roster) -> None:
    roster.restart(now=0)
    roster.presence(OFFLINE, now=0.1)
    assert roster.online(now=0.1) is None  # others may follow
    roster.presence(Presence("w2", "online"), now=0.2)
    assert roster.online(now=0.2) == 1
