"""Tokens and sessions in the history, on both databases."""

import logging
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from buildfeed.errors import InvalidName
from buildfeed.grants import EVERYTHING, MOST, Area, Grant, Grants
from buildfeed.history import tokens as module
from buildfeed.history.database import Database
from buildfeed.history.schema import tokens
from buildfeed.history.tokens import (
    LONGEST,
    SLIDING,
    NameInUse,
    NoGoodToken,
    RenewedAlready,
    Token,
    Tokens,
    TooManyLinks,
    any_is_good,
    digest,
    new_secret,
)
from buildfeed.secret_kinds import BEARER, COOKIE, LINK
from support.samples import NOW

VIEWER = Grants.parse(["viewer@acme"])
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
B1 = Area("acme", "b1")


class Clocked(Tokens):
    """Tokens at a moment of the test's own."""

    at = NOW

    def _now(self, _connection: object) -> object:  # type: ignore[override]
        return self.at


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url)) as opened:
        yield opened


@pytest.fixture
def known(database: Database) -> Clocked:
    return Clocked(database)


def found(known: Tokens, secret: str) -> Token:
    token = known.find(digest(secret))
    assert token
    return token


@pytest.mark.parametrize("kind", [BEARER, COOKIE, LINK])
def test_a_secret_is_of_its_kind_and_nobody_elses(kind: str) -> None:
    made = {new_secret(kind) for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(kind + "[0-9A-Za-z]{32}", each) for each in made)


def test_a_token_is_found_by_its_hash_and_kept_without_its_secret(
    known: Clocked, database: Database
) -> None:
    token, secret = known.add("ada", VIEWER, DAY)
    assert found(known, secret) == token
    assert token.grants == VIEWER
    assert (token.created, token.expires, token.revoked, token.used) == (NOW, NOW + DAY, None, None)
    with database.transaction() as connection:
        (row,) = connection.execute(tokens.select()).all()
    assert secret not in str(row)
    assert row.hash == digest(secret)
    assert known.find(digest("bf_other")) is None


def test_as_many_grants_as_there_may_be_are_kept(known: Clocked) -> None:
    most = Grants(Grant("read", Area(f"p{n:03}" + "x" * 60, "b" * 64, "log")) for n in range(MOST))
    for name, grants in {"all": EVERYTHING, "most": most, "none": Grants()}.items():
        _, secret = known.add(name, grants)
        assert found(known, secret).grants == grants


def test_a_name_is_of_one_good_token_at_a_time(known: Clocked) -> None:
    known.add("ada", VIEWER, HOUR)
    with pytest.raises(NameInUse):
        known.add("ada", VIEWER)
    known.at += HOUR
    known.add("ada", VIEWER)
    assert known.revoke("ada") == 1
    known.add("ada", VIEWER)
    assert [each.name for each in known.all()] == ["ada"] * 3


def test_of_many_that_take_a_name_at_once_one_wins(database_url: str) -> None:
    barrier = threading.Barrier(8)

    def add(_number: int) -> bool:
        with closing(Database(database_url)) as opened:
            barrier.wait()
            try:
                Tokens(opened).add("ada", VIEWER)
            except NameInUse:
                return False
            return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(add, range(8))) == 1


def test_a_token_has_a_name(known: Clocked, hostile_text: str) -> None:
    with pytest.raises(InvalidName):
        known.add(hostile_text, VIEWER)


def test_to_revoke_ends_the_good_ones_of_a_name(known: Clocked) -> None:
    _, secret = known.add("ada", VIEWER)
    _, other = known.add("bob", VIEWER)
    assert known.revoke("ada") == 1
    assert known.revoke("ada") == 0
    assert known.revoke("nobody") == 0
    assert found(known, secret).revoked == NOW
    assert found(known, other).revoked is None


def test_a_name_that_is_renewed_has_two_tokens_until_the_old_one_ends(known: Clocked) -> None:
    _, old = known.add("ada", VIEWER, DAY)
    known.at += timedelta(minutes=1)
    token, secret, ends = known.renew("ada", 90 * DAY, HOUR)
    assert (token.grants, token.created, token.expires) == (VIEWER, known.at, known.at + 90 * DAY)
    assert found(known, old).expires == ends == known.at + HOUR
    assert [each.id for each in known.good("ada")] == [token.id, found(known, old).id]
    with pytest.raises(RenewedAlready, match="good until 2026-"):
        known.renew("ada", None, HOUR)
    known.at += HOUR
    assert [each.id for each in known.good("ada")] == [token.id]
    assert found(known, secret) == token
    forever, _, _ = known.renew("ada", None, HOUR)
    assert forever.expires is None
    assert known.revoke("ada") == 2
    with pytest.raises(NoGoodToken):
        known.renew("ada", None, HOUR)


def test_an_old_token_lasts_no_longer_by_being_renewed(known: Clocked) -> None:
    _, old = known.add("ada", VIEWER, HOUR)
    assert known.renew("ada", None, DAY)[2] == NOW + HOUR
    assert found(known, old).expires == NOW + HOUR


def test_without_an_overlap_all_that_a_name_had_ends_at_once(known: Clocked) -> None:
    known.add("ada", VIEWER)
    known.renew("ada", None, HOUR)
    before = known.changes(None).number
    token, _, ends = known.renew("ada", None, timedelta())
    assert ends == NOW
    assert [each.id for each in known.good("ada")] == [token.id]
    assert len(known.changes(before).tokens) == 3  # whoever looks hears of each


# --- changes


