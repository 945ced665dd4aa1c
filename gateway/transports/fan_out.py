"""The way of events to the connections of socket.io.

An event is encoded and framed once, however many watchers it goes to. A watcher gets one write in a
frame of some milliseconds, with all events that came due (`pacing`). Such a write goes straight to
the socket (`os.write`): by way of asyncio's transport a delivery would cost a tenth more.

A watcher whose kernel buffer is full is slow, and so is one that polls, between its polls. Its
events wait in its backlog, where a newer state replaces an older one, and leave piece by piece.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, Final

from buildfeed.activity import Key
from buildfeed.errors import HistoryUnavailable
from gateway.engine import frames, packets
from gateway.engine.connection import UNSENT_BYTES, Connection
from gateway.state.event import BUILD, FEED, Event, Subject
from gateway.state.event_bodies import Body
from gateway.transports import batch
from gateway.transports.backlog import Backlog, Backlogs
from gateway.transports.batch import Encoded
from gateway.transports.encoded import encoded
from gateway.transports.pacing import Audience, Pacing
from gateway.transports.ready import Ready
from gateway.transports.transport import COMPANY_SECONDS, NEWS_SECONDS, Newest

_PIECE_BYTES: Final = UNSENT_BYTES
"""Largest single write, in bytes. It bounds the data in a connection's transport, where no newer
state can replace it."""

_MOST_AUDIENCES: Final = 64
"""Sets of watchers whose connections are remembered."""

Start = Callable[[Connection, Coroutine[Any, Any, None]], None]
"""Starts work for the watcher of a connection, which ends with that watcher."""


class FanOut:
    """Sends events to the watchers that are connected.

    At most `backlog_bytes` wait for one watcher, which gets one write in `frame_seconds`. `newest`
    finds the states of builds that are owed, by work that `start` starts.
    """

    def __init__(
        self, newest: Newest, start: Start, *, backlog_bytes: int, frame_seconds: float
    ) -> None:
        self._newest = newest
        self._start = start
        self._connections: dict[str, Connection] = {}
        self._audiences: dict[frozenset[str], Audience[Connection]] = {}
        self._ready: dict[int, Ready] = {}
        """By the `id` of the list of an audience, which stays as long as this entry."""
        self._turn: list[tuple[Event, Audience[Connection]]] = []
        """The events of this turn of the event loop."""
        self._pacing: Pacing[Connection] = Pacing(frame_seconds)
        self._timer: asyncio.Handle | None = None
        self._rings_at = 0.0
        self._merged: Counter[Connection] = Counter()
        self._merged_in_frames = 0
        self._loop = asyncio.get_running_loop()
        self._backlogs: Backlogs[Connection] = Backlogs(backlog_bytes)
        self._held: Event | None = None
        """A `feed` that waits for other events."""
        self._alone: asyncio.Handle | None = None
        """What sends it alone, after a while."""
        self.sent = 0
        """Events `build` handed to watchers."""

    def __len__(self) -> int:
        return len(self._connections)

    @property
    def merged(self) -> int:
        """States that were left out because newer ones replaced them."""
        return self._backlogs.merged + self._merged_in_frames

    def has(self, sid: str) -> bool:
        """Tell whether a watcher is connected."""
        return sid in self._connections

    def enter(self, connection: Connection) -> None:
        """Take a watcher, by its present id."""
        self._connections[connection.sid] = connection

    def leave(self, connection: Connection) -> None:
        """Forget a watcher, and all that is due to it: a new one may connect there."""
        for _, audience in self._turn:
            if connection in audience.watchers:
                audience.watchers.remove(connection)
        self._pacing.forget(connection)
        self._connections.pop(connection.sid, None)
        self._forget_audiences()
        del self._merged[connection]
        self._backlogs.drop(connection)
        connection.holds = False

    def owe(self, connection: Connection, snapshot: Sequence[tuple[Key, Body | None]]) -> None:
        """Send a snapshot to a watcher, of builds without a body the newest state."""
        if not snapshot:
            return
        backlog = self._backlogs.of(connection)
        for key, body in snapshot:
            if body is None:
                backlog.owe(key)
            else:
                backlog.put(key, _frame(BUILD, body))
        self._note_held(connection, backlog)
        if not connection.slow and connection.holds:
            self.drain(connection)

    def greet(self, connection: Connection) -> None:
        """Send the first `feed` to a watcher."""
        connection.text(packets.event(FEED, self._newest.feed()))

    def deliver(self, event: Event) -> None:
        """Let an event be due to those of its watchers that are connected here."""
        if event.watchers is None:
            self._hold(event)
        elif (audience := self._of(event.watchers)).watchers:
            if not self._turn:
                self._loop.call_soon(self._flush)
            self._turn.append((event, audience))

    def _hold(self, event: Event) -> None:
        """Let a `feed` wait for another event to leave with, for a while."""
        if not self._held or not event.passing:
            if self._alone:
                self._alone.cancel()
            pause = COMPANY_SECONDS if event.passing else NEWS_SECONDS
            self._alone = self._loop.call_later(pause, self._flush)
        self._held = event

    def _of(self, watchers: frozenset[str]) -> Audience[Connection]:
        """Return the connections of `watchers` that are here.

        The hub hands out one set until a watcher comes or goes, and a frozenset keeps its hash.
        """
        audience = self._audiences.get(watchers)
        if audience is None:
            if len(self._audiences) == _MOST_AUDIENCES:
                self._forget_audiences()
            connections = [self._connections[sid] for sid in self._connections.keys() & watchers]
            connections.sort(key=id)  # in the order of memory, which reads faster
            audience = self._audiences[watchers] = Audience(connections)
            self._ready[id(connections)] = Ready(connections)
        return audience

    def _forget_audiences(self) -> None:
        self._audiences.clear()
        self._ready.clear()

    def _everyone(self) -> Audience[Connection]:
        """Return all connections but those that hear apart how many states were merged for them.

        With the events of all watchers it is one audience, so that a `feed` shares their writes.
        """
        apart = {
            connection.sid: connection
            for connection in {*self._merged, *self._backlogs.merging()}
            if not connection.slow and self.has(connection.sid)
        }
        for connection in apart.values():
            connection.write(self._feed_for(connection))
        return self._of(frozenset(self._connections.keys() - apart.keys()))

    def _flush(self) -> None:
        """Write what is due: to each watcher, all of it in one write."""
        now = self._loop.time()
        turn, self._turn = self._turn, []
        if self._held and self._alone:
            self._alone.cancel()
            turn.append((self._held, self._everyone()))
            self._held = None
        if len(turn) == 1 and self._pacing.quiet(now):  # nothing to sort out
            event, audience = turn[0]
            if alone := encoded(event, _frame):
                self._hand(audience.watchers, [(event, alone)], self._pacing.free_at(now))
            return
        frame = self._pacing.take(turn, now)
        self._wait_for(self._pacing.next_end)
        free_at = self._pacing.free_at(now)
        made: dict[int, bytes] = {}
        for connections, events in batch.alike(frame.due) if frame.due else ():
            latest = batch.newest(events) if self._pacing.merges else events
            texts = []
            for event in latest:
                text = made.get(id(event))
                if text is None:
                    text = made[id(event)] = encoded(event, _frame)
                if text:
                    texts.append((event, text))
            if texts:
                self._hand(connections, texts, free_at)
            self._merge(connections, len(events) - len(latest))
        for connections, merged in frame.merged:
            self._merge(connections, merged)

    def _merge(self, connections: Collection[Connection], states: int) -> None:
        """Count states that watchers were spared."""
        if states:
            self._merged_in_frames += states * len(connections)
            for connection in connections:
                self._merged[connection] += states

    def _wait_for(self, end: float | None) -> None:
        """Flush at the end of a frame."""
        if end is not None and (self._timer is None or end < self._rings_at):
            if self._timer:
                self._timer.cancel()
            # uvloop returns a handle without `when` if the moment has come.
            self._timer, self._rings_at = self._loop.call_at(end, self._ring), end

    def _ring(self) -> None:
        self._timer = None
        self._flush()

    def _hand(self, connections: list[Connection], due: list[Encoded], free_at: float) -> None:
        """Write the events that are due to all of `connections`.

        Mostly they are one piece. Of several, at most the rest of one waits in a connection's
        transport, a copy for each connection; the others wait in its backlog, which is bounded.
        """
        ready = self._ready.get(id(connections))
        for piece in batch.pieces(due, _PIECE_BYTES):
            if ready and ready.descriptors:
                self._write_piece(connections, ready.descriptors, piece)
            else:
                self._hand_piece(connections, piece)
        for connection in connections:  # after the writes, for which watchers wait
            connection.free_at = free_at
        self.sent += len(connections) * sum(event.name == BUILD for event, _ in due)

    def _write_piece(
        self, connections: list[Connection], descriptors: list[int], due: list[Encoded]
    ) -> None:
        """Write a piece to connections that are all ready."""
        text = _joined(due)
        size, write = len(text), os.write
        for descriptor in descriptors:
            try:
                taken = write(descriptor, text)
            except OSError:
                taken = 0
            if taken != size:  # full, or closed: the transport handles both
                connection = connections[descriptors.index(descriptor)]
                connection.transport.write(text[taken:])

    def _hand_piece(self, connections: list[Connection], due: list[Encoded]) -> None:
        text = _joined(due)
        size = len(text)
        for connection in connections:
            if connection.ready:
                try:
                    taken = os.write(connection.fd, text)
                except OSError:
                    taken = 0
                if taken != size:  # as above
                    connection.transport.write(text[taken:])
            elif connection.connected and not connection.closing:
                for event, part in due:
                    self._put_off(connection, event, part)
                if not connection.slow:  # a poll waits
                    self._loop.call_soon(self._go_on, connection)

    def _put_off(self, connection: Connection, event: Event, text: bytes) -> None:
        backlog = self._backlogs.of(connection)
        if event.watchers is None:
            backlog.owe(event.name)
        elif event.subject is None:
            backlog.add(text)
        elif connection.polling and not event.passing:  # between two polls nobody is slow
            backlog.keep(event.subject, text)
        else:
            backlog.put(event.subject, text)
        self._note_held(connection, backlog)

    def _note_held(self, connection: Connection, backlog: Backlog) -> None:
        connection.holds = bool(backlog)
        connection.settle()

    def _merged_for(self, connection: Connection) -> int:
        """Return how many states were left out for a watcher since it connected."""
        backlog = self._backlogs.get(connection)
        return self._merged[connection] + (backlog.merged if backlog is not None else 0)

    def _feed_for(self, connection: Connection) -> bytes:
        return _frame(FEED, self._newest.feed() | {"merged": self._merged_for(connection)})

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
        if connection.holds and not connection.slow and self.has(connection.sid):
            self.drain(connection)

    def _owed(self, connection: Connection, subject: Subject) -> bytes:
        """Return the frame that is owed; empty when it has to be looked up first, and follows."""
        if not isinstance(subject, tuple):
            return self._feed_for(connection)
        if body := self._newest.on_board(subject):
            return _frame(BUILD, body)
        self._start(connection, self._look_up(connection, connection.sid, subject))
        return b""

    async def _look_up(self, connection: Connection, sid: str, key: Key) -> None:
        try:
            body = await self._newest.build(key)
        except HistoryUnavailable:  # it comes back, and gets a snapshot again
            if self.has(sid):
                connection.close(frames.TRY_LATER, "The history is away.")
            return
        if body and self.has(sid):
            event = Event(BUILD, lambda: body, frozenset([sid]), key)
            self._hand([connection], [(event, _frame(BUILD, body))], connection.free_at)


def _joined(due: list[Encoded]) -> bytes:
    return due[0][1] if len(due) == 1 else b"".join(text for _, text in due)


def _frame(name: str, body: Body) -> bytes:
    return frames.frame(frames.TEXT, packets.event(name, body))
