"""Sessions and links over HTTP: cookies, and what they are good for."""

from datetime import timedelta
from http.cookies import SimpleCookie

import httpx
import pytest

from buildfeed.activity import timestamp
from buildfeed.grants import EVERYTHING, Grants
from buildfeed.history.tokens import LONGEST, SLIDING, digest, new_secret
from gateway.access.directory import MOST_FAILURES, Directory
from gateway.http.sessions import Sessions
from support.held_tokens import Held
from support.samples import NOW
from support.signed_in import ORIGIN, Application, bearer, links

VIEWER = Grants.parse(["viewer@acme"])
LOOPBACK = "http://127.0.0.1:8000"
SHARE = "/api/projects/acme/builds/b1/share"
SECURE, LINK = "__Host-buildfeed", "__Host-buildfeed-link"


class Site:
    def __init__(self, tokens: Held, anonymous: Grants = Grants()) -> None:  # noqa: B008 - frozen
        self.directory = Directory(tokens, anonymous)
        self.app = Application(self.directory, Sessions(self.directory, links()).routes())
        self.client = self.app.client
        self.tokens = tokens


@pytest.fixture
async def site(tokens: Held) -> Site:
    return Site(tokens)


@pytest.fixture
def secret(tokens: Held) -> str:
    return tokens.add("ada", VIEWER)[1]


def cookies(answer: httpx.Response) -> SimpleCookie:
    return SimpleCookie("\r\n".join(answer.headers.get_list("set-cookie")))


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).rpartition(":")[2]


# --- sign in and out


async def test_a_token_is_exchanged_for_a_cookie(site: Site, secret: str) -> None:
    async with site.client() as client:
        answer = await client.post("/api/session", json={"token": secret})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json() == {
            "name": "ada",
            "anonymous": False,
            "grants": ["read:builds/acme/#"],
            "expires": timestamp(NOW + SLIDING),
            "reason": None,
            "address": "192.0.2.1",
            "provider": None,
        }
        (cookie,) = cookies(answer).values()
        assert cookie.key == SECURE
        assert cookie["path"] == "/"
        assert cookie["domain"] == ""
        assert (cookie["secure"], cookie["httponly"]) == (True, True)
        assert cookie["samesite"].lower() == "strict"
        assert int(cookie["max-age"]) == LONGEST.total_seconds()
        assert secret not in answer.text + str(answer.headers)
        again = await client.get("/api/session", headers={"Cookie": f"{SECURE}={cookie.value}"})
        assert again.json()["name"] == "ada"


async def test_on_the_loopback_the_cookie_has_a_plain_name(site: Site, secret: str) -> None:
    async with site.client(LOOPBACK) as client:
        answer = await client.post("/api/session", json={"token": secret})
        (cookie,) = cookies(answer).values()
        assert (cookie.key, cookie["secure"]) == ("buildfeed", "")


@pytest.mark.parametrize("base", ["http://192.0.2.7:8000", "http://builds.lan"])
async def test_in_the_clear_no_token_is_taken(site: Site, secret: str, base: str) -> None:
    async with site.client(base) as client:
        for answer in (
            await client.post("/api/session", json={"token": secret}),
            await client.get(f"/s/{new_secret('bl_')}"),
        ):
            assert (answer.status_code, slug(answer)) == (400, "needs-https")
            assert "set-cookie" not in answer.headers
    assert site.tokens.asked == []


async def test_to_sign_out_ends_the_session_and_deletes_the_cookies(
    site: Site, secret: str
) -> None:
    async with site.client() as client:
        cookie = cookies(await client.post("/api/session", json={"token": secret}))[SECURE].value
        headers = {"Cookie": f"{SECURE}={cookie}"}
        answer = await client.delete("/api/session", headers=headers)
        assert answer.status_code == 204
        gone = cookies(answer)
        assert set(gone) == {SECURE, LINK, "buildfeed", "buildfeed-link"}
        assert {each["max-age"] for each in gone.values()} == {"0"}
        after = await client.get("/api/session", headers=headers)
        assert (after.json()["anonymous"], after.json()["reason"]) == (True, "ended")
    session, _ = site.tokens.session(digest(cookie)) or (None, None)
    assert session
    assert session.ended


async def test_a_cookie_that_is_good_no_more_goes(site: Site, secret: str) -> None:
    async with site.client() as client:
        fresh = await client.get("/api/session")
        assert fresh.json()["reason"] == "missing"
        assert "set-cookie" not in fresh.headers
        stale = await client.get("/api/session", headers={"Cookie": f"{SECURE}=bs_gone"})
        assert stale.json()["reason"] == "unknown"
        assert SECURE in cookies(stale)


@pytest.mark.parametrize(
    "body",
    [{}, {"token": ""}, {"token": 1}, {"token": "x" * 201}, {"token": "bf_x", "name": "a"}, []],
    ids=str,
)
async def test_a_sign_in_is_a_token_and_nothing_else(site: Site, body: object) -> None:
    async with site.client() as client:
        assert (await client.post("/api/session", json=body)).status_code == 422


@pytest.mark.parametrize("kind", ["bs_", "bl_", "xx_"])
async def test_what_is_no_token_signs_nobody_in(site: Site, tokens: Held, kind: str) -> None:
    token, _ = tokens.add("ada", VIEWER)
    made = {"bs_": tokens.sign_in(token.id)}.get(kind) or new_secret(kind)
    async with site.client() as client:
        for _ in range(MOST_FAILURES):
            answer = await client.post("/api/session", json={"token": made})
            assert (answer.status_code, slug(answer)) == (401, "not-signed-in")
        answer = await client.post("/api/session", json={"token": made})
        assert (answer.status_code, slug(answer)) == (429, "too-many-attempts")


