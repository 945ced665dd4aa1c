"""Sign-in with a real OpenID provider: bearer tokens, codes, new keys; one that is away."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from buildfeed.doctor import examination
from buildfeed.doctor.places import Places
from buildfeed.grants import Grants
from buildfeed.history.database import Database
from buildfeed.history.tokens import Tokens
from gateway.access.directory import MOST_FAILURES, Directory
from gateway.http.oidc import PLAIN_COOKIE, OidcSignIn
from gateway.http.sessions import Sessions
from gateway.oidc.issuer import Issuer
from gateway.oidc.settings import Oidc
from support.brokers import free_port
from support.openid_provider import SECRET, OpenIdProvider
from support.signed_in import Application, bearer, links
from support.workshop import until

HERE = "http://127.0.0.1:8000"
CALLBACK = f"{HERE}/login/oidc/callback"
SESSION = "/api/session"


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with OpenIdProvider(free_port(), [CALLBACK]) as started:
        yield started


class Site:
    """What people ask, with a provider, and tokens in a history of its own."""

    def __init__(self, tokens: Tokens, settings: Oidc) -> None:
        self.issuer = Issuer(settings, pause=0.2)
        self.directory = Directory(tokens, Grants(), issuer=self.issuer)
        routes = [
            *OidcSignIn(self.issuer, self.directory, links(), "").routes(),
            *Sessions(self.directory, links(), settings.label).routes(),
        ]
        self._app = Application(self.directory, routes)

    def browser(self, address: str = "192.0.2.1") -> httpx.AsyncClient:
        """Return a browser of its own, which keeps cookies."""
        return self._app.client(HERE, address)

    async def session(self, token: str, address: str = "192.0.2.1") -> httpx.Response:
        async with self.browser(address) as client:
            return await client.get(SESSION, headers=bearer(token))


Open = Callable[..., Any]


@pytest.fixture
def site(provider: OpenIdProvider, database_url: str) -> Open:
    """Open a site: `async with site() as opened`."""

    @asynccontextmanager
    async def opened(**other: Any) -> AsyncIterator[Site]:
        settings = {
            "issuer": provider.issuer,
            "client_id": "buildfeed",
            "client_secret": SECRET,
            "audience": "buildfeed",
            "label": "Example",
            "groups": {"dev": Grants.parse(["builder@acme"])},
            **other,
        }
        made = Site(Tokens(Database(database_url)), Oidc(**settings))
        running = asyncio.create_task(made.issuer.run())
        try:
            yield made
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    return opened


@pytest.fixture
def database_url(sqlite_template: Any, tmp_path: Any) -> str:
    path = tmp_path / "history.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).rpartition(":")[2]


async def sign_in(url: str, login: str) -> str:
    """Sign somebody in at the provider, whose page that is; return where it leads."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(url)
        for form in ({"prompt": "login", "login": login, "password": "x"}, {"prompt": "consent"}):
            page = await followed(client, answer)
            if not isinstance(page, httpx.Response):
                return page
            (action,) = re.findall(r'action="([^"]+)"', page.text)
            answer = await client.post(str(page.url.join(action)), data=form)
        end = await followed(client, answer)
        assert isinstance(end, str), end.text
        return end


async def followed(client: httpx.AsyncClient, answer: httpx.Response) -> httpx.Response | str:
    """Follow redirects within the provider; return its page, or the address that it leads to."""
    while answer.is_redirect:
        place = str(answer.url.join(answer.headers["location"]))
        if place.startswith(HERE):
            return place
        answer = await client.get(place)
    assert answer.status_code == 200, answer.text
    return answer


async def began(browser: httpx.AsyncClient, back: str = "/projects/acme") -> str:
    """Begin a sign-in; return the address at the provider."""
    answer = await browser.get("/login/oidc", params={"back": back})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


# --- bearer tokens


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_program_comes_by_a_token_of_the_provider(
    provider: OpenIdProvider, site: Open, algorithm: str
) -> None:
    async with site() as opened:
        token = provider.token("robot", "viewer@acme", alg=algorithm)
        for _ in range(2):
            answer = await opened.session(token)
            assert answer.status_code == 200, answer.text
            said = answer.json()
            assert (said["name"], said["grants"]) == ("oidc-robot", ["read:builds/acme/#"])
            assert said["provider"] == "Example"


@pytest.mark.parametrize(
    ("asked", "reason"), [({"aud": "other"}, "audience"), ({"ttl": 7200}, "too-long")]
)
async def test_a_token_that_does_not_count_is_told_why(
    provider: OpenIdProvider, site: Open, asked: dict[str, Any], reason: str
) -> None:
    async with site() as opened:
        answer = await opened.session(provider.token("robot", "viewer@acme", **asked))
        assert (answer.status_code, slug(answer)) == (401, "not-signed-in")
        assert answer.json()["reason"] == reason


