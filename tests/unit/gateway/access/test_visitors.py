"""Who is here: what is open of those who have to go is closed."""

import asyncio
from datetime import timedelta

import pytest

from buildfeed.grants import Grants
from buildfeed.history.tokens import SLIDING
from gateway.access.directory import Directory
from gateway.access.principal import Principal
from gateway.problems import Problem
from support.held_tokens import Held
from support.principals import Open, refused

HERE = "192.0.2.1"
NOTHING = Grants()
VIEWER = Grants.parse(["viewer@acme"])
BUILDER = Grants.parse(["builder@acme"])
HOUR = timedelta(hours=1)


@pytest.fixture
async def directory(tokens: Held) -> Directory:
    return Directory(tokens, NOTHING)


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


async def test_what_has_left_is_held_no_more(tokens: Held, directory: Directory) -> None:
    _, secret = tokens.add("ada", VIEWER)
    who = await directory.find(secret, HERE)
    one, two = Open(directory, who), Open(directory, who)
    assert directory.visitors.here(one) == who
    directory.visitors.leave(one)
    directory.visitors.leave(one)
    assert directory.visitors.here(one) is None
    assert directory.visitors.here(two) == who
    stranger = Open(directory, directory.anonymous)
    assert directory.visitors.here(stranger) is None  # and so nobody asks for another of its tokens


async def test_what_a_renewed_token_has_open_goes_on_until_it_ends(
    tokens: Held, directory: Directory
) -> None:
    token, old = tokens.add("ada", VIEWER)
    by_token, by_cookie = [
        Open(directory, await directory.find(each, HERE))
        for each in (old, tokens.sign_in(token.id))
    ]
    _, new, _ = tokens.renew("ada", None, HOUR)
    await directory.look()
    assert by_token.closed == by_cookie.closed == []
    assert (await directory.find(old, HERE)).expires == tokens.at + HOUR
    renewed = Open(directory, await directory.find(new, HERE))
    tokens.at += HOUR
    await directory.look()
    assert by_token.closed == by_cookie.closed == ["expired"]
    assert renewed.closed == []
    assert await refused(directory, old) == "expired"


async def test_what_is_renewed_without_an_overlap_is_closed_at_once(
    tokens: Held, directory: Directory
) -> None:
    _, old = tokens.add("ada", VIEWER)
    ada = Open(directory, await directory.find(old, HERE))
    tokens.renew("ada", None, timedelta())
    await directory.look()
    assert ada.closed[0] == "expired"


# --- how much


async def test_a_principal_has_so_many_connections_and_no_more(
    tokens: Held, caplog: pytest.LogCaptureFixture
) -> None:
    directory = Directory(tokens, NOTHING, max_per_principal=2)
    visitors = directory.visitors
    token, secret = tokens.add("ada", VIEWER)
    _, of_bob = tokens.add("bob", VIEWER)
    by_token, bob = [await directory.find(each, HERE) for each in (secret, of_bob)]
    by_cookie = await directory.find(tokens.sign_in(token.id), "192.0.2.2")

    def enter(holder: str, who: Principal, *, counts: bool = True) -> None:
        visitors.enter(holder, who, str, counts=counts)

    enter("1", by_token)
    enter("2", by_cookie)
    enter("2", by_token)  # it has shown another token: it is one connection still
    with pytest.raises(Problem) as problem:
        enter("3", by_cookie)
    assert (problem.value.status, problem.value.slug) == (503, "too-many-connections")
    assert problem.value.detail.startswith("There are too many connections of ada:")
    assert visitors.here("3") is None
    assert visitors.refused == 1
    assert [vars(each)["principal"] for each in caplog.records] == ["ada"]
    enter("4", by_token, counts=False)  # a short request is no connection
    enter("5", bob)
    for number in range(10):
        enter(f"stranger {number}", directory.anonymous)
    visitors.leave("1")
    enter("3", by_token)
