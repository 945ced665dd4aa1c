"""Edge: socket.io for watchers that poll, or did before they upgraded to a WebSocket.

This is python-socketio on python-engineio, which hold packets for a client without a limit. So an
event goes to the library only while it holds few for that client; the others wait in the backlog.

Relied on in python-engineio: `eio.sockets` has the socket of each session; of a socket its `queue`,
`closing`, `closed`, `send` and `close`. In python-socketio: the `manager` knows the session below a
client; `_engineio_server_class` names the engine; and see `_Server`.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

import engineio
import msgspec
import socketio
from engineio.async_socket import AsyncSocket
from engineio.packet import NOOP, Packet
from msgspec import Raw
from starlette.routing import BaseRoute, Mount
from starlette.types import Receive, Scope, Send

from buildfeed import documents
from buildfeed.errors import InvalidFilter
from buildfeed.topics import Filter
from gateway.access.access import SOCKETS
from gateway.problems import Problem
from gateway.settings import MAX_MESSAGE_BYTES
from gateway.state.event import BUILD, FEED, LOG, Event, Subject
from gateway.state.event_bodies import Body
from gateway.transports.backlog import Backlogs
from gateway.transports.subscriptions import Subscriptions, refusal
from gateway.transports.transport import Newest

_WEBSOCKET_ONLY = (
    "This gateway runs several processes, so socket.io cannot poll here: connect with "
    "io(url, {transports: ['websocket']})."
)

_NO_HANDSHAKE = (
    "This is no handshake of a WebSocket (RFC 6455 §4.1): a proxy in front of the gateway has to "
    "hand on Upgrade and Connection (nginx: proxy_http_version 1.1)."
)

_MOST_QUEUED: Final = 12
"""Packets in one answer to a poll: python-socketio's client refuses more than 16."""
_CATCH_UP_SECONDS: Final = 0.1
_EVENTS: Final = "watch", "unwatch"
"""Events that a client may send."""

log = logging.getLogger(__name__)


class Json:
    """msgspec behind the two functions that python-socketio asks of a JSON module."""

    @staticmethod
    def dumps(value: object, **_: object) -> str:
        """Return `value` as JSON without spaces."""
        return msgspec.json.encode(value).decode()

    @staticmethod
    def loads(text: str | bytes) -> Any:  # noqa: ANN401 - JSON is any
        """Return the value; raise ValueError as the standard module does."""
        return documents.parse(text)


class _Engine(engineio.AsyncServer):  # type: ignore[misc]  # it is not typed
    """python-engineio's, which would wait for ever until a session that it ends has polled."""

    async def disconnect(self, sid: str) -> None:
        if below := self.sockets.pop(sid, None):
            await below.close(wait=False, reason=self.reason.SERVER_DISCONNECT)


class _Server(socketio.AsyncServer):  # type: ignore[misc]  # it is not typed
    """python-socketio's, which takes for its own what a client sends.

    Its events `connect` and `disconnect` reach their handlers by their names, and so would an event
    of that name in a packet; and it goes on serving a session that is over.
    Relied on: every event in a packet, binary or not, comes by `_handle_event`, every message by
    `_handle_eio_message`; the work of `_handle_eio_disconnect` may be done again.
    """

    async def _handle_event(self, eio_sid: str, namespace: str, id_: int | None, data: Any) -> None:  # noqa: ANN401 - JSON is any
        if isinstance(data, list) and data and data[0] in _EVENTS:
            await super()._handle_event(eio_sid, namespace, id_, data)

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        if self._is_open(eio_sid):
            await super()._handle_eio_message(eio_sid, data)
        if not self._is_open(eio_sid):  # it may have timed out while it connected
            await self._handle_eio_disconnect(eio_sid, self.reason.TRANSPORT_CLOSE)

    def _engineio_server_class(self) -> type[_Engine]:
        return _Engine

    def _is_open(self, eio_sid: str) -> bool:
        below = self.eio.sockets.get(eio_sid)
        return below is not None and not (below.closing or below.closed)