async def test_who_may_do_nothing_is_told_so(provider: OpenIdProvider, site: Open) -> None:
    async with site() as opened:
        answer = await opened.session(provider.token("robot"))
        assert (answer.status_code, slug(answer)) == (403, "not-allowed")
        assert answer.json()["detail"].startswith("Example knows you as robot, but nothing")


async def test_tokens_that_are_made_up_count_as_failures(
    provider: OpenIdProvider, site: Open
) -> None:
    async with site() as opened:
        head, body, signature = provider.token("robot", "viewer@acme").split(".")
        for number in range(MOST_FAILURES):
            answer = await opened.session(f"{head}.{body}.{signature[:-8]}{number:08}")
            assert (answer.status_code, answer.json()["reason"]) == (401, "unknown")
        good = provider.token("robot", "viewer@acme")
        assert slug(await opened.session(good)) == "too-many-attempts"
        assert (await opened.session(good, "192.0.2.2")).status_code == 200


async def test_strangers_cause_one_question_in_a_while(
    provider: OpenIdProvider, site: Open
) -> None:
    async with site() as opened:
        opened.issuer._known._pause = 3600
        good = provider.token("robot", "viewer@acme")
        assert (await opened.session(good)).status_code == 200
        provider.stop()
        provider.start()
        for number in range(5):  # of keys that this site has not read
            answer = await opened.session(provider.token(f"robot{number}", "viewer@acme"))
            assert (answer.status_code, answer.json()["reason"]) == (401, "unknown")
        assert opened.issuer.counts() == {"answered": 1, "failed": 0}


async def test_new_keys_of_the_provider_are_read(provider: OpenIdProvider, site: Open) -> None:
    async with site() as opened:
        assert (await opened.session(provider.token("ada", "viewer@x"))).status_code == 200
        provider.stop()
        provider.start()
        await until(lambda: opened.issuer._known._asked < time.monotonic() - 0.2)
        assert (await opened.session(provider.token("bob", "viewer@x"))).status_code == 200


async def test_while_it_is_away_those_who_are_known_go_on(
    provider: OpenIdProvider, site: Open
) -> None:
    async with site() as opened:
        known, later = provider.token("ada", "viewer@x"), provider.token("bob", "viewer@x")
        assert (await opened.session(known)).status_code == 200
        try:
            provider.stop()
            assert (await opened.session(known)).status_code == 200
            assert (await opened.session(later)).status_code == 200  # its key is known
            async with opened.browser() as browser:
                assert (await browser.get(SESSION)).json()["anonymous"]
        finally:
            provider.start()


async def test_while_it_is_away_from_the_start_the_answer_says_so(
    provider: OpenIdProvider, site: Open, database_url: str
) -> None:
    token = provider.token("ada", "viewer@x")
    _, own = Tokens(Database(database_url)).add("own", Grants.parse(["viewer@x"]))
    provider.stop()
    try:
        async with site() as opened:
            answer = await opened.session(token)
            assert (answer.status_code, slug(answer)) == (503, "provider-unavailable")
            assert answer.json()["detail"].startswith("Example does not answer")
            assert (await opened.session(own)).json()["name"] == "own"
            async with opened.browser() as browser:
                answer = await browser.get("/login/oidc")
                assert (answer.status_code, slug(answer)) == (503, "provider-unavailable")
                assert (await browser.get(SESSION)).json()["anonymous"]
    finally:
        provider.start()


# --- the code flow


async def test_somebody_signs_in_and_out(site: Open) -> None:
    async with site() as opened, opened.browser() as browser:
        answer = await browser.get(await sign_in(await began(browser), "ada"))
        assert (answer.status_code, answer.headers["location"]) == (303, "/projects/acme")
        cookies = SimpleCookie("\r\n".join(answer.headers.get_list("set-cookie")))
        session, gone = cookies["buildfeed"], cookies[PLAIN_COOKIE]
        assert (session["samesite"].lower(), session["httponly"]) == ("strict", True)
        assert (session["max-age"], gone["max-age"]) == ("43200", "0")
        said = (await browser.get(SESSION)).json()
        assert (said["name"], said["anonymous"]) == ("oidc-ada", False)
        assert said["grants"] == ["read:builds/acme/#", "start:acme", "stop:acme"]
        assert (await browser.delete(SESSION)).status_code == 204
        headers = {"Cookie": f"buildfeed={session.value}"}
        after = (await browser.get(SESSION, headers=headers)).json()
        assert (after["anonymous"], after["reason"]) == (True, "ended")


