"""The directory: who a credential stands for, and what is open of those who have to go."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from buildfeed.errors import HistoryUnavailable
from buildfeed.grants import Area, Grants
from buildfeed.history.tokens import COOKIE, LONGEST, SLIDING, digest, new_secret
from gateway.access.attempts import MOST
from gateway.access.credentials import Shown
from gateway.access.directory import Directory
from gateway.access.principal import ANONYMOUS
from gateway.problems import Problem
from support.held_tokens import Held
from support.samples import NOW
from support.wired import until

HERE = "192.0.2.1"
NOTHING = Grants()
VIEWER = Grants.parse(["viewer@acme"])
BUILDER = Grants.parse(["builder@acme"])
HOUR = timedelta(hours=1)


@pytest.fixture
async def directory(tokens: Held) -> Directory:
    return Directory(tokens, NOTHING)


async def refused(directory: Directory, credential: str, address: str = HERE) -> str:
    """Return why a credential is refused."""
    with pytest.raises(Problem) as problem:
        await directory.find(credential, address)
    return str(problem.value.extra.get("reason", problem.value.slug))


class Open:
    """Something that a principal has open."""

    def __init__(self, directory: Directory, who: Any) -> None:
        self.closed: list[str] = []
        directory.enter(self, who, self.closed.append)


# --- who it is


async def test_a_token_stands_for_its_principal(tokens: Held, directory: Directory) -> None:
    token, secret = tokens.add("ada", BUILDER)
    assert directory.known(secret) is None
    who = await directory.find(secret, HERE)
    assert (who.name, who.grants, who.token, who.anonymous) == ("ada", BUILDER, token.id, False)
    assert directory.known(secret) == who
    assert await directory.find(secret, HERE) == who
    assert tokens.asked.count("find") == 1


async def test_nothing_is_shown_by_somebody_anonymous(directory: Directory) -> None:
    who = await directory.find("", HERE)
    assert (who.name, who.anonymous, who.why) == (ANONYMOUS, True, "missing")


async def test_what_is_good_no_more_is_refused_and_says_why(
    tokens: Held, directory: Directory
) -> None:
    token, short = tokens.add("ada", VIEWER, HOUR)
    _, revoked = tokens.add("bob", VIEWER)
    tokens.revoke("bob")
    session = tokens.sign_in(token.id)
    tokens.sign_out(digest(session))
    assert await refused(directory, "bf_nobody") == "unknown"
    assert await refused(directory, revoked) == "revoked"
    assert await refused(directory, session) == "ended"
    assert not (await directory.find(short, HERE)).anonymous
    tokens.at += 2 * HOUR
    await directory.look()
    assert await refused(directory, short) == "expired"


async def test_a_session_slides_and_ends_with_its_token(tokens: Held, directory: Directory) -> None:
    token, secret = tokens.add("ada", VIEWER, LONGEST)
    session, who = await directory.sign_in(await directory.find(secret, HERE))
    assert who.session == digest(session)
    assert who.expires == NOW + SLIDING
    tokens.at += SLIDING - HOUR
    tokens.use(token.id, who.session)
    await directory.look()
    again = await directory.find(session, HERE)
    assert again.expires == tokens.at + SLIDING
    tokens.revoke("ada")
    await directory.look()
    assert await refused(directory, session) == "revoked"


async def test_of_cookies_the_first_good_one_counts(tokens: Held, directory: Directory) -> None:
    token, _ = tokens.add("ada", VIEWER)
    ended, good = tokens.sign_in(token.id), tokens.sign_in(token.id)
    tokens.sign_out(digest(ended))
    assert (await directory.recognise(Shown(cookies=(ended, good)), HERE)).name == "ada"
    stale = await directory.recognise(Shown(cookies=(ended,)), HERE)
    assert (stale.anonymous, stale.why) == (True, "ended")
    assert (await directory.recognise(Shown(), HERE)).why == "missing"


async def test_a_token_that_is_no_good_makes_nobody_anonymous(directory: Directory) -> None:
    with pytest.raises(Problem):
        await directory.recognise(Shown("bf_nobody"), HERE)


# --- guessing


async def test_ten_guesses_a_minute_and_no_more_are_looked_up(
    tokens: Held, directory: Directory
) -> None:
    for _ in range(MOST):
        assert await refused(directory, new_secret("bf_")) == "unknown"
    assert await refused(directory, new_secret("bf_")) == "too-many-attempts"
    assert tokens.asked.count("find") == MOST
    assert await refused(directory, new_secret("bf_"), "192.0.2.2") == "unknown"


async def test_guesses_at_once_are_no_more_than_one_after_the_other(
    tokens: Held, directory: Directory
) -> None:
    guesses = (refused(directory, new_secret("bf_")) for _ in range(100))
    reasons = await asyncio.gather(*guesses)
    assert reasons.count("unknown") == MOST
    assert reasons.count("too-many-attempts") == 100 - MOST
    assert tokens.asked.count("find") == MOST


async def test_neighbours_in_an_ipv6_network_count_as_one(directory: Directory) -> None:
    for number in range(MOST):
        await refused(directory, new_secret("bf_"), f"2001:db8::{number:x}")
    assert await refused(directory, "bf_x", "2001:db8::ffff") == "too-many-attempts"


async def test_a_browser_that_repeats_a_cookie_that_has_ended_locks_nobody_out(
    tokens: Held, directory: Directory
) -> None:
    token, secret = tokens.add("ada", VIEWER)
    session = tokens.sign_in(token.id)
    tokens.sign_out(digest(session))
    for _ in range(5 * MOST):
        assert await refused(directory, session) == "ended"
    unknown = new_secret(COOKIE)
    for _ in range(5 * MOST):
        assert await refused(directory, unknown) == "unknown"
    assert tokens.asked.count("session") == 2
    assert (await directory.find(secret, HERE)).name == "ada"


async def test_a_token_that_is_shown_by_many_at_once_is_looked_up_once(
    tokens: Held, directory: Directory
) -> None:
    _, secret = tokens.add("ada", VIEWER)
    found = await asyncio.gather(*(directory.find(secret, HERE) for _ in range(100)))
    assert {who.name for who in found} == {"ada"}
    assert tokens.asked.count("find") == 1
    await until(lambda: not directory._turns)


async def test_who_is_known_is_served_though_others_of_the_address_guess(
    tokens: Held, directory: Directory
) -> None:
    _, secret = tokens.add("ada", VIEWER)
    await directory.find(secret, HERE)
    for _ in range(2 * MOST):
        await refused(directory, new_secret("bf_"))
    assert (await directory.find(secret, HERE)).name == "ada"


# --- changes


async def test_what_is_revoked_is_closed_and_nothing_else(
    tokens: Held, directory: Directory
) -> None:
    _, of_ada = tokens.add("ada", VIEWER)
    _, of_bob = tokens.add("bob", VIEWER)
    ada, bob = [Open(directory, await directory.find(each, HERE)) for each in (of_ada, of_bob)]
    stranger = Open(directory, await directory.find("", HERE))
    await directory.look()
    assert ada.closed == bob.closed == []
    tokens.revoke("ada")
    await directory.look()
    assert ada.closed == ["revoked"]
    assert bob.closed == stranger.closed == []
    assert await refused(directory, of_ada) == "revoked"


async def test_other_grants_close_what_is_open_and_hold_from_then_on(
    tokens: Held, directory: Directory
) -> None:
    _, secret = tokens.add("ada", BUILDER)
    ada = Open(directory, await directory.find(secret, HERE))
    tokens.regrant("ada", "read:builds/acme/#")
    await directory.look()
    assert ada.closed == ["changed"]
    assert (await directory.find(secret, HERE)).grants == VIEWER


async def test_what_has_expired_is_closed_by_the_clock_of_the_database(
    tokens: Held, directory: Directory
) -> None:
    _, secret = tokens.add("ada", VIEWER, HOUR)
    ada = Open(directory, await directory.find(secret, HERE))
    tokens.at += HOUR - timedelta(minutes=1)
    await directory.look()
    assert ada.closed == []
    tokens.at += timedelta(minutes=1)
    await directory.look()
    assert ada.closed == ["expired"]


async def test_a_session_that_was_used_elsewhere_goes_on(
    tokens: Held, directory: Directory
) -> None:
    token, secret = tokens.add("ada", VIEWER)
    _, who = await directory.sign_in(await directory.find(secret, HERE))
    ada = Open(directory, who)
    tokens.at += SLIDING - HOUR
    tokens.use(token.id, who.session)
    tokens.at += 2 * HOUR
    await directory.look()
    assert ada.closed == []
    tokens.at += SLIDING
    await directory.look()
    assert ada.closed == ["ended"]


async def test_to_sign_out_closes_what_this_session_has_open(
    tokens: Held, directory: Directory
) -> None:
    _, secret = tokens.add("ada", VIEWER)
    who = await directory.find(secret, HERE)
    (one, first), (_, second) = [await directory.sign_in(who) for _ in range(2)]
    mine, other, by_token = [Open(directory, each) for each in (first, second, who)]
    await directory.sign_out(first.session)
    assert mine.closed == ["ended"]
    await directory.look()
    assert other.closed == by_token.closed == []
    assert await refused(directory, one) == "ended"


async def test_to_sign_out_elsewhere_closes_it_here(tokens: Held) -> None:
    here, there = Directory(tokens, NOTHING), Directory(tokens, NOTHING)
    _, secret = tokens.add("ada", VIEWER)
    session, who = await here.sign_in(await here.find(secret, HERE))
    ada = Open(there, await there.find(session, HERE))
    await here.sign_out(who.session)
    await there.look()
    assert ada.closed == ["ended"]


async def test_what_is_revoked_while_it_is_looked_up_is_not_served(
    tokens: Held, directory: Directory
) -> None:
    """An answer of before the revocation may come when the revocation has been read already."""
    _, secret = tokens.add("ada", VIEWER)
    await directory.look()
    held = tokens.hold("find")
    found = asyncio.create_task(directory.find(secret, HERE))
    await until(lambda: "find" in tokens.asked)
    tokens.revoke("ada")
    await directory.look()
    held.set()
    with pytest.raises(Problem) as problem:
        await found
    assert problem.value.extra == {"reason": "revoked"}
    assert directory.known(secret) is None


async def test_what_is_revoked_between_the_look_up_and_the_entry_has_to_go(
    tokens: Held, directory: Directory
) -> None:
    _, secret = tokens.add("ada", VIEWER)
    who = await directory.find(secret, HERE)
    tokens.revoke("ada")
    await directory.look()
    ada = Open(directory, who)
    await asyncio.sleep(0)
    assert ada.closed == ["changed"]


async def test_the_use_of_a_token_is_noted_and_nobody_waits_for_it(
    tokens: Held, directory: Directory
) -> None:
    _, secret = tokens.add("ada", VIEWER)
    held = tokens.hold("use")
    await directory.find(secret, HERE)
    await until(lambda: "use" in tokens.asked)
    held.set()
    await directory.find(secret, HERE)
    assert tokens.asked.count("use") == 1
    await until(lambda: tokens.all()[0].used == NOW)


# --- the history is away


async def test_while_the_history_is_away_those_who_are_known_are_served(
    tokens: Held, directory: Directory
) -> None:
    _, of_ada = tokens.add("ada", VIEWER)
    _, of_bob = tokens.add("bob", VIEWER)
    ada = Open(directory, await directory.find(of_ada, HERE))
    tokens.down = True
    await directory.look()
    assert (await directory.find(of_ada, HERE)).name == "ada"
    assert ada.closed == []
    with pytest.raises(HistoryUnavailable):
        await directory.find(of_bob, HERE)
    tokens.down = False
    tokens.revoke("ada")
    await directory.look()
    assert ada.closed == ["revoked"]


async def test_nobody_comes_in_before_it_is_known_what_changes(tokens: Held) -> None:
    _, secret = tokens.add("ada", VIEWER)
    directory = Directory(tokens, NOTHING)
    tokens.down = True
    for _ in range(2):
        with pytest.raises(HistoryUnavailable):
            await directory.find(secret, HERE)
    assert directory.attempts.wait(HERE, 0) == 0


async def test_a_history_that_is_gone_closes_nothing_that_may_go_on(
    tokens: Held, directory: Directory
) -> None:
    _, secret = tokens.add("ada", VIEWER)
    _, who = await directory.sign_in(await directory.find(secret, HERE))
    ada = Open(directory, who)
    tokens.at += 2 * SLIDING
    tokens.down = True
    directory._ahead += 2 * SLIDING  # so much time has passed by our own clock
    await directory.look()
    assert ada.closed == []
    tokens.down = False
    await directory.look()
    assert ada.closed == ["ended"]


# --- what is bounded


async def test_a_link_lasts_no_longer_than_what_made_it(tokens: Held, directory: Directory) -> None:
    _, secret = tokens.add("ada", VIEWER, 2 * HOUR)
    who = await directory.find(secret, HERE)
    area = Area("acme", "b1")
    link, shared = await directory.share(who, area, HOUR)
    assert (link.expires or NOW) - NOW <= HOUR
    longer, _ = await directory.share(who, area, 100 * HOUR)
    assert (longer.expires or NOW) <= NOW + 2 * HOUR + timedelta(seconds=1)
    tokens.at += timedelta(minutes=59)
    await directory.look()
    by_link = await directory.find(shared, HERE)
    assert by_link.grants == Grants.parse(["read:builds/acme/b1/#"])
    chained, _ = await directory.share(by_link, area, 100 * HOUR)
    assert (chained.expires or NOW) <= NOW + HOUR + timedelta(seconds=1)


async def test_nobody_makes_many_sessions_in_a_minute(tokens: Held, directory: Directory) -> None:
    _, secret = tokens.add("ada", VIEWER)
    who = await directory.find(secret, HERE)
    for _ in range(30):
        await directory.sign_in(who)
    with pytest.raises(Problem) as problem:
        await directory.sign_in(who)
    assert problem.value.slug == "too-many-attempts"


async def test_what_has_left_is_held_no_more(tokens: Held, directory: Directory) -> None:
    _, secret = tokens.add("ada", VIEWER)
    who = await directory.find(secret, HERE)
    one, two = Open(directory, who), Open(directory, who)
    assert directory.here(one) == who
    directory.leave(one)
    directory.leave(one)
    assert directory.here(one) is None
    assert directory.here(two) == who
    stranger = Open(directory, directory.anonymous)
    assert directory.here(stranger) is None  # and so nobody asks for another of its tokens
