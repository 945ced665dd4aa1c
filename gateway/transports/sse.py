"""Edge: Server-Sent Events (WHATWG HTML §9.2) at `/api/events`, with the bodies of socket.io's."""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from buildfeed.errors import HistoryUnavailable, InvalidFilter
from buildfeed.selection import Selection
from buildfeed.topics import Filter
from gateway import http_connection
from gateway.access import principal
from gateway.access.principal import Principal
from gateway.http_connection import HttpConnection
from gateway.log_limit import LogLimit
from gateway.problems import Problem
from gateway.queries.snapshot import Snapshot
from gateway.state.event import BUILD, FEED, Event, Subject
from gateway.state.event_bodies import Body
from gateway.state.live import Live
from gateway.transports.backlog import Backlog, Backlogs
from gateway.transports.encoded import encoded
from gateway.transports.event_ids import EventIds
from gateway.transports.sse_stream import Stream
from gateway.transports.subscriptions import checked, narrowed
from gateway.transports.transport import COMPANY_SECONDS, NEWS_SECONDS, Newest

PING_SECONDS: Final = 15.0
CHECK_SECONDS: Final = 1.0
MIN_RETRY_MS, MAX_RETRY_MS = 500, 2500
"""Range of the delay after which a watcher connects again: not all come back at once."""
_LOGGED_A_MINUTE: Final = 20

log = logging.getLogger(__name__)


