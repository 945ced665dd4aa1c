"""The gateway, or a proxy in front of it, as browsers reach it."""

import base64
import ipaddress
import json
import secrets
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from buildfeed.doctor import clocks, roles
from buildfeed.doctor.finding import Finding, fault, left_out, ok, warning
from buildfeed.doctor.unreachable import Unreachable, reason
from buildfeed.doctor.web import Site, problem

SECURITY_HEADERS: Final = (
    *("content-security-policy", "cross-origin-opener-policy", "cross-origin-resource-policy"),
    *("permissions-policy", "referrer-policy", "x-content-type-options"),
)
"""What every answer of a gateway has."""
STRICT_TRANSPORT: Final = "strict-transport-security"
"""What it has besides where browsers reach it by https."""

_FORGED: Final = "192.0.2.83"
"""An address that nobody has (RFC 5737)."""
_LOOPBACK: Final = "127.83.1.1"
"""An address of this machine that no proxy has, so that it can be told from a proxy's."""
_LAG_MS: Final = 10_000
_SWITCHING, _OK, _UNAUTHORIZED, _FORBIDDEN = 101, 200, 401, 403
_BEHIND: Final = "See running.md, “Behind a proxy”."
_STREAM_BYTES: Final = 64 * 1024
_FEED_SECONDS: Final = 8.0


def findings(site: Site) -> Iterator[Finding]:
    """Yield what the gateway shows; raises Unreachable when nobody answers."""
    yield from _ready(site)
    yield _headers(site)
    yield from _websocket(site)
    yield from _events(site)
    yield from _address(site)
    if site.scheme == "https":
        yield _https(site)


def _ready(site: Site) -> Iterator[Finding]:
    answer = site.ask("/readyz")
    if answer.status == _OK and answer.body.startswith(b'{"status"'):
        yield ok("readiness", "the gateway is connected and caught up.")
    elif answer.problem == "not-ready":
        meaning = f"the gateway is not ready: {answer.detail.rstrip('.')}."
        yield fault("readiness", meaning, "Its log and the next lines say why.")
    else:
        meaning = f"/readyz is answered {answer.status}, and not by a gateway."
        yield fault("readiness", meaning, "Check the address, and what the proxy passes on.")


def _headers(site: Site) -> Finding:
    answer = site.ask("/")
    wanted = [*SECURITY_HEADERS, *([STRICT_TRANSPORT] if _is_strict(site) else [])]
    missing = [name for name in wanted if name not in answer.headers]
    if missing:
        meaning = f"{', '.join(missing)} is missing in an answer."
        advice = "Let the proxy pass them on"
        if STRICT_TRANSPORT in missing:
            advice += f", and start the gateway with --origin {site.origin}"
        return fault("security headers", meaning, f"{advice}.")
    return ok("security headers", "all there.")


def _is_strict(site: Site) -> bool:
    """Tell whether browsers are told to come by https alone: not to `localhost` or an address."""
    if site.scheme != "https" or site.host == "localhost" or site.host.endswith(".localhost"):
        return False
    try:
        ipaddress.ip_address(site.host)
    except ValueError:
        return True
    return False


def _websocket(site: Site) -> Iterator[Finding]:
    path = "/socket.io/?EIO=4&transport=websocket"
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
    }
    status, slug, said = _opened(site, path, upgrade)
    if said:
        yield ok("WebSocket", "it is opened, and says something at once.")
    elif status == _SWITCHING:
        meaning = "it is opened, but nothing comes on it: pages take 7 to 15 s to notice, and poll."
        yield warning("WebSocket", meaning, f"Let the proxy hold nothing back. {_BEHIND}")
    else:
        meaning = f"it is answered {status} {slug}: browsers poll, which costs more."
        yield warning("WebSocket", meaning, f"Let the proxy pass Upgrade on. {_BEHIND}")
    subject = "host and origin"
    if status != _SWITCHING:
        path, upgrade = "/socket.io/?EIO=4&transport=polling", {}
    answer = site.ask(path, headers={**upgrade, "Origin": site.origin})
    if answer.problem in ("foreign-origin", "foreign-host"):
        meaning = f"pages of {site.origin} are refused: {answer.detail.rstrip('.')}."
        advice = f"Pass Host on with its port, and start it with --origin {site.origin}. {_BEHIND}"
        yield fault(subject, meaning, advice)
    elif answer.status in (_SWITCHING, _OK):
        yield ok(subject, f"pages of {site.origin} may connect.")
    else:
        meaning = f"a page of {site.origin} is answered {answer.status} {answer.problem}."
        yield warning(subject, meaning, _BEHIND)


def _opened(site: Site, path: str, headers: dict[str, str]) -> tuple[int, str, bool]:
    """Return status and problem of a handshake, and whether a byte comes after it."""
    status = 0
    try:
        with site.open(path, headers=headers) as response:
            status = response.status
            if status == _SWITCHING:
                return status, "", bool(response.fp.read1(1))
            return status, problem(response.read(_STREAM_BYTES)), False
    except Unreachable:
        if not status:
            raise
        return status, "", False


