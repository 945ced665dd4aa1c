"""Whatever is answered, a page of an allowed origin may read it, and a path has one spelling."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway.access.access import Access
from gateway.access.paths import Paths
from gateway.access.refusals import Refusals
from gateway.http import failures
from gateway.http.cors import Cors
from gateway.http.guard import Guard
from gateway.http.spelling import Spelling

PARTNER = "https://partner.example"


async def fail(_request: Request) -> Response:
    raise RuntimeError


async def path(request: Request) -> Response:
    return PlainTextResponse(request.url.path, headers={"Vary": "Accept"})


def client(root: str = "") -> httpx.AsyncClient:
    refusals = Refusals(Access([PARTNER]))
    handlers = dict.fromkeys(failures.EXCEPTIONS, failures.answer)
    methods = ["GET", "POST"]
    routes = [
        Route("/fail", fail),
        *(Route(each, path, methods=methods) for each in ("/", "/healthz", "/socket.io", "/a/b")),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, refusals=refusals)],
        exception_handlers=handlers,
    )
    app.router.redirect_slashes = False
    wrapped = Spelling(Cors(app, refusals), Paths(root))
    transport = httpx.ASGITransport(wrapped, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


@pytest.mark.parametrize(
    ("asked", "host", "status"),
    [
        ("/", "localhost", 200),
        ("/fail", "localhost", 500),
        ("/none", "localhost", 404),
        ("/", "evil.example", 421),
    ],
)
async def test_every_answer_can_be_read(asked: str, host: str, status: int) -> None:
    async with client() as ask:
        answer = await ask.get(asked, headers={"Origin": PARTNER, "Host": host})
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == PARTNER
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "Retry-After" in answer.headers["access-control-expose-headers"]
    assert "Origin" in answer.headers["vary"].split(", ")


async def test_what_the_answer_varies_by_besides_stays() -> None:
    async with client() as ask:
        for headers in ({}, {"Origin": PARTNER}, {"Origin": "https://evil.example"}):
            vary = (await ask.get("/", headers=headers)).headers["vary"].split(", ")
            assert sorted(vary) == ["Accept", "Origin"]


@pytest.mark.parametrize(
    ("asked", "own"),
    [
        *(("/a/b", "/a/b"), ("/a/b/", "/a/b"), ("//a//b//", "/a/b"), ("/a/%62", "/a/b")),
        *(("/socket.io/", "/socket.io"), ("/", "/"), ("//", "/"), ("/ci", "/"), ("/ci/", "/")),
        *(("/ci/a/b", "/a/b"), ("//ci//a/b/", "/a/b"), ("/%63i/a/b", "/a/b")),
    ],
)
async def test_a_path_has_one_spelling(asked: str, own: str) -> None:
    async with client("/ci") as ask:
        answer = await ask.get(f"http://localhost{asked}")
    assert answer.text == own


@pytest.mark.parametrize("asked", ["/cia/b", "/ci/ci/a/b", "/a", "/A/B"])
async def test_another_path_is_another(asked: str) -> None:
    async with client("/ci") as ask:
        assert (await ask.get(asked)).status_code == 404


@pytest.mark.parametrize("asked", ["//socket.io", "/ci/socket.io/", "/%73ocket.io", "/socket.io//"])
async def test_no_spelling_passes_by_the_guard(asked: str) -> None:
    async with client("/ci") as ask:
        answer = await ask.get(
            f"http://localhost{asked}", headers={"Origin": "https://evil.example"}
        )
    assert answer.status_code == 403
