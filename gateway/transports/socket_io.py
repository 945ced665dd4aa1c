"""Edge: socket.io for watchers, by WebSocket or polling; `build`, `log` and `feed` go out.

An event is encoded and framed once, however many watchers it goes to. Events that come due in one
turn of the event loop leave in one write to each watcher. Such a write goes straight to the socket
(`os.write`): by way of asyncio's transport a delivery would cost a tenth more.

A watcher whose kernel buffer is full is slow, and so is one that polls, between its polls. Its
events wait in its backlog, where a newer state replaces an older one, and leave piece by piece.
"""

import asyncio
import functools
import logging
import os
from collections.abc import Callable, Collection, Coroutine
from typing import Any, Final

from starlette.routing import BaseRoute, Route

from buildfeed.activity import Key
from buildfeed.errors import HistoryUnavailable, InvalidFilter
from buildfeed.topics import Filter
from gateway.access.access import SOCKETS
from gateway.engine import frames, packets
from gateway.engine.connection import UNSENT_BYTES, Connection
from gateway.engine.packets import Packet
from gateway.engine.server import Limits, Server
from gateway.engine.socket_io import SocketIO
from gateway.state.event import BUILD, FEED, Event, Subject
from gateway.state.event_bodies import Body
from gateway.tasks import Tasks
from gateway.transports import batch
from gateway.transports.backlog import Backlog, Backlogs
from gateway.transports.batch import Due
from gateway.transports.polling import PollingRequests
from gateway.transports.subscriptions import Subscriptions, refusal
from gateway.transports.transport import Newest

_PIECE_BYTES: Final = UNSENT_BYTES
"""Largest single write, in bytes. It bounds the data in a connection's transport, where no newer
state can replace it."""

_MOST_RECIPIENTS: Final = 64
"""Sets of watchers whose connections are remembered."""

log = logging.getLogger(__name__)


