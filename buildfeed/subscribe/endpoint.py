"""The HTTP server that an app tells: what it takes, what it may be asked again, what is no use."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final
from urllib.error import HTTPError
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from buildfeed.errors import BuildfeedError
from buildfeed.subscribe.subscriber import SetAside, TryLater

TIMEOUT_SECONDS: Final = 10.0
"""Seconds that the server may let one wait."""
_AGAIN: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
"""Answers that may change, beside those of 500 and more."""


class InvalidEndpoint(BuildfeedError):
    """A URL is none of an HTTP server. It may have a secret, so it is not quoted."""

    def __init__(self) -> None:
        super().__init__("The URL cannot be used: it is http://HOST/… or https://HOST/….")


class _NoRedirect(HTTPRedirectHandler):
    """Follows no redirect: of a POST it would make a GET, and take secrets to another server."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER: Final = build_opener(_NoRedirect)


class Endpoint:
    """The server at `url`, with `headers` for each request; raise InvalidEndpoint.

    A user and password in the URL are sent as Basic authentication (RFC 7617).
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        parts = _split(url)
        host = parts.netloc.rpartition("@")[2]
        self._url = parts._replace(netloc=host).geturl()
        self._headers = {"User-Agent": "buildfeed", **_authorization(parts), **(headers or {})}

    def send(
        self,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        path: str = "",
        method: str = "POST",
    ) -> None:
        """Send a request to the URL with `path` behind it.

        Raises TryLater or OSError when it may be sent again, and SetAside when that is no use.
        """
        url = self._url.rstrip("/") + path if path else self._url
        sent = {**self._headers, **(headers or {})}
        request = Request(url, body, sent, method=method)  # noqa: S310 - checked by Endpoint
        try:
            _OPENER.open(request, timeout=TIMEOUT_SECONDS).close()
        except HTTPError as exc:
            exc.close()
            reason = f"the server answers {exc.code}"
            seconds = seconds_to_wait(exc.headers, datetime.now(UTC))
            for_now = exc.code in _AGAIN or exc.code >= HTTPStatus.INTERNAL_SERVER_ERROR
            if seconds is None and not for_now:
                raise SetAside(reason) from exc
            raise TryLater(reason, seconds or 0) from exc


def seconds_to_wait(headers: Message, now: datetime) -> float | None:
    """Return how long a server asks one to wait, None if it does not.

    It says so in `Retry-After` (RFC 9110 §10.2.3), or as GitHub does when a limit is used up.
    """
    after = headers.get("Retry-After", "").strip()
    if not after and headers.get("X-RateLimit-Remaining") == "0":
        reset = headers.get("X-RateLimit-Reset", "")
        return max(0.0, int(reset) - now.timestamp()) if reset.isdecimal() else 0.0
    if after.isdecimal():
        return float(after)
    try:
        return max(0.0, (parsedate_to_datetime(after) - now).total_seconds())
    except (TypeError, ValueError):  # TypeError: a date without a zone
        return None


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.scheme not in ("http", "https") or not url.isprintable() or " " in url:
        raise InvalidEndpoint
    return parts


def _authorization(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
