"""Edge: HTTP for sessions: sign in by a token, ask who one is, sign out, share a build by a link.

A session is a cookie that only this host's pages send and no script can read. Cross-site requests
are refused by their Origin (`Guard`), so the cookie needs no second secret beside it.
"""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from buildfeed.activity import timestamp
from buildfeed.grants import Area, Grant
from buildfeed.history.tokens import BEARER, LINK, LONGEST
from gateway.access import principal
from gateway.access.anonymous import is_loopback
from gateway.access.credentials import PLAIN_COOKIE, SECURE_COOKIE
from gateway.access.directory import Directory
from gateway.access.principal import Principal
from gateway.http import requests
from gateway.http.api import payload
from gateway.http.links import Links
from gateway.problems import Problem

_LONGEST_TOKEN: Final = 200


class SignInRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a sign-in."""

    token: Annotated[str, Meta(min_length=1, max_length=_LONGEST_TOKEN)]


class ShareRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a share: for how many hours the link is good."""

    hours: Annotated[int, Meta(ge=1, le=24 * 90)] = 24


class Sessions:
    """The endpoints `/api/session`, `…/share` and `/s/`."""

    def __init__(self, directory: Directory, links: Links) -> None:
        self._directory = directory
        self._links = links

    def routes(self) -> list[BaseRoute]:
        """Return the routing table."""
        return [
            Route("/api/session", self.show),
            Route("/api/session", self.sign_in, methods=["POST"]),
            Route("/api/session", self.sign_out, methods=["DELETE"]),
            Route("/api/projects/{project}/builds/{build}/share", self.share, methods=["POST"]),
            Route("/s/{secret}", self.follow),
        ]

    async def show(self, request: Request) -> Response:
        """200 and who one is; also for somebody who is not signed in."""
        requests.no_query(request.query_params.multi_items())
        return _session(principal.of(request.scope))

    async def sign_in(self, request: Request) -> Response:
        """200 and who one is from now on, with the cookie of a session."""
        wanted = requests.body(await payload(request), SignInRequest)
        cookie = self._cookie(request)
        if not wanted.token.startswith(BEARER):
            raise self._directory.failed(_address(request))
        who = await self._directory.find(wanted.token, _address(request))
        secret, who = await self._directory.sign_in(who)
        response = _session(who)
        self._set(response, cookie, secret)
        return response

    async def sign_out(self, request: Request) -> Response:
        """204; the session has ended, and what it had open is closed."""
        who = principal.of(request.scope)
        if who.session:
            await self._directory.sign_out(who.session)
        response = Response(status_code=HTTPStatus.NO_CONTENT)
        for name in (SECURE_COOKIE, PLAIN_COOKIE):
            response.delete_cookie(name, secure=name == SECURE_COOKIE, httponly=True)
        return response

    async def share(self, request: Request) -> Response:
        """201 and a link, with which everybody may watch this one build for a while."""
        project = requests.name("project", request.path_params["project"])
        build = requests.name("build", request.path_params["build"])
        who, area = principal.of(request.scope), Area(project, build)
        who.need_to_see(project, build)
        if not who.grants.by("read", area):
            raise who.refused(Grant("read", area))
        wanted = requests.body(await payload(request), ShareRequest)
        token, secret = await self._directory.share(area, timedelta(hours=wanted.hours))
        path = self._links.path(f"/s/{secret}")
        body = {"url": self._links.url(request, path), "name": token.name}
        expires = {"expires": _time(token.expires)}
        return _json(body | expires, HTTPStatus.CREATED, {"Location": path})

    async def follow(self, request: Request) -> Response:
        """303 to the build that a link shares, with a cookie for it if one needs that."""
        secret = request.path_params["secret"]
        cookie = self._cookie(request)
        if not secret.startswith(LINK):
            raise self._directory.failed(_address(request))
        shared = await self._directory.find(secret, _address(request))
        ((project, build),) = shared.grants.selection.keys
        place = self._links.path(f"/projects/{project}/builds/{build}")
        response = RedirectResponse(place, HTTPStatus.SEE_OTHER)
        if not principal.of(request.scope).grants.sees(project, build):
            secret, _ = await self._directory.sign_in(shared)
            self._set(response, cookie, secret)
        return response

    def _cookie(self, request: Request) -> str:
        """Return the name of the cookie; raises Problem where it would travel in the clear."""
        if self._links.is_secure(request):
            return SECURE_COOKIE
        host = request.url.hostname or ""
        if is_loopback(host):
            return PLAIN_COOKIE
        detail = (
            f"A token must not travel by http: open this page by https, or on this machine as "
            f"http://127.0.0.1. If a proxy in front has https, start the gateway with --origin "
            f"https://{host}."
        )
        raise Problem(HTTPStatus.BAD_REQUEST, "needs-https", detail)

    @staticmethod
    def _set(response: Response, cookie: str, secret: str) -> None:
        response.set_cookie(
            cookie,
            secret,
            max_age=round(LONGEST.total_seconds()),
            secure=cookie == SECURE_COOKIE,
            httponly=True,
            samesite="strict",
        )


def _session(who: Principal) -> Response:
    body = {
        "name": who.name,
        "anonymous": who.anonymous,
        "grants": [str(grant) for grant in who.grants],
        "expires": _time(who.expires),
        "reason": who.why if who.anonymous else None,
    }
    return _json(body, HTTPStatus.OK, {"Cache-Control": "no-store"})


def _json(body: object, status: HTTPStatus, headers: dict[str, str]) -> Response:
    return Response(msgspec.json.encode(body), status.value, headers, media_type="application/json")


def _time(time: datetime | None) -> str | None:
    return None if time is None else timestamp(time)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
