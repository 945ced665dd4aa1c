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
from buildfeed.history.tokens import LONGEST
from buildfeed.secret_kinds import BEARER, LINK
from gateway.access import principal
from gateway.access.directory import Directory
from gateway.access.principal import Principal, by_a_link, not_signed_in
from gateway.http import cookies, requests
from gateway.http.api import payload
from gateway.http.audited import audited
from gateway.http.links import Links

_LONGEST_TOKEN: Final = 200


class SignInRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a sign-in."""

    token: Annotated[str, Meta(min_length=1, max_length=_LONGEST_TOKEN)]


class ShareRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a share: for how many hours the link is good."""

    hours: Annotated[int, Meta(ge=1, le=24 * 90)] = 24


class Sessions:
    """The endpoints `/api/session`, `…/share` and `/s/`.

    `provider` is the name of the OpenID provider that people may sign in with, empty for none.
    """

    def __init__(self, directory: Directory, links: Links, provider: str = "") -> None:
        self._directory = directory
        self._links = links
        self._provider = provider

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
        """200 and who one is; also for somebody who is not signed in.

        A cookie that is good no more goes: it would be tried with each request.
        """
        requests.no_query(request.query_params.multi_items())
        who = principal.of(request.scope)
        response = self._session(who, _address(request))
        if who.anonymous and who.why != "missing":
            cookies.delete_all(response)
        return response

    async def sign_in(self, request: Request) -> Response:
        """200 and who one is from now on, with the cookie of a session."""
        with audited(request, "sign-in") as asked:
            wanted = requests.body(await payload(request), SignInRequest)
            secure = cookies.is_secure(self._links, request)
            if not wanted.token.startswith(BEARER):
                raise self._directory.failed(_address(request))
            who = await self._directory.find(wanted.token, _address(request))
            secret, asked.who = await self._directory.sign_in(who)
        response = self._session(asked.who, _address(request))
        cookies.set_session(response, secret, LONGEST.total_seconds(), secure=secure)
        return response

    async def sign_out(self, request: Request) -> Response:
        """204; the session has ended, and what it had open is closed."""
        who = principal.of(request.scope)
        if who.session:
            with audited(request, "sign-out"):
                await self._directory.sign_out(who.session)
        response = Response(status_code=HTTPStatus.NO_CONTENT)
        cookies.delete_all(response)
        return response

    async def share(self, request: Request) -> Response:
        """201 and a link, with which everybody may watch this one build for a while."""
        with audited(request, "share") as asked:
            project = requests.name("project", request.path_params["project"])
            build = requests.name("build", request.path_params["build"])
            who, area = principal.of(request.scope), Area(project, build)
            who.need_to_see(project, build)
            if who.anonymous and not who.grants.may("operate"):
                raise not_signed_in(who.why)  # or strangers could fill the history with links
            if who.by_link:
                raise by_a_link()  # or to revoke a link would not end those made by it
            if not who.grants.by("read", area):
                raise who.refused(Grant("read", area))
            wanted = requests.body(await payload(request), ShareRequest)
            token, secret = await self._directory.share(who, area, timedelta(hours=wanted.hours))
            asked.subject = f"{project}/{build} {token.name}"
        path = self._links.path(f"/s/{secret}")
        body = {"url": self._links.url(request, path), "name": token.name}
        expires = {"expires": _time(token.expires)}
        return _json(body | expires, HTTPStatus.CREATED, {"Location": path})

    async def follow(self, request: Request) -> Response:
        """303 to the build that a link shares, with a cookie for it if one needs that.

        The cookie is the link itself: strangers who follow it make nothing grow.
        """
        secret = request.path_params["secret"]
        with audited(request, "follow") as asked:
            asked.subject = ""  # the path is a secret
            secure = cookies.is_secure(self._links, request)
            if not secret.startswith(LINK):
                raise self._directory.failed(_address(request))
            asked.who = shared = await self._directory.find(secret, _address(request))
            ((project, build),) = shared.grants.selection.keys
            asked.subject = f"{project}/{build}"
        place = self._links.path(f"/projects/{project}/builds/{build}")
        response = RedirectResponse(place, HTTPStatus.SEE_OTHER)
        if not principal.of(request.scope).grants.sees(project, build):
            cookies.set_link(response, secret, LONGEST.total_seconds(), secure=secure)
        return response

    def _session(self, who: Principal, address: str) -> Response:
        body = {
            "name": who.name,
            "anonymous": who.anonymous,
            "grants": [str(grant) for grant in who.grants],
            "expires": _time(who.expires),
            "reason": who.why if who.anonymous else None,
            "address": address,
            "provider": self._provider or None,
        }
        return _json(body, HTTPStatus.OK, {"Cache-Control": "no-store"})


def _json(body: object, status: HTTPStatus, headers: dict[str, str]) -> Response:
    return Response(msgspec.json.encode(body), status.value, headers, media_type="application/json")


def _time(time: datetime | None) -> str | None:
    return None if time is None else timestamp(time)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
