import json
import logging
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse

from gateway.access.access import Access
from gateway.access.refusals import Refusals
from gateway.http.guard import Guard

OWN = "http://192.0.2.1:8000"
PARTNER = "https://partner.example"


def guarded(**headers: str) -> httpx.AsyncClient:
    """A client of a guarded application that says yes to everything."""
    app = Guard(PlainTextResponse("yes", headers=headers), Refusals(Access([PARTNER], "ci.lan")))
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
        pytest.param("HTTP://192.0.2.1.:8000", id="our own in other letters, with a dot"),
        pytest.param("https://Partner.Example.:443", id="an allowed origin, its port told"),
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


async def test_the_lifespan_is_not_touched() -> None:
    calls: list[Any] = []

    async def app(*call: Any) -> None:
        calls.append(call)

    await Guard(app, Refusals(Access([])))({"type": "lifespan"}, None, None)
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
    "host",
    [
        *("127.0.0.1:8000", "[::1]:8000", "localhost:8000", "192.0.2.1", "partner.example"),
        *("buildfeed.localhost:8000", "localhost.", "PARTNER.example.:443", "ci.lan:8000", ""),
    ],
)
async def test_addresses_localhost_and_named_hosts_are_answered(host: str) -> None:
    async with guarded() as client:
        assert (await client.get("/", headers={"Host": host})).text == "yes"


async def ask(
    path: str, *headers: tuple[str, str], method: str = "GET", version: str = "1.1"
) -> tuple[int, str]:
    """Return status and problem of a request with exactly these headers."""
    sent: list[Any] = []
    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "method": method, "path": path, "headers": raw}

    async def send(message: Any) -> None:
        sent.append(message)

    guard = Guard(PlainTextResponse("{}"), Refusals(Access([PARTNER])))
    await guard(scope | {"http_version": version}, None, send)
    return sent[0]["status"], json.loads(sent[1]["body"]).get("type", "").rpartition(":")[2]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_is_told_to_whoever_asks(path: str) -> None:
    assert await ask(path, version="1.0") == (200, "")
    assert await ask(path) == (200, "")
    assert await ask(path, ("host", "backend-7.internal:8000")) == (200, "")


async def test_a_request_without_a_host_is_no_rebinding() -> None:
    assert await ask("/metrics", version="1.0") == (200, "")
    assert await ask("/api/builds", method="POST", version="1.0") == (200, "")


@pytest.mark.parametrize("headers", [(), (("host", "localhost"), ("host", "evil.example"))])
async def test_http_1_1_has_one_host(headers: tuple[tuple[str, str], ...]) -> None:
    assert await ask("/metrics", *headers) == (400, "bad-host")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://"])
async def test_no_host_is_nobodys_own(origin: str) -> None:
    header = ("origin", origin)
    for host in ((), (("host", ""),)):
        asked = await ask("/api/builds", header, *host, method="POST", version="1.0")
        assert asked == (403, "foreign-origin")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("second", ["http://localhost", "http://evil.example"])
async def test_a_request_has_one_origin(method: str, second: str) -> None:
    headers = ("host", "localhost"), ("origin", "http://localhost"), ("origin", second)
    assert await ask("/api/builds", *headers, method=method) == (400, "bad-origin")
    assert (await ask("/healthz", *headers))[0] == 200


async def test_a_refusal_says_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    """nginx by default, or with the Host of another port, and then by a name."""
    caplog.set_level(logging.WARNING)
    async with guarded() as client:
        page = {"Origin": "http://192.0.2.1:8080"}
        refused = [
            await client.post("/", headers=page),
            await client.post("/", headers=page),
            await client.get("/", headers={"Host": "builds.example"}),
        ]
    for answer in refused:
        assert "proxy_set_header Host $http_host" in answer.json()["detail"]
        assert "--origin" in answer.json()["detail"]
    assert "http://192.0.2.1:8080" in refused[0].json()["detail"]
    logged = [vars(record) for record in caplog.records if record.message == "http.refused"]
    assert [(fact["problem"], fact["host"], fact["origin"]) for fact in logged] == [
        ("foreign-origin", "192.0.2.1:8000", "http://192.0.2.1:8080"),
        ("foreign-host", "builds.example", ""),
    ]
    assert [(fact["client"], fact["left_out"]) for fact in logged] == [("127.0.0.1", 0)] * 2
