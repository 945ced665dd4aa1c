"""Watchers of socket.io and their principals, by WebSocket and by polling."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from buildfeed.activity import Activity
from buildfeed.grants import EVERYTHING, Area, Grant, Grants
from buildfeed.history.tokens import digest, new_secret
from buildfeed.topics import MAX_FILTERS
from gateway.access.credentials import Shown
from gateway.access.directory import Directory
from gateway.engine.frames import CLOSE, POLICY, TEXT
from support.builders import accept, error, log, start
from support.client_frames import sent
from support.held_tokens import Held
from support.pollers import Poller
from support.watchers import Watcher
from support.wired import Pipe, Site, packets, until

VIEWER = Grants.parse(["viewer@acme"])
BY = pytest.mark.parametrize("by", ["websocket", "polling"])


@pytest.fixture
async def site(tokens: Held) -> Site:
    return Site(directory=Directory(tokens, Grants()))


@pytest.fixture
def secret(tokens: Held) -> str:
    """The token of ada, who may read the project acme."""
    return tokens.add("ada", VIEWER)[1]


def both(make: Callable[..., Activity], *arguments: Any, **facts: Any) -> list[Activity]:
    """Return an activity of acme, and one of the project other."""
    return [make(*arguments, project=project, **facts) for project in ("acme", "other")]


# --- who comes in


@BY
async def test_without_a_grant_nobody_comes_in(site: Site, by: str) -> None:
    for auth in ({}, {"watch": "builds/#"}, {"token": ""}):
        watcher = Watcher(site, by)
        answer = await watcher.connect(**auth)
        assert (answer["code"], answer["reason"]) == ("not-signed-in", "missing"), auth
    assert site.transport.watchers == len(site.live.hub) == 0


@BY
async def test_a_token_that_is_no_good_says_why(site: Site, by: str, tokens: Held) -> None:
    _, revoked = tokens.add("bob", VIEWER)
    tokens.revoke("bob")
    for token, reason in ((new_secret("bf_"), "unknown"), (revoked, "revoked")):
        answer = await Watcher(site, by).connect(token=token, watch="builds/acme/#")
        assert (answer["code"], answer["reason"]) == ("not-signed-in", reason)
    assert site.transport.watchers == 0


@BY
@pytest.mark.parametrize(
    "token", [0, False, [], {}, ["bf_"], "\ud800".encode("utf-16-le", "surrogatepass").hex()]
)
async def test_what_is_no_token_is_refused(site: Site, by: str, token: object) -> None:
    assert (await Watcher(site, by).connect(token=token))["code"] == "not-signed-in"


@BY
async def test_what_a_handshake_shows_counts(
    site: Site, by: str, tokens: Held, secret: str
) -> None:
    (ada,) = tokens.all()
    session = tokens.sign_in(ada.id)
    ended = tokens.sign_in(ada.id)
    tokens.sign_out(digest(ended))
    for shown in (Shown(secret), Shown(cookies=(session,)), Shown(cookies=(ended, session))):
        assert "sid" in await Watcher(site, by, shown).connect(watch="builds/acme/#"), shown
    refused = await Watcher(site, by, Shown(cookies=(ended,))).connect()
    assert (refused["code"], refused["reason"]) == ("not-signed-in", "ended")
    bearer = await Watcher(site, by, Shown("bf_nobody")).connect()
    assert (bearer["code"], bearer["reason"]) == ("not-signed-in", "unknown")


@BY
async def test_a_token_in_the_connect_goes_before_the_handshake(
    site: Site, by: str, tokens: Held, secret: str
) -> None:
    _, other = tokens.add("bob", Grants.parse(["viewer@other"]))
    watcher = Watcher(site, by, Shown(secret))
    assert "sid" in await watcher.connect(token=other, watch="builds/#")
    assert (await watcher.ask("watch", []))["watching"] == ["builds/other/#"]


async def test_anonymous_with_a_cookie_that_has_ended_is_anonymous_still(tokens: Held) -> None:
    site = Site(directory=Directory(tokens, VIEWER))
    token, _ = tokens.add("bob", Grants.parse(["viewer@other"]))
    ended = tokens.sign_in(token.id)
    tokens.sign_out(digest(ended))
    watcher = Watcher(site, "websocket", Shown(cookies=(ended,)))
    assert "sid" in await watcher.connect(watch="builds/#")
    assert (await watcher.ask("watch", []))["watching"] == ["builds/acme/#"]


@BY
async def test_too_many_guesses_are_told_so(site: Site, by: str) -> None:
    watcher = Watcher(site, by)
    codes = []
    for _ in range(12):
        await watcher.say(f'40{{"token":"{new_secret("bf_")}"}}')
        codes.append(json.loads((await watcher.until("44", after=len(codes)))[2:])["data"]["code"])
    assert codes == ["not-signed-in"] * 10 + ["too-many-attempts"] * 2


@BY
async def test_while_the_history_is_away_nobody_new_comes_in(
    site: Site, by: str, tokens: Held, secret: str
) -> None:
    tokens.down = True
    assert (await Watcher(site, by).connect(token=secret))["code"] == "history-unavailable"


@BY
async def test_beyond_the_connections_of_one_it_is_told_so(by: str, tokens: Held) -> None:
    site = Site(directory=Directory(tokens, Grants(), max_per_principal=1))
    _, secret = tokens.add("ada", VIEWER)
    first, second = Watcher(site, by), Watcher(site, by)
    assert "sid" in await first.connect(token=secret, watch="builds/#")
    refused = await second.connect(token=secret, watch="builds/#")
    assert refused["code"] == "too-many-connections"
    assert "of ada" in refused["message"]
    assert site.transport.watchers == len(site.subscriptions._here) == 1
    assert (await first.ask("auth", secret))["name"] == "ada"
    await first.say("41")
    assert "sid" in await Watcher(site, by).connect(token=secret, watch="builds/#")


@BY
async def test_the_log_of_a_connect_says_who(
    site: Site, by: str, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await Watcher(site, by).connect(token=secret)
    (line,) = [vars(each) for each in caplog.records if each.msg == "watcher.connected"]
    assert line["principal"] == "ada"


@BY
async def test_a_token_by_http_is_refused_wherever_it_is_shown(by: str, tokens: Held) -> None:
    directory = Directory(tokens, Grants(), is_private=lambda host: host == "builds.example")
    site = Site(directory=directory)
    token, secret = tokens.add("ada", VIEWER)
    cookie = tokens.sign_in(token.id)
    private = Watcher(site, by, Shown(host="builds.example"))
    assert "sid" in await private.connect(token=secret)
    assert (await private.ask("auth", secret))["name"] == "ada"
    in_header = Watcher(site, by, Shown(secret, host="192.0.2.1"))
    assert (await in_header.connect())["code"] == "needs-https"
    in_packet = Watcher(site, by, Shown(host="192.0.2.1"))
    assert (await in_packet.connect(token=secret))["code"] == "needs-https"
    by_cookie = Watcher(site, by, Shown(cookies=(cookie,), host="192.0.2.1"))
    assert "sid" in await by_cookie.connect()
    assert (await by_cookie.ask("auth", secret))["error"]["code"] == "needs-https"


# --- what is watched


@BY
async def test_a_watch_is_narrowed_to_what_is_granted(site: Site, by: str, secret: str) -> None:
    await site.receive(*both(start))
    watcher = Watcher(site, by)
    await watcher.connect(token=secret)
    answer = await watcher.ask("watch", ["builds/#", "builds/+/b1/status"])
    assert answer["watching"] == ["builds/acme/#"]
    assert [each["project"] for each in answer["builds"]] == ["acme"]
    await site.receive(*both(accept), *both(error, "e", 5))
    assert set(await watcher.builds()) == {("acme", "b1")}


@BY
async def test_what_is_watched_from_the_connect_on_is_narrowed_too(
    site: Site, by: str, secret: str
) -> None:
    await site.receive(*both(start))
    watcher = Watcher(site, by)
    assert "sid" in await watcher.connect(token=secret, watch="builds/#")
    await site.receive(*both(accept), *both(error, "e", 5))
    assert set(await watcher.builds()) == {("acme", "b1")}


@BY
@pytest.mark.parametrize(
    "asked", ["builds/other/#", "builds/other/b1/log", ["builds/other/+/status", "builds/x/#"]]
)
async def test_where_nothing_is_left_the_grant_is_named(
    site: Site, by: str, secret: str, asked: Any
) -> None:
    await site.receive(*both(start))
    watcher = Watcher(site, by)
    await watcher.connect(token=secret)
    answer = await watcher.ask("watch", asked)
    assert answer["error"]["code"] == "not-allowed"
    first = asked if isinstance(asked, str) else answer["error"]["grant"].partition(":")[2]
    assert answer["error"]["grant"] == f"read:{first}"
    assert (await watcher.ask("watch", []))["watching"] == []
    refused = await Watcher(site, by).connect(token=secret, watch=asked)
    assert refused["code"] == "not-allowed"
    assert len(site.live.hub) == 0


@BY
async def test_a_log_is_heard_by_who_may_read_it(site: Site, by: str, tokens: Held) -> None:
    _, with_log = tokens.add("bob", Grants.parse(["read:builds/acme/+/log"]))
    _, without = tokens.add("eve", Grants.parse(["read:builds/acme/+/status"]))
    hears, does_not = Watcher(site, by), Watcher(site, by)
    await hears.connect(token=with_log)
    await does_not.connect(token=without)
    assert (await hears.ask("watch", "builds/acme/b1/log"))["watching"] == ["builds/acme/b1/log"]
    assert (await does_not.ask("watch", "builds/acme/b1/log"))["error"]["code"] == "not-allowed"
    assert (await does_not.ask("watch", "builds/acme/b1/#"))["watching"] == [
        "builds/acme/b1/status"
    ]
    await site.receive(*both(log, "secret", 5))
    assert await hears.builds() == [("acme", "b1")]
    assert await does_not.builds() == []


@BY
async def test_kinds_that_are_not_granted_are_not_heard(site: Site, by: str, tokens: Held) -> None:
    _, secret = tokens.add("bob", Grants.parse(["read:builds/acme/+/status"]))
    await site.receive(start())
    watcher = Watcher(site, by)
    await watcher.connect(token=secret)
    await watcher.ask("watch", "builds/#")
    await site.receive(error("text", 5))
    await site.receive(accept(attempt=2))
    said = [json.loads(each[2:])[1] for each in await watcher.heard() if each.startswith('42["b')]
    assert [each["kind"] for each in said] == ["status"]


@BY
async def test_what_was_narrowed_is_unwatched_as_it_was_asked_for(
    site: Site, by: str, secret: str
) -> None:
    watcher = Watcher(site, by)
    await watcher.connect(token=secret)
    await watcher.ask("watch", ["builds/#", "builds/acme/b1/log"])
    assert (await watcher.ask("unwatch", "builds/#"))["watching"] == ["builds/acme/b1/log"]
    await watcher.ask("watch", "builds/#")
    assert (await watcher.ask("unwatch", "builds/acme/#"))["watching"] == ["builds/acme/b1/log"]
    await site.receive(*both(start))
    assert await watcher.builds() == []


async def test_a_page_after_the_first_shows_no_more_than_that(site: Site, secret: str) -> None:
    names = [f"b{number:03}" for number in range(300)]
    for name in names:
        await site.receive(start(name), start(name, project="other"))
    watcher = Watcher(site, "websocket")
    await watcher.connect(token=secret)
    page, shown = await watcher.ask("watch", "builds/#"), []
    while True:
        shown += [(each["project"], each["build"]) for each in page["builds"]]
        if not page["more"]:
            break
        assert "other" not in page["after"]
        page = await watcher.ask("watch", "builds/#", {"after": page["after"]})
    assert sorted(shown) == [("acme", name) for name in names]
    foreign = await watcher.ask("watch", "builds/other/#", {"after": "unfinished.b200.other"})
    assert foreign["error"]["code"] == "not-allowed"


async def test_parts_are_bounded_like_filters(site: Site, tokens: Held) -> None:
    wide = [Grant("read", Area(f"p{number}")) for number in range(60)]
    _, secret = tokens.add("bob", Grants(wide))
    watcher = Watcher(site, "websocket")
    await watcher.connect(token=secret)
    answer = await watcher.ask("watch", ["builds/+/+/status", "builds/+/+/error"])
    assert answer["error"]["code"] == "invalid-filter"
    assert len(site.live.hub) == 0
    refused = await Watcher(site, "websocket").connect(
        token=secret, watch=["builds/+/+/status", "builds/+/+/error"]
    )
    assert refused["code"] == "invalid-filter"


# --- another token


@BY
async def test_with_another_token_of_the_same_principal_one_goes_on(
    site: Site, by: str, tokens: Held, secret: str
) -> None:
    (ada,) = tokens.all()
    session = tokens.sign_in(ada.id)
    watcher = Watcher(site, by, Shown(cookies=(session,)))
    await watcher.connect(watch="builds/#")
    answer = await watcher.ask("auth", secret)
    assert answer == {"name": "ada", "expires": None}
    tokens.sign_out(digest(session))
    await site.directory.look()
    assert not watcher.connection.closing
    await site.receive(*both(start))
    assert set(await watcher.builds()) == {("acme", "b1")}


@BY
async def test_what_the_new_token_may_not_read_is_not_heard_any_more(
    site: Site, by: str, tokens: Held
) -> None:
    _, wide = tokens.add("ada", EVERYTHING, timedelta(hours=1))
    watcher = Watcher(site, by)
    await watcher.connect(token=wide)
    await watcher.ask("watch", ["builds/#", "builds/other/b1/log"])
    tokens.at += timedelta(hours=1)  # its name is free now, and it is open still
    _, narrow = tokens.add("ada", VIEWER)
    assert (await watcher.ask("auth", narrow))["name"] == "ada"
    assert (await watcher.ask("watch", []))["watching"] == ["builds/acme/#"]
    await site.receive(*both(start), *both(log, "secret", 1))
    assert await watcher.builds() == [("acme", "b1")]
    await site.directory.look()
    assert not watcher.connection.closing


@BY
async def test_a_token_of_somebody_else_changes_nothing(
    site: Site, by: str, tokens: Held, secret: str
) -> None:
    _, of_bob = tokens.add("bob", EVERYTHING)
    _, of_eve = tokens.add("eve", EVERYTHING)
    tokens.revoke("eve")
    watcher = Watcher(site, by)
    await watcher.connect(token=secret, watch="builds/#")
    for token, code in ((of_bob, "not-allowed"), (of_eve, "not-signed-in")):
        assert (await watcher.ask("auth", token))["error"]["code"] == code
    for wrong in ([], [""], [1], [secret, secret], [None], [{"token": secret}]):
        assert (await watcher.ask("auth", *wrong))["error"]["code"] == "bad-auth", wrong
    assert (await watcher.ask("watch", "builds/#"))["watching"] == ["builds/acme/#"]
    assert site.directory.visitors.here(watcher.connection) == await site.directory.find(secret, "")


async def test_a_new_token_whose_parts_are_too_many_changes_nothing(
    site: Site, tokens: Held
) -> None:
    _, wide = tokens.add("ada", EVERYTHING, timedelta(hours=1))
    watcher = Watcher(site, "websocket")
    await watcher.connect(token=wide)
    asked = ["builds/+/+/status", "builds/+/+/error", "builds/+/+/progress"]
    await watcher.ask("watch", asked)
    tokens.at += timedelta(hours=1)
    _, narrow = tokens.add("ada", Grants(Grant("read", Area(f"p{n}")) for n in range(60)))
    assert (await watcher.ask("auth", narrow))["error"]["code"] == "invalid-filter"
    assert len(site.live.hub.filters(watcher.connection.sid)) == len(asked) < MAX_FILTERS


@BY
async def test_by_a_renewed_token_one_goes_on_when_the_old_one_ends(
    site: Site, by: str, tokens: Held, secret: str
) -> None:
    watcher, other = Watcher(site, by), Watcher(site, by)
    for each in (watcher, other):
        await each.connect(token=secret, watch="builds/#")
    _, renewed, _ = tokens.renew("ada", None, timedelta(hours=1))
    await site.directory.look()
    await site.receive(start("b1"))
    assert (await watcher.ask("auth", renewed))["name"] == "ada"
    await site.receive(start("b2"))
    tokens.at += timedelta(hours=1)
    await site.directory.look()
    assert other.connection.closing
    assert not watcher.connection.closing
    await site.receive(start("b3"))
    assert await watcher.builds() == [("acme", f"b{number}") for number in (1, 2, 3)]


# --- who has to go


async def test_a_websocket_of_a_revoked_token_is_closed_with_1008(
    site: Site, tokens: Held, secret: str
) -> None:
    client = Watcher(site, "websocket")
    await client.connect(token=secret, watch="builds/#")
    tokens.revoke("ada")
    await site.directory.look()
    assert (await client.heard())[-1] == f"{CLOSE}"
    assert POLICY.to_bytes(2, "big") + b"This token was revoked" in client.pipe.taken
    assert site.transport.watchers == len(site.live.hub) == 0
    await site.receive(start())
    assert await client.builds() == []
    assert (await Watcher(site, "websocket").connect(token=secret))["reason"] == "revoked"


async def test_one_that_polls_finds_no_session_any_more(
    site: Site, tokens: Held, secret: str
) -> None:
    client = Watcher(site, "polling")
    await client.connect(token=secret, watch="builds/#")
    tokens.revoke("ada")
    await site.directory.look()
    assert site.transport.server.polling(client.session) is None
    assert site.transport.watchers == len(site.live.hub) == 0


@BY
async def test_a_connect_whose_token_is_revoked_meanwhile_is_refused(
    site: Site, by: str, tokens: Held, secret: str
) -> None:
    await site.directory.look()
    held = tokens.hold("find")
    watcher = Watcher(site, by)
    await watcher.say(f'40{{"token":"{secret}","watch":"builds/#"}}')
    await until(lambda: "find" in tokens.asked)
    tokens.revoke("ada")
    await site.directory.look()
    held.set()
    refused = json.loads((await watcher.until("44"))[2:])
    assert refused["data"]["reason"] == "revoked"
    assert site.transport.watchers == 0


@BY
async def test_what_a_watcher_leaves_is_not_held(site: Site, by: str, secret: str) -> None:
    watcher = Watcher(site, by)
    await watcher.connect(token=secret, watch="builds/#")
    assert site.directory.visitors.here(watcher.connection)
    await watcher.say("41")
    assert site.directory.visitors.here(watcher.connection) is None
    assert site.subscriptions._here == {}


async def test_a_poller_that_upgrades_is_who_it_was(site: Site, tokens: Held, secret: str) -> None:
    poller = Poller(site)
    await poller.say(f'40{{"token":"{secret}","watch":"builds/#"}}')
    await until(lambda: poller.connection.connected)
    pipe = Pipe()
    upgrade = site.transport.server.upgrade(poller.session, pipe)
    assert upgrade
    for packet in ("2probe", "5"):
        upgrade.received(sent(TEXT, packet.encode()))
    assert upgrade.done
    tokens.revoke("ada")
    await site.directory.look()
    assert packets(pipe.taken)[-1] == f"{CLOSE}"
    assert site.transport.watchers == 0
