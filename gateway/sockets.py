"""Edge: socket.io for watchers that poll, or did before they upgraded to a WebSocket."""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec
import socketio
from starlette.types import Receive, Scope, Send

from buildfeed.errors import InvalidFilter
from buildfeed.topics import Filter
from gateway.live import Event
from gateway.problems import Problem
from gateway.settings import MAX_MESSAGE_BYTES
from gateway.view import View
from gateway.watching import Watching, refusal

_WEBSOCKET_ONLY = (
    "This gateway runs several processes, so socket.io cannot poll here: connect with "
    "io(url, {transports: ['websocket']})."
)

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
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as exc:
            raise ValueError(str(exc)) from exc


class Sockets:
    """The socket.io server of this process.

    `feed` returns the body of the `feed` event. Without `polling`, WebSocket is the only transport:
    the requests of one poller would reach other processes.
    """

    def __init__(
        self,
        watching: Watching,
        feed: Callable[[], View],
        *,
        polling: bool,
    ) -> None:
        self._watching = watching
        self._feed = feed
        self._outgoing: asyncio.Queue[Event] = asyncio.Queue()
        self._sids: set[str] = set()
        self._polling = polling
        self.sent = 0
        """Events `build` sent to watchers."""
        self.server = socketio.AsyncServer(
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

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve polling requests and WebSockets (ASGI).

        Raises Problem when polling is not possible.
        """
        if scope["type"] == "http" and not self._polling:
            raise Problem(HTTPStatus.BAD_REQUEST, "websocket-only", _WEBSOCKET_ONLY)
        try:
            await self._app(scope, receive, send)
        except ValueError as exc:  # engine.io's own decoder refuses a packet like this
            log.warning("socket.bad_packet", extra={"reason": type(exc).__name__})

    @property
    def watchers(self) -> int:
        """How many are connected."""
        return len(self._sids)

    def deliver(self, event: Event) -> None:
        """Queue an event for those of its watchers who came in here."""
        if event.watchers is not None:
            event = msgspec.structs.replace(event, watchers=event.watchers & self._sids)
        if event.watchers is None or event.watchers:
            self._outgoing.put_nowait(event)

    async def run(self) -> None:
        """Send what is queued, until cancelled."""
        while True:
            event = await self._outgoing.get()
            if event.watchers is None:
                await self.server.emit(event.name, event.body)
            else:
                await self.server.emit(event.name, event.body, to=list(event.watchers))
                self.sent += len(event.watchers) if event.name == "build" else 0

    async def close(self) -> None:
        """Stop looking after connections; the server closes them itself."""
        await self.server.shutdown()

    async def _connect(self, sid: str, _environ: object, auth: object) -> None:
        try:
            filters = self._watching.wanted(sid, auth)
        except InvalidFilter as exc:
            error = refusal(exc)["error"]
            raise socketio.exceptions.ConnectionRefusedError(str(exc), error) from exc
        self._sids.add(sid)
        log.info("watcher.connected", extra={"sid": sid})
        self.server.start_background_task(self._greet, sid, filters)

    async def _greet(self, sid: str, filters: list[Filter]) -> None:
        """Send the feed, and the snapshot of what was asked for while connecting."""
        await self.server.emit("feed", self._feed(), to=sid)
        snapshot = await self._watching.join(sid, filters, lambda: sid in self._sids)
        for body in snapshot["builds"]:
            await self.server.emit("build", body, to=sid)

    async def _disconnect(self, sid: str, reason: str) -> None:
        self._watching.leave(sid)
        self._sids.discard(sid)
        log.info("watcher.disconnected", extra={"sid": sid, "reason": reason})

    async def _watch(self, sid: str, *arguments: object) -> View:
        return await self._watching.watch(sid, arguments, lambda: sid in self._sids)

    async def _unwatch(self, sid: str, *arguments: object) -> View:
        return self._watching.unwatch(sid, arguments)


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
