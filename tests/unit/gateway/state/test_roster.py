import pytest

from buildfeed.presence import SILENCE_SECONDS, OfferedJob, Presence
from gateway.state.roster import KEPT, MOST, SURE_SECONDS, Roster

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


def test_workers_that_run_nothing_are_forgotten_after_an_hour(roster: Roster) -> None:
    for worker in ("w1", "busy"):
        roster.presence(Presence(worker, "offline"), now=0)
    roster.heard("w3", now=KEPT)
    roster.prune({"busy"}, now=KEPT + 1)
    assert not roster.lost("w1", KEPT + 1)
    assert roster.lost("busy", KEPT + 1)
    assert roster._heard.keys() == {"busy", "w3"}
    assert roster._offline == {"busy"}


def test_made_up_names_do_not_pile_up_nor_push_out_real_workers(roster: Roster) -> None:
    roster.presence(Presence("real", "online", slots=2), now=0)
    for number in range(20_000):
        roster.heard(f"n{number}", now=1)
    roster.prune(set(), now=2)
    assert len(roster._heard) == MOST
    assert [presence.worker for presence, _ in roster.workers(2)] == ["real"]


def test_made_up_presences_do_not_pile_up(roster: Roster) -> None:
    names = {f"n{number}" for number in range(20_000)}
    for name in names:
        roster.presence(Presence(name, "offline"), now=1)
    roster.presence(ONLINE, now=2)
    roster.prune(names, now=3)
    workers = [presence.worker for presence, _ in roster.workers(3)]
    assert len(workers) == MOST
    assert "w1" in workers
    assert roster.lost("n0", now=3)


def test_a_worker_that_removed_its_presence_is_not_shown_and_its_builds_are_lost(
    roster: Roster,
) -> None:
    roster.presence(ONLINE, now=0)
    roster.left("w1", now=1)
    assert roster.workers(1) == []
    assert roster.lost("w1", now=1)
    roster.presence(ONLINE, now=2)
    assert not roster.lost("w1", now=2)


def test_the_jobs_of_a_project_are_those_of_workers_that_are_online(roster: Roster) -> None:
    assert roster.jobs("acme", now=0) is None

    roster.presence(Presence("w1", "online", slots=2), now=0)
    assert roster.jobs("acme", now=0) == set()

    offered = OfferedJob("acme", "deploy"), OfferedJob("zeta", "test")
    roster.presence(Presence("w2", "online", slots=1, jobs=offered), now=0)
    assert roster.jobs("acme", now=0) == {"deploy"}

    roster.presence(Presence("w2", "offline", jobs=offered), now=1)
    assert roster.jobs("acme", now=1) == set()