class SseTransport:
    """The watchers that read a stream; see Transport.

    At most `backlog_bytes` wait for one watcher, which gets one write in `frame_seconds`; one that
    takes nothing for `stuck_seconds` is closed.
    """

    label: Final = "sse"

    def __init__(
        self,
        live: Live,
        snapshot: Snapshot,
        newest: Newest,
        *,
        backlog_bytes: int,
        frame_seconds: float,
        stuck_seconds: float,
    ) -> None:
        self._live = live
        self._snapshot = snapshot
        self._newest = newest
        self._backlogs: Backlogs[str] = Backlogs(backlog_bytes)
        self._frame_seconds = frame_seconds
        self._stuck_seconds = stuck_seconds
        self._streams: dict[str, Stream] = {}
        self._process = secrets.token_urlsafe(6)  # its name, in the ids of events
        self._logged = LogLimit(_LOGGED_A_MINUTE)
        self._sent = 0  # to watchers that are gone
        self.stuck = 0
        """Watchers that were closed because they had taken nothing for `stuck_seconds`."""

    @property
    def watchers(self) -> int:
        """How many watchers are connected."""
        return len(self._streams)

    @property
    def merged(self) -> int:
        """States that were left out because newer ones replaced them."""
        return self._backlogs.merged

    @property
    def sent(self) -> int:
        """Events `build` sent to watchers."""
        return self._sent + sum(each.builds_sent for each in self._streams.values())

    def routes(self) -> list[BaseRoute]:
        """Return the routing table."""
        return [Route("/api/events", self.events)]

    async def events(self, request: Request) -> Response:
        """200 and events until either side ends it: the snapshot, `feed`, then every event."""
        who = principal.of(request.scope)
        filters = _asked(request.query_params.multi_items(), who)
        return _Answer(self, filters, request.headers.get("last-event-id", ""), who.name)

    def deliver(self, event: Event) -> None:
        """Put an event, encoded once, into the backlogs of its watchers here."""
        if event.watchers is None:
            for stream in self._streams.values():
                if stream.greeted:
                    stream.backlog.owe(FEED)
            pause = COMPANY_SECONDS if event.passing else NEWS_SECONDS
            asyncio.get_running_loop().call_later(pause, self._wake_all)
        elif self._streams and (mine := self._streams.keys() & event.watchers):
            text = encoded(event, _message)
            if not text:
                return
            for sid in mine:
                stream = self._streams[sid]
                if event.subject is None:
                    stream.backlog.add(text)
                elif event.passing or stream.slow:
                    stream.backlog.put(event.subject, text)
                else:
                    stream.backlog.keep(event.subject, text)
                stream.wake()

    def _wake_all(self) -> None:
        for stream in self._streams.values():
            stream.wake()

    async def close(self) -> None:
        """Do nothing: the HTTP server ends the streams."""

    async def run(self) -> None:
        """Ping every watcher every 15 s and close the stuck ones, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            now = loop.time()
            for sid, stream in self._streams.items():
                stream.ping_if_due(now, PING_SECONDS)
                if stream.stuck_for(now) >= self._stuck_seconds:
                    left_out = self._logged.take(stream.client, now)
                    if left_out is not None:
                        facts = {"client": stream.client, "sid": sid, "left_out": left_out}
                        log.warning("watcher.stuck", extra=facts)
                    self.stuck += 1
                    stream.abort()

    async def serve(
        self,
        filters: list[Filter],
        *,
        last: str,
        below: HttpConnection,
        client: str,
        name: str,
        send: Send,
    ) -> None:
        """Send events until the reader goes, is given up or sent away, or the server stops.

        `last` is the id that the reader has seen last, empty when there is none; `name` is that of
        its principal.
        """
        now = asyncio.get_running_loop().time()
        sid = secrets.token_urlsafe(15)
        ids = EventIds(self._process, filters)
        stream = Stream(
            below,
            self._backlogs.of(sid),
            newest=self._owed,
            client=client,
            id_line=lambda: ids.line(self._live.changes.number),
            retry=b"retry: %d\n" % _retry_ms(),
            now=now,
            frame_seconds=self._frame_seconds,
        )
        self._streams[sid] = stream
        log.debug("watcher.connected", extra={"sid": sid, "client": client, "principal": name})
        reason = "server stopping"
        try:
            await stream.greet(self._greet(sid, stream, filters, ids.number(last)))
            await stream.run(send)
        except HistoryUnavailable:  # it comes back, and gets a snapshot again
            reason = "history down"
        finally:
            self._live.hub.leave(sid)
            del self._streams[sid]
            self._backlogs.drop(sid)
            self._sent += stream.builds_sent
            reason = "transport close" if below.lost else reason
            log.debug("watcher.disconnected", extra={"sid": sid, "reason": reason})

    async def _greet(
        self, sid: str, stream: Stream, filters: list[Filter], since: int | None
    ) -> None:
        """Subscribe `stream` to `filters` from now on; the snapshot holds the states before.

        There is none for a reader that has missed no change after the one with number `since`.
        """
        self._live.hub.watch(sid, filters)
        if since is not None and self._live.changes.none_since(since, Selection.of(filters)):
            stream.backlog.put(FEED, _message(FEED, self._newest.feed() | {"resumed": True}))
            stream.greeted = True
            stream.wake()
            return
        for state in await self._snapshot.whole(filters):
            if self._live.board.get(*state.key):
                stream.backlog.owe(state.key)
            else:
                stream.backlog.put(state.key, _message(BUILD, self._live.body(state)))
        stream.backlog.owe(FEED)
        stream.greeted = True
        stream.wake()

    async def _owed(self, backlog: Backlog, subject: Subject) -> bytes:
        """Return the message that is owed: the `feed`, or the newest state of a build."""
        if not isinstance(subject, tuple):
            return _message(FEED, self._newest.feed() | {"merged": backlog.merged})
        body = await self._newest.build(subject)
        return _message(BUILD, body) if body else b""


class _Answer(Response):
    """The response, which has no end of its own."""

    media_type = "text/event-stream"

    def __init__(self, events: SseTransport, filters: list[Filter], last: str, name: str) -> None:
        super().__init__(
            headers={
                "Cache-Control": "no-cache, no-transform",
                "X-Accel-Buffering": "no",  # nginx and its like hand on each event at once
            }
        )
        del self.headers["Content-Length"]
        self._events = events
        self._filters = filters
        self._last = last
        self._name = name

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it (ASGI)."""
        head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(head)
        below = http_connection.of(scope)
        if scope["method"] == "GET":
            client = scope["client"][0] if scope.get("client") else ""
            await self._events.serve(
                self._filters,
                last=self._last,
                below=below,
                client=client,
                name=self._name,
                send=send,
            )
        if not below.lost:
            await send({"type": "http.response.body"})


def _asked(query: Sequence[tuple[str, str]], who: Principal) -> list[Filter]:
    """Return what of the filters of a query somebody may watch.

    Raises Problem: 400 for one that is wrong, 401 or 403 when all are refused.
    """
    if unknown := next((key for key, _ in query if key != "watch"), None):
        detail = f"The query is refused: {unknown[:80]!r} is not known here."
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", detail)
    if not query:
        detail = "The query is refused: name at least one filter, as in watch=builds/acme/%23."
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", detail)
    try:
        return narrowed(checked([filter_ for _, filter_ in query]), who)
    except InvalidFilter as exc:
        detail = f"{exc} In an address, # is written %23 and + is %2B."
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-filter", detail) from exc


def _message(name: str, body: Body) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode(body))


def _retry_ms() -> int:
    """Return the ms after which a watcher comes back; random, so that not all come at once."""
    return MIN_RETRY_MS + secrets.randbelow(MAX_RETRY_MS - MIN_RETRY_MS)
