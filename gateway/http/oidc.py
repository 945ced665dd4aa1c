"""Edge: HTTP. Sign in with the OpenID provider: the way there, and back with a code.

The cookie of a sign-in that was begun is `SameSite=Lax`, as the provider leads back from another
site. That of the session is `Strict` like every other, and is sent from then on.
"""

import hmac
import secrets
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from gateway.access.directory import Directory
from gateway.access.identity import Identity
from gateway.http import cookies, requests
from gateway.http.audited import audited
from gateway.http.links import Links
from gateway.http.requests import SignInQuery
from gateway.oidc import code_flow
from gateway.oidc.code_flow import BEGIN, END, Attempt
from gateway.oidc.issuer import Issuer, bad_sign_in

SECURE_COOKIE: Final = "__Host-buildfeed-sign-in"
PLAIN_COOKIE: Final = "buildfeed-sign-in"
"""The cookies of a sign-in that was begun; the plain one on the loopback, where is no https."""
_SECONDS: Final = 600
"""Seconds that a sign-in at the provider may take."""
_LONGEST_CODE: Final = 4096
_SECRET_BYTES: Final = 32
_HEADERS: Final = {"Cache-Control": "no-store"}


class OidcSignIn:
    """The endpoints `/login/oidc` and `/login/oidc/callback`; `root` is that of `--root-path`."""

    def __init__(self, issuer: Issuer, directory: Directory, links: Links, root: str) -> None:
        self._issuer = issuer
        self._directory = directory
        self._links = links
        self._root = root

    def routes(self) -> list[BaseRoute]:
        """Return the routing table."""
        return [Route(BEGIN, self.begin), Route(END, self.end)]

    async def begin(self, request: Request) -> Response:
        """303 to the provider, with a cookie that binds the answer to this browser."""
        asked = requests.query(request.query_params.multi_items(), SignInQuery)
        secure = cookies.is_secure(self._links, request)
        configuration = await self._issuer.configuration()
        attempt = Attempt(
            state=secrets.token_urlsafe(_SECRET_BYTES),
            nonce=secrets.token_urlsafe(_SECRET_BYTES),
            verifier=secrets.token_urlsafe(_SECRET_BYTES),
            place=code_flow.place(asked.back, self._root),
        )
        address = code_flow.address(
            configuration.authorization_endpoint,
            attempt,
            self._issuer.settings,
            self._redirect_uri(request),
        )
        response = RedirectResponse(address, HTTPStatus.SEE_OTHER, _HEADERS)
        _set(response, attempt.cookie, _SECONDS, secure=secure)
        return response

    async def end(self, request: Request) -> Response:
        """303 to where one was, with the cookie of a session."""
        with audited(request, "sign-in") as asked:
            asked.subject = "oidc"
            secure = cookies.is_secure(self._links, request)
            attempt = _attempt(request, secure=secure)
            who = await self._who(request, attempt)
            lifetime = timedelta(hours=self._issuer.settings.hours)
            secret, asked.who = await self._directory.sign_in_person(who, lifetime)
        place = code_flow.place(attempt.place, self._root)
        response = RedirectResponse(place, HTTPStatus.SEE_OTHER, _HEADERS)
        cookies.set_session(response, secret, lifetime.total_seconds(), secure=secure)
        _set(response, "", 0, secure=secure)
        return response

    async def _who(self, request: Request, attempt: Attempt) -> Identity:
        """Return who has signed in at the provider; raises Problem."""
        query = request.query_params
        if error := query.get("error"):
            raise bad_sign_in(f"the provider says {error!r}")
        code, issuer = query.get("code", ""), query.get("iss")
        if not 0 < len(code) <= _LONGEST_CODE:
            raise bad_sign_in("the provider gave no code")
        if issuer is not None and issuer != self._issuer.settings.issuer:  # RFC 9207 §2.4
            raise bad_sign_in("the answer is of another provider")
        address = request.client.host if request.client else ""
        redeem = partial(self._issuer.redeem, code, attempt, self._redirect_uri(request))
        return await self._directory.guess(address, lambda: redeem(self._directory.now()))

    def _redirect_uri(self, request: Request) -> str:
        return self._links.url(request, self._links.path(END))


def _attempt(request: Request, *, secure: bool) -> Attempt:
    """Return the sign-in that this browser has begun and the request ends; raises Problem."""
    value = request.cookies.get(SECURE_COOKIE if secure else PLAIN_COOKIE, "")
    attempt, state = Attempt.of_cookie(value), request.query_params.get("state", "")
    if attempt is None or not hmac.compare_digest(attempt.state.encode(), state.encode()):
        raise bad_sign_in("this sign-in was not begun in this browser, or too long ago")
    return attempt


def _set(response: Response, value: str, seconds: int, *, secure: bool) -> None:
    response.set_cookie(
        SECURE_COOKIE if secure else PLAIN_COOKIE,
        value,
        max_age=seconds,
        secure=secure,
        httponly=True,
        samesite="lax",
    )
