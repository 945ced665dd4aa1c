"""Whose build a key is, and whose turn it is to send its start, among processes on one history."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import pytest

from buildfeed.history.claims import LEASE, Claim, Claims
from buildfeed.history.store import Store
from support.samples import NOW

SECOND = timedelta(seconds=1)
DAY = timedelta(hours=24)


@pytest.fixture
def processes(database_url: str) -> Iterator[tuple[Claims, Claims]]:
    with closing(Store(database_url)) as store:
        yield at(store.claims("p1")), at(store.claims("p2"))


Two = tuple[Claims, Claims]
CLAIM = Claim("acme", "k", "b1", "h", "first")


def at(claims: Claims, after: timedelta = timedelta(0)) -> Claims:
    """Set the clock of the database, as `claims` reads it, to `after` the begin of the test."""
    claims._now = lambda _connection: NOW + after
    return claims


def turn(claims: Claims, after: timedelta = timedelta(0), build: str = "b2") -> tuple[str, str]:
    """Take the key; return the build it belongs to, and whose turn it is."""
    claim = at(claims, after).take("acme", "k", build, "h")
    return claim.build, claim.turn


def test_a_key_belongs_to_the_first_build_that_claims_it(processes: Two) -> None:
    claims, _ = processes
    assert claims.take("acme", "k", "b1", "h") == CLAIM
    assert claims.take("acme", "k", "b2", "h") == Claim("acme", "k", "b1", "h", "taken")
    assert claims.take("acme", "K", "b3", "h").build == "b3"
    assert claims.take("beta", "k", "b4", "h").build == "b4"


def test_a_key_is_free_again_after_a_day(processes: Two) -> None:
    claims, _ = processes
    turn(claims, build="b1")
    claims.end(CLAIM, "sent")
    assert turn(claims, DAY - SECOND) == ("b1", "sent")
    assert turn(claims, DAY + SECOND, "b3") == ("b3", "first")


def test_of_many_claims_at_once_one_wins(database_url: str) -> None:
    barrier = threading.Barrier(8)

    def claim(number: int) -> Claim:
        with closing(Store(database_url)) as store:
            barrier.wait()
            return store.claims(f"p{number}").take("acme", "k", f"b{number}", "h")

    with ThreadPoolExecutor(8) as threads:
        claims = list(threads.map(claim, range(8)))
    assert sorted(claim.turn for claim in claims) == ["first", *["taken"] * 7]
    assert len({claim.build for claim in claims}) == 1


def test_a_turn_lasts_as_long_as_it_is_renewed(processes: Two) -> None:
    one, other = processes
    turn(one, build="b1")
    assert turn(other, LEASE) == ("b1", "taken")
    assert at(one, LEASE).renew(CLAIM)
    assert turn(other, 2 * LEASE) == ("b1", "taken")
    assert turn(other, 2 * LEASE + SECOND) == ("b1", "again")
    assert not at(one, 3 * LEASE).renew(CLAIM)
    assert turn(one, 2 * LEASE + SECOND) == ("b1", "taken")


def test_of_many_that_take_a_turn_over_one_wins(database_url: str) -> None:
    barrier = threading.Barrier(8)

    def take_over(number: int) -> str:
        with closing(Store(database_url)) as store:
            barrier.wait()
            return turn(store.claims(f"p{number}"), LEASE + SECOND)[1]

    with closing(Store(database_url)) as store:
        turn(store.claims("gone"), build="b1")
    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(take_over, range(8))) == ["again", *["taken"] * 7]


def test_what_is_sent_is_nobodys_turn_any_more(processes: Two) -> None:
    one, other = processes
    turn(one, build="b1")
    one.end(CLAIM, "sent")
    assert turn(other, 2 * LEASE) == turn(one) == ("b1", "sent")


def test_what_was_not_sent_is_the_turn_of_whoever_comes_next(processes: Two) -> None:
    one, other = processes
    turn(one, build="b1")
    one.end(CLAIM, "unsent")
    assert turn(other) == ("b1", "again")


def test_the_key_of_what_was_undone_is_free(processes: Two) -> None:
    one, other = processes
    turn(one, build="b1")
    one.end(CLAIM, "undone")
    assert turn(other) == ("b2", "first")


@pytest.mark.parametrize("ending", ["sent", "unsent", "undone"])
def test_who_has_lost_a_turn_cannot_end_it(processes: Two, ending: str) -> None:
    one, other = processes
    turn(one, build="b1")
    turn(other, LEASE + SECOND)
    one.end(CLAIM, ending)
    assert turn(one, LEASE + SECOND) == ("b1", "taken")


def test_another_body_takes_nothing_over(processes: Two) -> None:
    one, other = processes
    turn(one, build="b1")
    assert at(other, 2 * LEASE).take("acme", "k", "b2", "h2").body_hash == "h"
    assert turn(other, 2 * LEASE) == ("b1", "again")


def test_a_turn_that_lasts_for_more_than_a_day_is_not_forgotten(processes: Two) -> None:
    one, other = processes
    turn(one, build="b1")
    at(one, DAY).renew(CLAIM)
    assert turn(other, DAY + SECOND) == ("b1", "taken")
    assert turn(other, DAY + LEASE + SECOND) == ("b2", "first")


def test_a_key_is_known_from_its_claim_on_for_a_day(processes: Two) -> None:
    one, other = processes
    assert not other.known("acme", "k")
    turn(one, build="b1")
    one.end(CLAIM, "sent")
    assert other.known("acme", "k")
    assert not other.known("beta", "k")
    assert at(other, DAY - SECOND).known("acme", "k")
    assert not at(other, DAY + SECOND).known("acme", "k")
