import logging

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.http import failures
from gateway.log_limit import LogLimit
from gateway.problems import SECURITY_HEADERS


async def fail(_request: Request) -> Response:
    raise RuntimeError


@pytest.fixture(autouse=True)
def _nothing_was_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "_LOGGED", LogLimit(20))


async def test_a_bug_is_told_with_the_security_headers() -> None:
    handlers = dict.fromkeys(failures.EXCEPTIONS, failures.answer)
    app = Starlette(routes=[Route("/", fail)], exception_handlers=handlers)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.json()["type"].split(":")[-1]) == (500, "internal")
    assert SECURITY_HEADERS.items() <= answer.headers.items()


async def test_a_bug_that_strangers_know_of_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    handlers = dict.fromkeys(failures.EXCEPTIONS, failures.answer)
    app = Starlette(routes=[Route("/{any}", fail)], exception_handlers=handlers)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for number in range(50):
            await client.get(f"/{number}")
    logged = [record for record in caplog.records if record.message == "http.failed"]
    assert [(record.path, record.left_out) for record in logged] == [("/0", 0)]  # type: ignore[attr-defined]
    assert logged[0].exc_info


def test_uvicorn_does_not_log_a_bug_again(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("uvicorn.error")
    log.error("Exception in ASGI application\n")
    log.error("ASGI callable returned without starting response.")
    assert len(caplog.records) == 1
