"""Cookies of sessions, links and sign-ins; and whether they may travel at all."""

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.access.anonymous import is_loopback
from gateway.access.credentials import PLAIN_COOKIE, PLAIN_LINK, SECURE_COOKIE, SECURE_LINK
from gateway.http.links import Links
from gateway.problems import Problem

SESSION: Final = "session"
PLAIN_SESSION: Final = "sessionOnLoopback"
OF_SESSIONS: Final = {
    SESSION: (SECURE_COOKIE, "The cookie of a session, by https."),
    PLAIN_SESSION: (PLAIN_COOKIE, "The cookie of a session by http, on the loopback alone."),
}
"""The cookies of a session with where they are used, by their names in our descriptions."""


def is_secure(links: Links, request: Request) -> bool:
    """Tell whether cookies travel by https; raises Problem where they would in the clear."""
    if links.is_secure(request):
        return True
    host = request.url.hostname or ""
    if is_loopback(host):
        return False
    detail = (
        f"A token must not travel by http: open this page by https, or on this machine as "
        f"http://127.0.0.1. If a proxy in front has https, start the gateway with --origin "
        f"https://{host}."
    )
    raise Problem(HTTPStatus.BAD_REQUEST, "needs-https", detail)


def set_session(response: Response, secret: str, seconds: float, *, secure: bool) -> None:
    """Set the cookie of a session."""
    name = SECURE_COOKIE if secure else PLAIN_COOKIE
    _set(response, name, secret, seconds, secure=secure)


def set_link(response: Response, secret: str, seconds: float, *, secure: bool) -> None:
    """Set the cookie of a link."""
    name = SECURE_LINK if secure else PLAIN_LINK
    _set(response, name, secret, seconds, secure=secure)


def delete_all(response: Response) -> None:
    """Delete the cookies of session and link, by all their names."""
    for name in (SECURE_COOKIE, SECURE_LINK, PLAIN_COOKIE, PLAIN_LINK):
        secure = name in (SECURE_COOKIE, SECURE_LINK)
        response.delete_cookie(name, secure=secure, httponly=True, samesite="strict")


def _set(response: Response, name: str, secret: str, seconds: float, *, secure: bool) -> None:
    response.set_cookie(
        name, secret, max_age=round(seconds), secure=secure, httponly=True, samesite="strict"
    )
