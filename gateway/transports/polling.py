"""The requests of socket.io clients that poll (ASGI): open a session, fetch packets, send packets.

The session belongs to the engine. A client whose poll breaks off has lost what the answer held, so
its session ends, and it connects again.
"""

import asyncio
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from gateway import http_connection
from gateway.access import credentials
from gateway.access.credentials import Client
from gateway.engine import frames, packets
from gateway.engine.connection import Connection
from gateway.engine.limits import LimitReached
from gateway.engine.packets import BadPacket
from gateway.engine.polling import MOST_PACKETS
from gateway.engine.server import Server
from gateway.problems import Problem

_USUAL: Final = re.compile(
    r"EIO=4&transport=polling(?:&t=[A-Za-z0-9_.-]*)?&sid=([A-Za-z0-9_.-]+)", re.ASCII
)
"""The query of the official clients, which is read without the parser: it is one in each poll."""
_HEADERS: Final = ((b"content-type", b"text/plain; charset=UTF-8"), (b"cache-control", b"no-store"))
_OK: Final = b"ok"

_NO_HANDSHAKE: Final = (
    "This is no handshake of a WebSocket (RFC 6455 §4.1): a proxy in front of the gateway has to "
    "hand on Upgrade and Connection (nginx: proxy_http_version 1.1)."
)
_UNKNOWN_SESSION: Final = (
    "There is no such session: it has ended, or has gone on as a WebSocket. Connect again."
)
_TWO_POLLS: Final = "A session has one poll at a time, so this one was ended. Connect again."
_BAD_PACKET: Final = "This is no packet of Engine.IO 4 and Socket.IO 5. Connect again."


class Poll:
    """A poll that waits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def abandon(self) -> None:
        """End the session: its client has gone, or has to connect again elsewhere."""
        self._connection.close(frames.RESTART, "service restart")


class PollingRequests:
    """Answers requests that poll, for the sessions of `server`; also an ASGI application."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI); raises Problem."""
        query = scope["query_string"].decode("latin-1")
        body = b""
        if scope["method"] == "POST":
            body = await _body(Request(scope, receive), self._server.max_bytes)
        payload: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        client = scope["client"][0] if scope.get("client") else ""
        headers = Headers(scope=scope)
        asks = Client(client, credentials.shown(*(headers.get(h, "") for h in credentials.HEADERS)))
        poll = self.begin(scope["method"], query, body, asks, payload.set_result)
        below = http_connection.of(scope)
        if poll:
            below.on_end = poll.abandon
            if below.ending:
                below.on_end()
        await _answer(send, await payload)
        below.on_end = lambda: None

    def begin(
        self,
        method: str,
        query: str,
        body: bytes,
        client: Client,
        answer: Callable[[bytes], None],
    ) -> Poll | None:
        """Call `answer` with the text that answers a request of `client`.

        That happens at once, or later if a poll is returned. Raises Problem.
        """
        session = _session(query)
        if not session and method == "GET":
            answer(self._server.open_polling(*client))
            return None
        if method not in ("GET", "POST") or not session:
            detail = "A session begins with a GET; then it has GET and POST with its sid."
            raise Problem(HTTPStatus.BAD_REQUEST, "bad-method", detail)
        connection = self._server.polling(session)
        if method == "POST" and connection:
            take(connection, body)
            answer(_OK)
            return None
        if method == "GET" and connection:
            _poll(connection, answer)
            return Poll(connection)
        if method == "GET" and self._server.has_left(session):
            answer(packets.NOOP)
            return None
        raise Problem(HTTPStatus.BAD_REQUEST, "unknown-session", _UNKNOWN_SESSION)


def _poll(connection: Connection, answer: Callable[[bytes], None]) -> None:
    polling = connection.polling
    if polling is None or polling.waits:
        connection.refuse(frames.POLICY, "two polls")
        raise Problem(HTTPStatus.BAD_REQUEST, "two-polls", _TWO_POLLS)
    polling.poll(answer)


def take(connection: Connection, body: bytes) -> None:
    """Take the packets of a POST; raises Problem, and the session ends then."""
    try:
        for packet in packets.split(body, MOST_PACKETS):
            if connection.closing:
                return
            connection.packet(packet)
    except LimitReached as exc:
        connection.exceed(exc)
        detail = f"The session was ended: {exc.reason}. Connect again, and ask for less."
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-messages", detail) from exc
    except BadPacket as exc:
        connection.refuse(frames.POLICY, "parse error")
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-packet", _BAD_PACKET) from exc


async def _body(request: Request, most: int) -> bytes:
    """Return the body of a request; raises Problem when it is over `most` bytes, or ends early."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                detail = f"A payload has {most} bytes at most."
                raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail)
    except ClientDisconnect as exc:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-packet", "The body ended early.") from exc
    return body


async def _answer(send: Send, payload: bytes) -> None:
    length = (b"content-length", b"%d" % len(payload))
    await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, length]})
    await send({"type": "http.response.body", "body": payload})


def _session(query: str) -> str:
    """Return the session that a request is of, or nothing; raises Problem as `_check` does."""
    if usual := _USUAL.fullmatch(query):
        return usual[1]
    asked = parse_qs(query)
    _check(asked)
    return _asked(asked, "sid")


def _check(query: dict[str, list[str]]) -> None:
    """Raise Problem for a request that is not for polling by Engine.IO 4."""
    if _asked(query, "EIO") != "4":
        detail = "The protocol here is Engine.IO 4 (EIO=4), as in socket.io clients from 3.0 on."
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-protocol", detail)
    transport = _asked(query, "transport")
    if transport == "websocket":
        raise Problem(HTTPStatus.BAD_REQUEST, "no-websocket", _NO_HANDSHAKE)
    if transport != "polling":
        detail = "The transports here are polling and websocket."
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-transport", detail)


def _asked(query: dict[str, list[str]], name: str) -> str:
    return query.get(name, [""])[-1]
