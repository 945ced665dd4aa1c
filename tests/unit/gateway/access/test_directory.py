"""The directory: who a credential stands for, and what is open of those who have to go."""

import asyncio
from datetime import timedelta

import pytest

from buildfeed.errors import HistoryUnavailable
from buildfeed.grants import Area, Grants
from buildfeed.history.tokens import LONGEST, SLIDING, digest, new_secret
from buildfeed.secret_kinds import COOKIE, LINK
from gateway.access.credentials import Shown
from gateway.access.directory import MOST_FAILURES, Directory
from gateway.access.principal import ANONYMOUS
from gateway.problems import Problem
from support.held_tokens import Held
from support.principals import Open, refused
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


# --- who it is


async def test_a_token_stands_for_its_principal(tokens: Held, directory: Directory) -> None:
    token, secret = tokens.add("ada", BUILDER)
    assert directory.known(secret) is None
    who = await directory.find(secret, HERE)
    assert (who.name, who.grants, who.token, who.anonymous) == ("ada", BUILDER, token.id, False)
    assert directory.known(secret) == who
    assert await directory.find(secret, HERE) == who
    assert tokens.asked.count("find") == 1


async def test_changes_are_looked_for_while_somebody_is_known(
    tokens: Held, directory: Directory
) -> None:
    for _ in range(3):
        await directory._look_for_those_known()
    assert tokens.asked == []
    tokens.at += HOUR  # of the database: the directory has not heard of it
    _, secret = tokens.add("ada", VIEWER, HOUR)
    await directory.find(secret, HERE)
    assert tokens.asked.count("changes") == 1
    assert directory.now() >= tokens.at
    tokens.revoke("ada")
    await directory._look_for_those_known()
    assert tokens.asked.count("changes") == 2
    assert directory.known(secret) is None


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


async def test_a_token_that_others_may_have_read_on_its_way_is_not_taken(tokens: Held) -> None:
    directory = Directory(tokens, VIEWER, is_private=lambda host: host == "builds.example")
    token, secret = tokens.add("ada", VIEWER)
    private = Shown(secret, host="builds.example")
    assert (await directory.recognise(private, HERE)).name == "ada"
    assert directory.at_once(private) is not None
    for known in (secret, new_secret("bf_")):
        clear = Shown(known, host="192.0.2.1:8000")
        assert directory.at_once(clear) is None
        with pytest.raises(Problem, match=r"--origin https://192\.0\.2\.1;") as problem:
            await directory.recognise(clear, HERE)
        assert (problem.value.status, problem.value.slug) == (400, "needs-https")
    nothing = Shown(host="192.0.2.1:8000")
    assert (await directory.recognise(nothing, HERE)).anonymous
    cookie = Shown(cookies=(tokens.sign_in(token.id),), host="192.0.2.1:8000")
    assert (await directory.recognise(cookie, HERE)).name == "ada"  # which browsers do not send


# --- guessing


async def test_ten_guesses_a_minute_and_no_more_are_looked_up(
    tokens: Held, directory: Directory
) -> None:
    for _ in range(MOST_FAILURES):
        assert await refused(directory, new_secret("bf_")) == "unknown"
    assert await refused(directory, new_secret("bf_")) == "too-many-attempts"
    assert tokens.asked.count("find") == MOST_FAILURES
    assert await refused(directory, new_secret("bf_"), "192.0.2.2") == "unknown"


async def test_guesses_at_once_are_no_more_than_one_after_the_other(
    tokens: Held, directory: Directory
) -> None:
    guesses = (refused(directory, new_secret("bf_")) for _ in range(100))
    reasons = await asyncio.gather(*guesses)
    assert reasons.count("unknown") == MOST_FAILURES
    assert reasons.count("too-many-attempts") == 100 - MOST_FAILURES
    assert tokens.asked.count("find") == MOST_FAILURES


async def test_neighbours_in_an_ipv6_network_count_as_one(directory: Directory) -> None:
    for number in range(MOST_FAILURES):
        await refused(directory, new_secret("bf_"), f"2001:db8::{number:x}")
    assert await refused(directory, "bf_x", "2001:db8::ffff") == "too-many-attempts"


async def test_a_browser_that_repeats_a_cookie_that_has_ended_locks_nobody_out(
    tokens: Held, directory: Directory
) -> None:
    token, secret = tokens.add("ada", VIEWER)
    session = tokens.sign_in(token.id)
    tokens.sign_out(digest(session))
    for _ in range(5 * MOST_FAILURES):
        assert await refused(directory, session) == "ended"
    for kind in (COOKIE, LINK):
        unknown = new_secret(kind)
        for _ in range(5 * MOST_FAILURES):
            assert await refused(directory, unknown) == "unknown"
    assert (tokens.asked.count("session"), tokens.asked.count("find")) == (2, 1)
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
    for _ in range(2 * MOST_FAILURES):
        await refused(directory, new_secret("bf_"))
    assert (await directory.find(secret, HERE)).name == "ada"


# --- changes


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
    assert directory.sign_ins["failed"] == 0


# --- what is bounded


async def test_a_link_lasts_no_longer_than_what_made_it(tokens: Held, directory: Directory) -> None:
    _, secret = tokens.add("ada", VIEWER, 2 * HOUR)
    who = await directory.find(secret, HERE)
    area = Area("acme", "b1")
    link, shared = await directory.share(who, area, HOUR)
    assert (link.expires or NOW) - NOW <= HOUR
    longer, _ = await directory.share(who, area, 100 * HOUR)
    assert (longer.expires or NOW) <= NOW + 2 * HOUR + timedelta(seconds=1)
    by_link = await directory.find(shared, HERE)
    assert by_link.grants == Grants.parse(["read:builds/acme/b1/#"])


async def test_nobody_makes_many_sessions_in_a_minute(tokens: Held, directory: Directory) -> None:
    _, secret = tokens.add("ada", VIEWER)
    who = await directory.find(secret, HERE)
    for _ in range(30):
        await directory.sign_in(who)
    with pytest.raises(Problem) as problem:
        await directory.sign_in(who)
    assert problem.value.slug == "too-many-attempts"
