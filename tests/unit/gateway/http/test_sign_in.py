"""The sign-in of requests: who they are of, and that they end with their principal."""

import asyncio

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from buildfeed.grants import Grants
from buildfeed.history.tokens import digest, new_secret
from gateway.access import principal
from gateway.access.directory import MOST_FAILURES, Directory
from gateway.access.principal import SCOPE
from support.held_tokens import Held
from support.signed_in import Application, bearer
from support.wired import until

VIEWER = Grants.parse(["viewer@acme"])


class Site:
    """A place that says who asks, and one that waits until the test lets it answer."""

    def __init__(self, tokens: Held) -> None:
        self.directory = Directory(tokens, Grants(), max_per_principal=1)
        self.go_on = asyncio.Event()
        self.waits = 0
        waiting = [Route(path, self._wait) for path in ("/api/wait", "/api/events")]
        routes = [Route("/api/who", self._who), *waiting, Route("/", _open)]
        self.app = Application(self.directory, routes)

    async def _who(self, request: Request) -> Response:
        who = principal.of(request.scope)
        return PlainTextResponse(f"{who.name} {who.why}")

    async def _wait(self, request: Request) -> Response:
        self.waits += 1
        await self.go_on.wait()
        return await self._who(request)


async def _open(request: Request) -> Response:
    return PlainTextResponse(str(SCOPE in request.scope))


@pytest.fixture
async def site(tokens: Held) -> Site:
    return Site(tokens)


async def who(site: Site, **headers: str) -> str:
    async with site.app.client() as client:
        answer = await client.get("/api/who", headers=headers)
    return answer.text if answer.is_success else f"{answer.status_code} {answer.json()['reason']}"


async def test_a_request_is_of_whose_token_it_shows(site: Site, tokens: Held) -> None:
    token, secret = tokens.add("ada", VIEWER)
    assert await who(site) == "anonymous missing"
    assert await who(site, **bearer(secret)) == "ada missing"
    cookie = tokens.sign_in(token.id)
    assert await who(site, Cookie=f"__Host-buildfeed={cookie}") == "ada missing"
    assert await who(site, Cookie=f"buildfeed={cookie}") == "anonymous missing"


async def test_a_token_that_is_no_good_is_refused_and_a_cookie_is_not(
    site: Site, tokens: Held
) -> None:
    token, _ = tokens.add("ada", VIEWER)
    ended = tokens.sign_in(token.id)
    tokens.sign_out(digest(ended))
    assert await who(site, **bearer(new_secret("bf_"))) == "401 unknown"
    assert await who(site, Cookie=f"__Host-buildfeed={ended}") == "anonymous ended"


async def test_a_login_of_a_proxy_in_front_is_none_of_ours(site: Site) -> None:
    assert await who(site, Authorization="Basic YTpi") == "anonymous missing"


async def test_where_nobody_asks_nothing_is_looked_up(site: Site, tokens: Held) -> None:
    async with site.app.client() as client:
        for _ in range(2 * MOST_FAILURES):
            assert (await client.get("/", headers=bearer(new_secret("bf_")))).text == "False"
    assert tokens.asked == []


async def test_who_guesses_too_often_is_told_when_to_come_back(site: Site) -> None:
    async with site.app.client() as client:
        for _ in range(MOST_FAILURES):
            await client.get("/api/who", headers=bearer(new_secret("bf_")))
        answer = await client.get("/api/who", headers=bearer(new_secret("bf_")))
    assert answer.status_code == 429
    assert answer.json()["type"] == "urn:buildfeed:problem:too-many-attempts"
    assert 0 < int(answer.headers["Retry-After"]) <= 60


async def test_while_the_history_is_away_a_stranger_is_told_so(site: Site, tokens: Held) -> None:
    tokens.down = True
    async with site.app.client() as client:
        answer = await client.get("/api/who", headers=bearer(new_secret("bf_")))
        assert answer.status_code == 503
        assert (await client.get("/api/who")).text == "anonymous missing"


async def test_a_request_that_lasts_is_sent_away_with_its_principal(
    site: Site, tokens: Held
) -> None:
    _, secret = tokens.add("ada", VIEWER)
    async with site.app.client() as client:
        asking = asyncio.create_task(client.get("/api/wait", headers=bearer(secret)))
        await until(lambda: site.waits)
        assert len(site.directory.visitors) == 1
        tokens.revoke("ada")
        await site.directory.look()
        below = site.app.below
        assert below.dismissed
        assert not below.closed
        site.go_on.set()
        await asking
    assert below.closed
    assert not site.directory.visitors


async def test_a_request_that_is_over_is_not_held(site: Site, tokens: Held) -> None:
    _, secret = tokens.add("ada", VIEWER)
    await who(site, **bearer(secret))
    assert not site.app.below.closed
    assert not site.directory.visitors


async def test_streams_are_connections_of_their_principal_and_other_requests_are_not(
    site: Site, tokens: Held
) -> None:
    _, secret = tokens.add("ada", VIEWER)
    async with site.app.client() as client:

        def ask(path: str) -> "asyncio.Task[httpx.Response]":
            return asyncio.create_task(client.get(path, headers=bearer(secret)))

        waiting = [ask("/api/events"), ask("/api/wait"), ask("/api/wait")]
        await until(lambda: site.waits == len(waiting))
        refused = await client.get("/api/events", headers=bearer(secret))
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:buildfeed:problem:too-many-connections"
        assert refused.headers["retry-after"] == "10"
        site.go_on.set()
        assert {(await each).status_code for each in waiting} == {200}
        assert (await client.get("/api/events", headers=bearer(secret))).status_code == 200