class PollingTransport:
    """The watchers that poll, or did before they upgraded; see Transport.

    At most `backlog_bytes` wait for one watcher besides the few events that the library holds.
    Without `polling`, WebSocket is the only transport: the requests of one polling client would
    reach other processes.
    """

    label: Final = "socketio"
    stuck: Final = 0

    def __init__(
        self, subscriptions: Subscriptions, newest: Newest, *, backlog_bytes: int, polling: bool
    ) -> None:
        self._subscriptions = subscriptions
        self._newest = newest
        self._outgoing: asyncio.Queue[Event] = asyncio.Queue()
        self._backlogs: Backlogs[str] = Backlogs(backlog_bytes)
        self._sids: set[str] = set()
        self._polling = polling
        self.sent = 0
        """Events `build` sent to watchers."""
        self.server = _Server(
            async_mode="asgi",
            json=Json,
            cors_allowed_origins=[],  # not its business: the guard refuses foreign pages
            max_http_buffer_size=MAX_MESSAGE_BYTES,
            http_compression=False,
            logger=_library_log("socketio"),
            engineio_logger=_library_log("engineio"),
        )
        self.server.on("connect", self._connect)
        self.server.on("disconnect", self._disconnect)
        self.server.on("watch", self._watch)
        self.server.on("unwatch", self._unwatch)
        self._app = socketio.ASGIApp(self.server)

    def routes(self) -> list[BaseRoute]:
        """Return the path of socket.io."""
        return [Mount(SOCKETS, self.app)]

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve polling requests, and WebSockets that upgrade a session that polled (ASGI).

        Raises Problem when polling is not possible.
        """
        if scope["type"] == "http" and not self._polling:
            raise Problem(HTTPStatus.BAD_REQUEST, "websocket-only", _WEBSOCKET_ONLY)
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if scope["type"] == "http":
            if query.get("transport") == ["websocket"]:
                raise Problem(HTTPStatus.BAD_REQUEST, "no-websocket", _NO_HANDSHAKE)
            # An upgrade that we ignored: the library would believe in it.
            headers = [each for each in scope["headers"] if each[0] != b"upgrade"]
            scope = {**scope, "headers": headers}
        session = query.get("sid", [""])[0]
        if scope["type"] == "websocket" and not session:
            await send({"type": "websocket.close"})  # before it is accepted: a plain 403
            return
        sessions = self.server.eio.sockets
        if session in sessions and sessions[session].closed:
            del sessions[session]  # or the library would raise KeyError
        try:
            await self._app(scope, receive, send)
        except ValueError as exc:  # engine.io's own decoder refuses a packet like this
            log.warning("socket.bad_packet", extra={"reason": type(exc).__name__})
            if scope["type"] == "websocket":  # the library would keep its session for a minute
                await self.server.eio.disconnect(session)

    @property
    def watchers(self) -> int:
        """How many watchers are connected."""
        return len(self._sids)

    def deliver(self, event: Event) -> None:
        """Queue an event for those of its watchers who came in here."""
        if event.watchers is not None:
            event = msgspec.structs.replace(event, watchers=event.watchers & self._sids)
        if event.watchers is None or event.watchers:
            self._outgoing.put_nowait(event)

    @property
    def merged(self) -> int:
        """States that were left out because newer ones replaced them."""
        return self._backlogs.merged

    async def run(self) -> None:
        """Send what is queued, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._send_on())
            tasks.create_task(self._catch_up())

    async def _send_on(self) -> None:
        while True:
            event = await self._outgoing.get()
            watchers = self._sids if event.watchers is None else event.watchers
            prompt = [sid for sid in watchers if not self._put_off(sid, event)]
            if prompt:
                await self.server.emit(event.name, event.body, to=prompt)
            self.sent += len(watchers) if event.subject else 0

    def _put_off(self, sid: str, event: Event) -> bool:
        """Keep an event for later when the library holds enough for this watcher."""
        if sid not in self._sids:
            return True  # for nobody
        # One that is empty, and still there, has its last state on the way: nothing overtakes it.
        if self._backlogs.get(sid) is None and self._queued(sid) < _MOST_QUEUED:
            return False
        backlog = self._backlogs.of(sid)
        if event.watchers is None:
            backlog.owe(event.name)
        elif event.subject is None:
            backlog.add(msgspec.json.encode(event.body))
        else:
            backlog.put(event.subject, msgspec.json.encode(event.body))
        return True

    async def _catch_up(self) -> None:
        """Send what waits as the library gets rid of what it holds."""
        while True:
            await asyncio.sleep(_CATCH_UP_SECONDS)
            for sid in self._backlogs.behind:
                backlog = self._backlogs.of(sid)
                while backlog and sid in self._sids and self._queued(sid) < _MOST_QUEUED:
                    name, body = await self._due(*backlog.take())
                    if body is not None:
                        await self.server.emit(name, body, to=sid)
                if not backlog:
                    self._backlogs.drop(sid)

    async def _due(self, subject: Subject, message: bytes | None) -> tuple[str, Body | Raw | None]:
        """Return the name and body of what is due; no body when there is none any more."""
        if subject == FEED:
            return FEED, self._newest.feed()
        if not isinstance(subject, tuple):
            return LOG, Raw(message or b"null")
        if message is not None:
            return BUILD, Raw(message)
        return BUILD, await self._newest.build(subject)

    def _queued(self, sid: str) -> int:
        """Return how many packets the library holds for a watcher, of which it counts none."""
        below = self._below(sid)
        return below.queue.qsize() if below else 0

    def _below(self, sid: str) -> AsyncSocket | None:
        """Return what the library has of a watcher's connection."""
        return self.server.eio.sockets.get(self.server.manager.eio_sid_from_sid(sid, "/"))

    async def close(self) -> None:
        """Stop looking after connections; the server closes them itself."""
        await self.server.shutdown()

    async def _connect(self, sid: str, _environ: object, auth: object) -> None:
        try:
            filters = self._subscriptions.enter(sid, auth)
        except InvalidFilter as exc:
            error = refusal(exc)["error"]
            raise socketio.exceptions.ConnectionRefusedError(str(exc), error) from exc
        self._sids.add(sid)
        log.info("watcher.connected", extra={"sid": sid})
        self.server.start_background_task(self._greet, sid, filters)

    async def _greet(self, sid: str, filters: list[Filter]) -> None:
        """Send the feed, and the snapshot of what was asked for while connecting."""
        async with self._or_away(sid):
            await self.server.emit(FEED, self._newest.feed(), to=sid)
            snapshot = await self._subscriptions.join(sid, filters)
            for body in snapshot["builds"]:
                event = Event(BUILD, body, frozenset([sid]), (body["project"], body["build"]))
                if not self._put_off(sid, event):
                    await self.server.emit(BUILD, body, to=sid)

    async def _disconnect(self, sid: str, reason: str) -> None:
        self._subscriptions.leave(sid)
        self._sids.discard(sid)
        self._backlogs.drop(sid)
        if (below := self._below(sid)) and not below.closed:
            # The library would let the answer that a client polls for wait until the next ping.
            await below.send(Packet(NOOP))
        log.info("watcher.disconnected", extra={"sid": sid, "reason": reason})

    async def _watch(self, sid: str, *arguments: object) -> object:
        async with self._or_away(sid):
            return await self._subscriptions.watch(sid, arguments)
        return self.server.not_handled  # no answer

    async def _unwatch(self, sid: str, *arguments: object) -> Body:
        return self._subscriptions.unwatch(sid, arguments)

    @contextlib.asynccontextmanager
    async def _or_away(self, sid: str) -> AsyncIterator[None]:
        """Send a watcher away whom we fail: it comes back, and gets a snapshot again."""
        try:
            yield
        except Exception:
            log.exception("watcher.failed", extra={"sid": sid})
            await self.server.disconnect(sid)


def _library_log(name: str) -> logging.Logger:
    """Return the library's logger, its tracebacks about what clients send made one line."""
    library = logging.getLogger(name)
    library.setLevel(logging.ERROR)
    library.addFilter(_one_line)
    return library


def _one_line(record: logging.LogRecord) -> bool:
    if record.exc_info and isinstance(record.exc_info[1], Exception):
        record.msg, record.args = "socket.bad_packet", ()
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.reason = type(record.exc_info[1]).__name__
        record.exc_info = None
    return True