class SocketIoTransport:
    """The watchers over socket.io, by WebSocket or polling: see Transport.

    At most `backlog_bytes` wait for one watcher. `server` has the connections. `new_session`
    returns ids of sessions, which say whose they are: see `handover`.
    """

    label: Final = "socketio"

    def __init__(
        self,
        subscriptions: Subscriptions,
        newest: Newest,
        new_session: Callable[[], str],
        *,
        backlog_bytes: int,
        limits: Limits,
    ) -> None:
        self._subscriptions = subscriptions
        self._newest = newest
        self._connections: dict[str, Connection] = {}
        self._recipients: dict[frozenset[str], list[Connection]] = {}
        self._due: list[Due[Connection]] = []
        self._loop = asyncio.get_running_loop()
        self._tasks = Tasks()
        self._backlogs: Backlogs[Connection] = Backlogs(backlog_bytes)
        self.server = Server(SocketIO(self), limits, new_session)
        self.sent = 0
        """Events `build` handed to watchers."""

    @property
    def watchers(self) -> int:
        """How many watchers are connected."""
        return len(self._connections)

    @property
    def merged(self) -> int:
        """States that were left out because newer ones replaced them."""
        return self._backlogs.merged

    @property
    def stuck(self) -> int:
        """Watchers that were closed because they had taken nothing for too long."""
        return self.server.stuck

    def routes(self) -> list[BaseRoute]:
        """Return the paths of requests that poll; a WebSocket never gets there: see `websocket`."""
        requests = PollingRequests(self.server)
        return [Route(path, requests) for path in (SOCKETS, f"{SOCKETS}/")]

    async def run(self) -> None:
        """Close stuck watchers, until cancelled."""
        await self.server.run()

    async def close(self) -> None:
        """Do nothing: the HTTP server closes the connections."""

    def deliver(self, event: Event) -> None:
        """Let an event be due to those of its watchers that are connected here."""
        if event.watchers is None:
            self._deliver_feed(event)
            return
        mine = self._connections_of(event.watchers)
        if not mine:
            return
        if not self._due:
            self._loop.call_soon(self._flush)
        self._due.append((event.subject, _frame(event.name, event.body), mine))
        self.sent += len(mine) if event.subject else 0

    def _connections_of(self, watchers: frozenset[str]) -> list[Connection]:
        """Return the connections of `watchers` that are here.

        The hub hands out one set until a watcher comes or goes, and a frozenset keeps its hash.
        """
        connections = self._recipients.get(watchers)
        if connections is None:
            if len(self._recipients) == _MOST_RECIPIENTS:
                self._recipients.clear()
            connections = [self._connections[sid] for sid in self._connections.keys() & watchers]
            connections.sort(key=id)  # in the order of memory, which reads faster
            self._recipients[watchers] = connections
        return connections

    def _deliver_feed(self, event: Event) -> None:
        text = _frame(event.name, event.body)
        for connection in self._connections.values():
            if connection.slow:
                backlog = self._backlogs.of(connection)
                backlog.owe(FEED)
                self._note_held(connection, backlog)
            elif merged := self._merged_for(connection):
                connection.write(_frame(event.name, event.body | {"merged": merged}))
            else:
                connection.write(text)

    def _flush(self) -> None:
        """Write the events of this turn: to each watcher, all of its own in one write."""
        due, self._due = self._due, []
        if not due:  # `disconnect` has flushed since this call was scheduled
            return
        for connections, events in batch.alike(due):
            self._hand(connections, events)

    def _hand(self, connections: Collection[Connection], due: list[Due[Connection]]) -> None:
        """Write the events that are due to all of `connections`.

        Mostly they are one piece. Of several, at most the rest of one waits in a connection's
        transport, a copy for each connection; the others wait in its backlog, which is bounded.
        """
        for piece in batch.pieces(due, _PIECE_BYTES):
            self._hand_piece(connections, piece)

    def _hand_piece(self, connections: Collection[Connection], due: list[Due[Connection]]) -> None:
        text = due[0][1] if len(due) == 1 else b"".join(text for _, text, _ in due)
        size = len(text)
        for connection in connections:
            if connection.ready:
                try:
                    taken = os.write(connection.fd, text)
                except OSError:
                    taken = 0
                if taken != size:  # full, or closed: the transport handles both
                    connection.transport.write(text[taken:])
            elif connection.connected and not connection.closing:
                for subject, part, _ in due:
                    self._put_off(connection, subject, part)
                if not connection.slow:  # a poll waits
                    self._loop.call_soon(self._go_on, connection)

    def _put_off(self, connection: Connection, subject: Subject | None, text: bytes) -> None:
        backlog = self._backlogs.of(connection)
        if subject is None:
            backlog.add(text)
        else:
            backlog.put(subject, text)
        self._note_held(connection, backlog)

    def _note_held(self, connection: Connection, backlog: Backlog) -> None:
        connection.holds = bool(backlog)
        connection.settle()

    def _merged_for(self, connection: Connection) -> int:
        """Return how many states were left out for a watcher since its backlog was dropped last."""
        backlog = self._backlogs.get(connection)
        return 0 if backlog is None else backlog.merged

    # What the engine calls: see engine.socket_io.Application.

    def connect(self, connection: Connection, packet: Packet) -> tuple[str, object] | None:
        """Take a watcher, or refuse its filters."""
        sid = connection.sid
        try:
            filters = self._subscriptions.enter(sid, packet.data)
        except InvalidFilter as exc:
            return str(exc), refusal(exc)["error"]
        self._connections[sid] = connection
        log.info("watcher.connected", extra={"sid": sid})
        self._spawn(connection, self._greet(connection, sid, filters))
        return None

    def event(self, connection: Connection, packet: Packet) -> None:
        """Take `watch` and `unwatch`; there are no others."""
        name, *arguments = packet.data
        if name == "watch":
            self._spawn(connection, self._watch(connection, connection.sid, arguments, packet.id))
        elif name == "unwatch":
            body = self._subscriptions.unwatch(connection.sid, arguments)
            if packet.id is not None:
                connection.text(packets.answer(packet.id, body))

    def disconnect(self, connection: Connection, reason: str) -> None:
        """Forget a watcher; a connect on the same connection is a new one."""
        self._flush()
        self._subscriptions.leave(connection.sid)
        self._connections.pop(connection.sid, None)
        self._recipients.clear()
        self._backlogs.drop(connection)
        connection.holds = False
        log.info("watcher.disconnected", extra={"sid": connection.sid, "reason": reason})

    def drain(self, connection: Connection) -> None:
        """Send from the backlog, a piece at a time, the newest states."""
        backlog = self._backlogs.get(connection)
        if backlog is None:
            return
        pieces, size = [], 0
        while backlog and size < _PIECE_BYTES:
            subject, text = backlog.take()
            if text is None:
                text = self._owed(connection, subject)
            pieces.append(text)
            size += len(text)
        connection.write(b"".join(pieces))
        if not backlog and not backlog.merged:
            self._backlogs.drop(connection)
        self._note_held(connection, backlog)
        if backlog and not connection.slow:
            self._loop.call_soon(self._go_on, connection)

    def _go_on(self, connection: Connection) -> None:
        if connection.holds and not connection.slow and connection.sid in self._connections:
            self.drain(connection)

    def _owed(self, connection: Connection, subject: Subject) -> bytes:
        """Return the frame that is owed; empty when it has to be looked up first, and follows."""
        if not isinstance(subject, tuple):
            return _frame(FEED, self._newest.feed() | {"merged": self._merged_for(connection)})
        if body := self._newest.on_board(subject):
            return _frame(BUILD, body)
        self._spawn(connection, self._look_up(connection, connection.sid, subject))
        return b""

    async def _look_up(self, connection: Connection, sid: str, key: Key) -> None:
        try:
            body = await self._newest.build(key)
        except HistoryUnavailable:  # it comes back, and gets a snapshot again
            if sid in self._connections:
                connection.close(frames.TRY_LATER, "The history is away.")
            return
        if body and sid in self._connections:
            self._hand([connection], [(key, _frame(BUILD, body), [connection])])

    async def _greet(self, connection: Connection, sid: str, filters: list[Filter]) -> None:
        if sid in self._connections:
            connection.text(packets.event(FEED, self._newest.feed()))
        snapshot = await self._subscriptions.join(sid, filters)
        if snapshot and sid in self._connections:
            backlog = self._backlogs.of(connection)
            for key, body in snapshot:
                if body is None:
                    backlog.owe(key)
                else:
                    backlog.put(key, _frame(BUILD, body))
            self._note_held(connection, backlog)
            if not connection.slow:
                self.drain(connection)

    async def _watch(
        self, connection: Connection, sid: str, arguments: list[Any], ack: int | None
    ) -> None:
        body = await self._subscriptions.watch(sid, arguments)
        if ack is not None and sid in self._connections:
            connection.text(packets.answer(ack, body))

    def _spawn(self, connection: Connection, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` for the watcher that the connection belongs to now."""
        task = self._tasks.start(work)
        task.add_done_callback(functools.partial(self._done, connection, connection.sid))

    def _done(self, connection: Connection, sid: str, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (exc := task.exception()):
            log.error("watcher.failed", exc_info=exc, extra={"sid": sid})
            if sid in self._connections:  # it comes back, and gets a snapshot again
                connection.close(frames.TRY_LATER, "The gateway failed: connect again.")


def _frame(name: str, body: Body) -> bytes:
    return frames.frame(frames.TEXT, packets.event(name, body))