def _events(site: Site) -> Iterator[Finding]:
    subject = "live events"
    filter_ = quote(f"builds/{roles.NAME}/#", safe="")
    asked = datetime.now(UTC)
    try:
        with site.open(f"/api/events?watch={filter_}") as response:
            if response.status in (_UNAUTHORIZED, _FORBIDDEN):
                meaning = "this needs a token that may watch: BUILDFEED_TOKEN."
                yield left_out(subject, meaning)
                return
            if response.status != _OK:
                meaning = f"/api/events is answered {response.status}."
                yield fault(subject, meaning, "The log of the gateway says why.")
                return
            feed = _first_feed(response)
    except Unreachable as exc:
        meaning = f"nothing comes of a stream: {exc.reason}."
        advice = f"Let the proxy hold nothing back (X-Accel-Buffering, proxy_buffering). {_BEHIND}"
        yield fault(subject, meaning, advice)
        return
    if not feed:
        yield fault(subject, "the stream has no event `feed`.", _BEHIND)
        return
    yield ok(subject, "they arrive at once.")
    told = datetime.fromisoformat(str(feed["time"]))
    yield clocks.verdict("the gateway", told, asked, datetime.now(UTC))
    yield from _fed(feed)


def _first_feed(response: Any) -> dict[str, Any]:  # noqa: ANN401 - of http.client
    """Return the first `feed` of a stream, empty if none comes in time."""
    deadline = time.monotonic() + _FEED_SECONDS
    found = False
    while time.monotonic() < deadline:
        line = response.readline(_STREAM_BYTES)
        if not line:
            break
        if found and line.startswith(b"data:"):
            feed = json.loads(line.removeprefix(b"data:"))
            return feed if isinstance(feed, dict) else {}
        found = line.strip() == b"event: feed"
    return {}


def _fed(feed: dict[str, Any]) -> Iterator[Finding]:
    """Yield what the event `feed` tells."""
    lag = int(feed.get("recorder_lag_ms") or 0)
    if feed.get("history") != "up":
        yield fault("history", "the gateway cannot use it.", "Its log says why (history.down).")
    elif lag > _LAG_MS:
        meaning = f"it is {lag / 1000:.0f} s behind."
        yield fault("history", meaning, "See whether a recorder runs, and what its log says.")
    else:
        yield ok("history", "the gateway uses it, and it is not behind.")
    if feed.get("commands") != "up":
        yield fault("commands", "the broker takes none.", "See the lines about the broker.")
    if feed.get("workers") == 0:
        yield warning("workers", "none is online: nobody begins a build.", "Start one.")


def _address(site: Site) -> Iterator[Finding]:
    """Yield which address the gateway takes for ours, and whether one can be made up."""
    subject = "addresses of clients"
    # A name may lead to the loopback, too, as that of Debian's own machine in its /etc/hosts.
    by_loopback = _is_loopback(site.host) or _is_loopback(_own_address(site))
    source = _LOOPBACK if by_loopback else ""
    asker = site.without_headers()
    answer = asker.ask("/api/session", source=source)
    found = answer.json() if answer.status == _OK else {}
    seen = str(found.get("address", "")) if isinstance(found, dict) else ""
    if not seen:
        yield left_out(subject, f"/api/session is answered {answer.status} without one.")
        return
    forged = asker.ask("/api/session", source=source, headers={"X-Forwarded-For": _FORGED})
    if forged.status == _OK and forged.json().get("address") == _FORGED:
        meaning = "a client may name any address as its own in X-Forwarded-For: no limit holds."
        advice = (
            "Let each proxy add the address that it was asked from, and trust only your proxies "
            "(--trusted-proxy). If you ask from one of them, ask from elsewhere."
        )
        yield fault(subject, meaning, advice)
    elif seen == (source or _own_address(site)):
        yield ok(subject, "the gateway knows them, and none can be made up.")
    else:
        meaning = f"the gateway takes this machine for {seen}."
        advice = f"If that is your proxy, all its clients count as one: --trusted-proxy {seen}."
        yield warning(subject, meaning, advice)


def _https(site: Site) -> Finding:
    subject = "sign-in by https"
    body = json.dumps({"token": "doctor"}).encode()
    answer = site.without_headers().ask("/api/session", method="POST", body=body)
    if answer.problem == "needs-https":
        advice = f"Start the gateway with --origin {site.origin}."
        return fault(subject, "the gateway thinks that it is reached by http.", advice)
    if answer.status == _UNAUTHORIZED:
        return ok(subject, "a wrong token is refused, and a right one would be taken.")
    return warning(subject, f"it is answered {answer.status} {answer.problem}.", _BEHIND)


def _own_address(site: Site) -> str:
    """Return the address from which this machine reaches a server."""
    try:
        with socket.create_connection((site.host, site.port), _FEED_SECONDS) as connection:
            return str(connection.getsockname()[0])
    except OSError as exc:
        raise Unreachable(reason(exc)) from exc


def _is_loopback(host: str) -> bool:
    """Tell whether a host is one of IPv4's loopback, where a source address can be chosen."""
    try:
        return host == "localhost" or ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False
