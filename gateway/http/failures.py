"""The answer to a request that failed: a problem (RFC 9457) that says why."""

import asyncio
import logging
import traceback
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from buildfeed.errors import HistoryUnavailable
from gateway import problems
from gateway.answered import AWAY
from gateway.http import audited
from gateway.log_limit import LogLimit
from gateway.problems import Problem

log = logging.getLogger(__name__)
# Starlette raises what `answer` was given again, and uvicorn would log it once more.
logging.getLogger("uvicorn.error").addFilter(
    lambda record: record.msg != "Exception in ASGI application\n"
)

_LOGGED: Final = LogLimit(20)

EXCEPTIONS = Problem, HTTPException, HistoryUnavailable, Exception
"""Every exception that `answer` takes, as Starlette looks them up."""


async def answer(request: Request, exc: Exception) -> Response:
    """Return the problem; only a bug of the gateway gives a 500."""
    match exc:
        case Problem():
            problem = exc
            audited.refused(request.scope, problem)
        case HTTPException():
            status = HTTPStatus(exc.status_code)
            slug = status.phrase.lower().replace(" ", "-")
            detail = f"{request.method} {request.url.path[:200]}: {status.phrase}."
            if status == HTTPStatus.NOT_FOUND:
                detail = f"There is nothing at {request.url.path[:200]}: check the address."
            problem = Problem(status, slug, detail, headers=dict(exc.headers or {}))
        case HistoryUnavailable():
            left_out = _LOGGED.take(exc.reason, asyncio.get_running_loop().time())
            if left_out is not None:
                log.warning("history.needed", extra={"reason": exc.reason, "left_out": left_out})
            status = HTTPStatus.SERVICE_UNAVAILABLE
            detail = f"{AWAY} Live builds go on; try again in a few seconds."
            headers = {"Retry-After": "5"}
            problem = Problem(status, "history-unavailable", detail, headers=headers)
        case _:
            _log(request, exc)
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            problem = Problem(status, "internal", "The gateway failed; its log says why.")
    return response(problem, request.scope)


def response(problem: Problem, scope: Scope) -> Response:
    """Return the answer to the request of `scope`, in the form that it asks for."""
    accept = ", ".join(Headers(raw=list(scope.get("headers", ()))).getlist("accept"))
    root = scope.get("app_root_path", scope.get("root_path", ""))
    return problems.answer(problem, accept, f"{root}/")


def _log(request: Request, exc: Exception) -> None:
    """Log a bug of ours: each place in the code once a minute, as strangers may know how."""
    place = traceback.extract_tb(exc.__traceback__)[-1:]
    left_out = _LOGGED.take(
        (type(exc), *((frame.filename, frame.lineno) for frame in place)),
        asyncio.get_running_loop().time(),
    )
    if left_out is not None:
        client = request.client.host if request.client else ""
        path = "/s/" if request.url.path.startswith("/s/") else request.url.path  # a link's secret
        facts = {"path": path[:200], "client": client, "left_out": left_out}
        log.error("http.failed", exc_info=exc, extra=facts)