def test_whoever_looks_hears_of_each_change_once(known: Clocked) -> None:
    first = known.changes(None)
    assert (first.tokens, first.sessions, first.now) == ([], [], NOW)
    ada, _ = known.add("ada", VIEWER)
    second = known.changes(first.number)
    assert [each.id for each in second.tokens] == [ada.id]
    assert known.changes(second.number).tokens == []
    known.revoke("ada")
    (revoked,) = known.changes(second.number).tokens
    assert revoked.revoked == NOW
    assert [each.id for each in known.changes(first.number).tokens] == [ada.id]


def test_sessions_that_end_are_changes_too(known: Clocked) -> None:
    token, _ = known.add("ada", VIEWER)
    secret = known.sign_in(token.id)
    before = known.changes(None).number
    known.sign_out(digest(secret))
    (session,) = known.changes(before).sessions
    assert (session.hash, session.ended) == (digest(secret), NOW)
    between = known.changes(before).number
    known.sign_out(digest(secret))
    assert known.changes(between).sessions == []


def test_after_a_backup_was_restored_looking_goes_on(known: Clocked) -> None:
    known.add("ada", VIEWER)
    ahead = known.changes(None).number + 1000
    behind = known.changes(ahead)
    assert behind.tokens == []
    known.revoke("ada")
    assert [each.name for each in known.changes(behind.number).tokens] == ["ada"]


def test_changes_are_seen_in_the_order_of_their_numbers(database_url: str) -> None:
    """A look that comes between two that commit must not pass by the one that is later to end."""
    barrier = threading.Barrier(5)
    names = [f"n{number}" for number in range(40)]

    def add(part: list[str]) -> None:
        with closing(Database(database_url)) as opened:
            barrier.wait()
            for name in part:
                Tokens(opened).add(name, VIEWER)

    with closing(Database(database_url)) as opened, ThreadPoolExecutor(4) as threads:
        looking, seen = Tokens(opened), list[str]()
        number = looking.changes(None).number
        adding = [threads.submit(add, names[part::4]) for part in range(4)]
        barrier.wait()
        while True:
            over = all(each.done() for each in adding)
            changes = looking.changes(number)
            number, more = changes.number, [each.name for each in changes.tokens]
            seen += more
            if over:
                break
        for each in adding:
            each.result()
    assert set(seen) == set(names)  # some twice, as numbers are read before rows


# --- sessions


def test_a_session_is_of_a_token(known: Clocked) -> None:
    token, _ = known.add("ada", VIEWER)
    secret = known.sign_in(token.id)
    assert secret.startswith(COOKIE)
    session, its = known.session(digest(secret)) or (None, None)
    assert session
    assert its == token
    assert (session.token, session.created, session.used) == (token.id, NOW, NOW)
    assert session.expires == NOW + SLIDING
    assert known.session(digest("bs_other")) is None


def test_a_session_slides_but_not_for_ever(known: Clocked) -> None:
    token, _ = known.add("ada", VIEWER)
    hash_ = digest(known.sign_in(token.id))
    for _ in range(4):
        known.at += SLIDING - DAY
        known.use(token.id, hash_)
    session, its = known.session(hash_) or (None, None)
    assert session
    assert its
    assert (session.used, its.used) == (known.at, known.at)
    assert session.expires == NOW + LONGEST


def test_few_uses_are_written(known: Clocked) -> None:
    token, secret = known.add("ada", VIEWER)
    hash_ = digest(known.sign_in(token.id))
    known.use(token.id, hash_)
    number = known.changes(None).number
    known.at += HOUR / 2
    known.use(token.id, hash_)
    assert found(known, secret).used == NOW
    assert known.changes(None).number == number
    known.at += HOUR
    known.use(token.id, hash_)
    assert found(known, secret).used == known.at
    assert [each.used for each in known.changes(number).sessions] == [known.at]


def test_a_token_has_so_many_sessions_and_the_oldest_end(
    known: Clocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_SESSIONS", 5)
    ada, _ = known.add("ada", VIEWER)
    bob, _ = known.add("bob", VIEWER)
    made = [known.sign_in(bob.id)]
    for _ in range(8):
        known.at += HOUR
        made.append(known.sign_in(ada.id))
    ended = [session.ended for each in made for session, _ in [known.session(digest(each)) or ()]]
    assert [each is not None for each in ended] == [False] + [True] * 3 + [False] * 5


# --- links


def link(known: Tokens, name: str, lifetime: timedelta = HOUR) -> Token:
    return known.add(name, Grants([Grant("read", B1)]), lifetime, LINK)[0]


def test_so_many_links_are_good_at_a_time(known: Clocked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LINKS", 3)
    known.add("ada", VIEWER)
    for number in range(3):
        link(known, f"share-{number}")
    with pytest.raises(TooManyLinks):
        link(known, "share-3")
    known.revoke("share-1")
    link(known, "share-4", 2 * HOUR)
    known.at += HOUR
    for number in (5, 6):
        link(known, f"share-{number}")
    with pytest.raises(TooManyLinks):
        link(known, "share-7")


# --- what others wrote


def test_grants_of_a_later_version_are_none_here(
    known: Clocked, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    _, secret = known.add("ada", VIEWER)
    with database.transaction() as connection:
        connection.execute(tokens.update().values(grants="read:builds/acme/# fly:acme"))
    with caplog.at_level(logging.WARNING):
        assert list(found(known, secret).grants) == []
    assert [each.message for each in caplog.records] == ["token.unreadable"]


def test_whether_anybody_can_sign_in(database_url: str, known: Clocked) -> None:
    assert not any_is_good(database_url)
    known.add("ada", VIEWER)
    assert any_is_good(database_url)
    known.revoke("ada")
    assert not any_is_good(database_url)


def test_to_ask_makes_no_database(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    assert not any_is_good(f"sqlite:///{path}")
    assert not path.exists()
