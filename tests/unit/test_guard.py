from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse

from gateway.guard import Door, Guard

OWN = "http://192.0.2.1:8000"
PARTNER = "https://partner.example"


def guarded(**headers: str) -> httpx.AsyncClient:
    """A client of a guarded application that says yes to everything."""
    app = Guard(PlainTextResponse("yes", headers=headers), Door([PARTNER]))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=OWN)


async def post(origin: str | None) -> httpx.Response:
    async with guarded() as client:
        return await client.post("/", headers={"Origin": origin} if origin is not None else {})


@pytest.mark.parametrize(
    "origin",
    [
        pytest.param(None, id="no page at all"),
        pytest.param(OWN, id="our own page"),
        pytest.param("https://192.0.2.1:8000", id="our own behind a TLS proxy"),
        pytest.param(PARTNER, id="an allowed origin"),
    ],
)
async def test_a_command_passes_from(origin: str | None) -> None:
    assert (await post(origin)).text == "yes"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://192.0.2.1",
        "http://192.0.2.1:8001",
        "http://192.0.2.1:8000.evil.example",
        "http://evil-192.0.2.1:8000",
        "http://partner.example",
        "https://partner.example.evil.example",
        "https://sub.partner.example",
        "null",
        "",
    ],
)
async def test_a_command_is_refused_from(origin: str) -> None:
    response = await post(origin)

    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "urn:buildfeed:problem:foreign-origin"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_anyone_may_read() -> None:
    async with guarded() as client:
        response = await client.get("/", headers={"Origin": "https://evil.example"})

    assert response.text == "yes"
    assert "access-control-allow-origin" not in response.headers


async def test_every_answer_has_the_security_headers() -> None:
    async with guarded() as client:
        headers = (await client.get("/")).headers

    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-cache"


async def test_a_header_that_the_application_sets_stays() -> None:
    async with guarded(**{"cache-control": "no-store"}) as client:
        assert (await client.get("/")).headers["cache-control"] == "no-store"


async def connect(origin: str, host: str = "192.0.2.1") -> list[Any]:
    """Return the scopes that reach the application, or what the guard sends instead."""
    seen: list[Any] = []
    headers = [(b"host", host.encode()), (b"origin", origin.encode())]
    scope = {"type": "websocket", "path": "/socket.io/", "headers": headers}

    async def app(scope: Any, *_: Any) -> None:
        seen.append(scope)

    async def send(message: Any) -> None:
        seen.append(message)

    async def receive() -> None:
        raise AssertionError

    await Guard(app, Door([PARTNER]))(scope, receive, send)
    return seen


@pytest.mark.parametrize("origin", ["http://192.0.2.1", PARTNER])
async def test_a_page_of_ours_may_connect(origin: str) -> None:
    assert [scope["path"] for scope in await connect(origin)] == ["/socket.io/"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_a_foreign_page_may_not_connect(origin: str) -> None:
    assert await connect(origin) == [{"type": "websocket.close"}]


async def test_a_rebound_page_may_not_connect() -> None:
    assert await connect("http://evil.example", "evil.example") == [{"type": "websocket.close"}]


async def test_the_lifespan_is_not_touched() -> None:
    calls: list[Any] = []

    async def app(*call: Any) -> None:
        calls.append(call)

    await Guard(app, Door([]))({"type": "lifespan"}, None, None)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "host", ["evil.example:8000", "evil.example", "localhost.evil.example", "["]
)
async def test_a_host_that_may_have_been_rebound_is_not_answered(host: str) -> None:
    async with guarded() as client:
        response = await client.get("/", headers={"Host": host})

    assert response.status_code == 421
    assert response.json()["type"] == "urn:buildfeed:problem:foreign-host"


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "[::1]:8000", "localhost:8000", "192.0.2.1", "partner.example"]
)
async def test_addresses_localhost_and_named_hosts_are_answered(host: str) -> None:
    async with guarded() as client:
        assert (await client.get("/", headers={"Host": host})).text == "yes"