# --- share


async def test_a_link_shows_one_build_and_nothing_else(site: Site, secret: str) -> None:
    async with site.client() as client:
        made = await client.post(SHARE, json={"hours": 1}, headers=bearer(secret))
        assert made.status_code == 201
        url = made.json()["url"]
        assert url.startswith(f"{ORIGIN}/s/bl_")
        assert made.headers["location"] == url.removeprefix(ORIGIN)

        followed = await client.get(url, follow_redirects=False)
        assert followed.status_code == 303
        assert followed.headers["location"] == "/projects/acme/builds/b1"
        (cookie,) = cookies(followed).values()
        assert (cookie.key, cookie["secure"], cookie["httponly"]) == (LINK, True, True)
        shown = await client.get("/api/session", headers={"Cookie": f"{LINK}={cookie.value}"})
        assert shown.json()["grants"] == ["read:builds/acme/b1/#"]
        assert shown.json()["name"] == made.json()["name"]


async def test_to_follow_a_link_makes_nothing_grow(site: Site, secret: str, tokens: Held) -> None:
    async with site.client() as client:
        url = (await client.post(SHARE, headers=bearer(secret))).json()["url"]
        for _ in range(50):
            assert (await client.get(url, follow_redirects=False)).status_code == 303
    assert "sign_in" not in tokens.asked
    assert len(tokens.all()) == 2


async def test_to_follow_a_link_signs_nobody_out(site: Site, secret: str) -> None:
    """From another site no cookie is sent (SameSite), so who is signed in cannot be told."""
    async with site.client() as client:
        mine = cookies(await client.post("/api/session", json={"token": secret}))[SECURE].value
        url = (await client.post(SHARE, headers=bearer(secret))).json()["url"]
        client.cookies.clear()
        (link,) = cookies(await client.get(url, follow_redirects=False)).values()
        header = f"{link.key}={link.value}; {SECURE}={mine}"
        assert (await client.get("/api/session", headers={"Cookie": header})).json()[
            "name"
        ] == "ada"


async def test_who_may_see_the_build_gets_no_cookie(site: Site, secret: str) -> None:
    async with site.client() as client:
        url = (await client.post(SHARE, headers=bearer(secret))).json()["url"]
        answer = await client.get(url, headers=bearer(secret), follow_redirects=False)
    assert answer.status_code == 303
    assert "set-cookie" not in answer.headers


async def test_a_link_that_is_over_shows_nothing(site: Site, secret: str, tokens: Held) -> None:
    async with site.client() as client:
        url = (await client.post(SHARE, json={"hours": 1}, headers=bearer(secret))).json()["url"]
        tokens.at += timedelta(hours=1)
        await site.directory.look()
        answer = await client.get(url)
        assert (answer.status_code, answer.json()["reason"]) == (401, "expired")
        unknown = await client.get("/s/bl_nobody")
        assert (unknown.status_code, unknown.json()["reason"]) == (401, "unknown")
        no_link = await client.get(f"/s/{secret}")
        assert (no_link.status_code, no_link.json()["reason"]) == (401, "unknown")


async def test_whoever_may_not_read_a_whole_build_shares_none(site: Site, tokens: Held) -> None:
    _, narrow = tokens.add("eve", Grants.parse(["read:builds/acme/+/status"]))
    _, foreign = tokens.add("bob", Grants.parse(["viewer@other"]))
    async with site.client() as client:
        partly = await client.post(SHARE, headers=bearer(narrow))
        assert (partly.status_code, partly.json()["grant"]) == (403, "read:builds/acme/b1/#")
        hidden = await client.post(SHARE, headers=bearer(foreign))
        assert (hidden.status_code, slug(hidden)) == (404, "unknown-build")
        stranger = await client.post(SHARE)
        assert (stranger.status_code, slug(stranger)) == (401, "not-signed-in")
    assert len(tokens.all()) == 2


@pytest.mark.parametrize("hours", [0, -1, 24 * 90 + 1, 1.5, "1"])
async def test_a_link_is_good_for_some_hours(site: Site, secret: str, hours: object) -> None:
    async with site.client() as client:
        answer = await client.post(SHARE, json={"hours": hours}, headers=bearer(secret))
    assert answer.status_code == 422


async def test_strangers_who_may_read_make_no_links(tokens: Held) -> None:
    for anonymous, status in ((Grants.parse(["viewer@*"]), 401), (EVERYTHING, 201)):
        async with Site(tokens, anonymous).client() as client:
            assert (await client.post(SHARE)).status_code == status
    assert len(tokens.all()) == 1


async def test_a_link_makes_no_links(site: Site, secret: str, tokens: Held) -> None:
    """They would not end with it when it is revoked, and strangers could use all up."""
    async with site.client() as client:
        url = (await client.post(SHARE, headers=bearer(secret))).json()["url"]
        link = url.rpartition("/")[2]
        for headers in ({"Cookie": f"{LINK}={link}"}, bearer(link)):
            answer = await client.post(SHARE, headers=headers)
            assert (answer.status_code, slug(answer)) == (403, "not-allowed")
    assert len(tokens.all()) == 2


async def test_nobody_makes_many_links_in_a_minute(site: Site, secret: str) -> None:
    async with site.client() as client:
        answers = [(await client.post(SHARE, headers=bearer(secret))) for _ in range(31)]
    assert [each.status_code for each in answers] == [201] * 30 + [429]
    assert slug(answers[-1]) == "too-many-attempts"
