import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.http import failures
from gateway.problems import SECURITY_HEADERS


async def fail(_request: Request) -> Response:
    raise RuntimeError


async def test_a_bug_is_told_with_the_security_headers() -> None:
    handlers = dict.fromkeys(failures.EXCEPTIONS, failures.answer)
    app = Starlette(routes=[Route("/", fail)], exception_handlers=handlers)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.json()["type"].split(":")[-1]) == (500, "internal")
    assert SECURITY_HEADERS.items() <= answer.headers.items()