async def test_the_cookie_of_a_sign_in_is_bound_to_this_browser_and_short(site: Open) -> None:
    async with site() as opened, opened.browser() as browser:
        answer = await browser.get("/login/oidc")
        (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()
        assert (cookie.key, cookie["path"], cookie["domain"]) == (PLAIN_COOKIE, "/", "")
        assert (cookie["httponly"], cookie["samesite"].lower()) == (True, "lax")
        assert cookie["max-age"] == "600"


async def test_a_code_is_of_no_use_in_another_browser(site: Open) -> None:
    async with site() as opened, opened.browser() as mine, opened.browser() as theirs:
        stolen = await sign_in(await began(mine), "ada")
        for begins in (False, True):
            if begins:  # with a sign-in of its own: another state
                await began(theirs)
            answer = await theirs.get(stolen)
            assert (answer.status_code, slug(answer)) == (400, "bad-sign-in")
            assert "not begun in this browser" in answer.json()["detail"]
            assert (await theirs.get(SESSION)).json()["anonymous"]
        query = parse_qs(urlsplit(stolen).query)
        own = parse_qs(urlsplit(await began(theirs)).query)
        forged = {"code": query["code"][0], "state": own["state"][0]}
        answer = await theirs.get(CALLBACK, params=forged)  # PKCE: the verifier is another
        assert (answer.status_code, slug(answer)) == (400, "bad-sign-in")
        assert "invalid_grant" in answer.json()["detail"]


async def test_a_code_is_good_once(site: Open) -> None:
    async with site() as opened, opened.browser() as browser:
        url = await began(browser)
        cookie = browser.cookies[PLAIN_COOKIE]
        end = await sign_in(url, "ada")
        assert (await browser.get(end)).status_code == 303
        again = await browser.get(end, headers={"Cookie": f"{PLAIN_COOKIE}={cookie}"})
        assert (again.status_code, slug(again)) == (400, "bad-sign-in")


async def test_codes_cannot_be_guessed(site: Open) -> None:
    async with site() as opened, opened.browser() as browser:
        for number in range(MOST_FAILURES + 1):
            state = parse_qs(urlsplit(await began(browser)).query)["state"][0]
            answer = await browser.get(CALLBACK, params={"code": f"c{number}", "state": state})
        assert (answer.status_code, slug(answer)) == (429, "too-many-attempts")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"error": "access_denied"}, "access_denied"),
        ({"error": "<script>\x07" + "x" * 999}, "<script>"),
        ({}, "gave no code"),
        ({"code": "x" * 5000}, "gave no code"),
        ({"code": "c", "iss": "https://evil.example"}, "another provider"),
    ],
)
async def test_an_answer_that_is_none_is_refused(
    site: Open, query: dict[str, str], said: str
) -> None:
    async with site() as opened, opened.browser() as browser:
        state = parse_qs(urlsplit(await began(browser)).query)["state"][0]
        answer = await browser.get(CALLBACK, params={"state": state, **query})
        assert (answer.status_code, slug(answer)) == (400, "bad-sign-in")
        assert said in answer.json()["detail"]
        assert len(answer.json()["detail"]) < 400


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/\\evil.example"])
async def test_nobody_is_led_to_another_site(site: Open, back: str) -> None:
    async with site() as opened, opened.browser() as browser:
        answer = await browser.get(await sign_in(await began(browser, back), "ada"))
        assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    ("login", "said"), [("eve", "nothing that it says of you"), ("mail", "cannot be a name")]
)
async def test_who_may_not_come_in_is_told_why(site: Open, login: str, said: str) -> None:
    async with site() as opened, opened.browser() as browser:
        answer = await browser.get(await sign_in(await began(browser), login))
        assert (answer.status_code, slug(answer)) == (403, "not-allowed")
        assert said in answer.json()["detail"]
        assert (await browser.get(SESSION)).json()["anonymous"]


async def test_a_wrong_secret_is_no_fault_of_who_signs_in(site: Open) -> None:
    async with site(client_secret="wrong") as opened, opened.browser() as browser:
        answer = await browser.get(await sign_in(await began(browser), "ada"))
        assert (answer.status_code, slug(answer)) == (503, "provider-unavailable")


async def test_sessions_end_with_their_hours_and_by_their_name(
    site: Open, database_url: str
) -> None:
    async with site(hours=1) as opened, opened.browser() as browser:
        await browser.get(await sign_in(await began(browser), "bob"))
        said = (await browser.get(SESSION)).json()
        assert said["name"] == "oidc-bob"
        tokens = Tokens(Database(database_url))
        assert tokens.revoke("oidc-bob") == 1
        await opened.directory.look()
        after = (await browser.get(SESSION)).json()
        assert (after["anonymous"], after["reason"]) == (True, "ended")


# --- the doctor


def found(**places: Any) -> list[str]:
    levels = ("ok", "warning", "fault")
    told = [str(each) for each in examination.findings(Places(**places)) if each.level in levels]
    return [each for each in told if "provider" in each]


def test_the_doctor_finds_nothing_wrong(provider: OpenIdProvider) -> None:
    assert [line.split()[0] for line in found(oidc_issuer=provider.issuer)] == ["ok"] * 5


def test_the_doctor_says_what_is_wrong(provider: OpenIdProvider) -> None:
    other = provider.issuer.replace("localhost", "127.0.0.1")
    assert any("it calls itself" in line for line in found(oidc_issuer=other))
    away = found(oidc_issuer=f"http://127.0.0.1:{free_port()}")
    assert any("cannot be examined" in line for line in away)
