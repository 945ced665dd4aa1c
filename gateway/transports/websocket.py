"""Edge: socket.io for watchers that begin as a WebSocket; `build`, `log` and `feed` go out.

An event is encoded and framed once. What comes due to a watcher in one turn of the event loop
leaves together. To one that takes no more, the newest state of each build is due, no more.
"""

import asyncio
import functools
import logging
import os
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator
from typing import Any, Final

from buildfeed.board import BuildState
from buildfeed.errors import HistoryUnavailable, InvalidFilter
from buildfeed.topics import Filter
from gateway.engine import frames, packets
from gateway.engine.connection import UNSENT_BYTES, Line
from gateway.engine.server import Exchange, Limits
from gateway.state.event import Event
from gateway.state.event_bodies import View
from gateway.state.live import Live
from gateway.transports.backlog import Backlog, What
from gateway.transports.subscriptions import Watching, refusal

FEED: Final = "feed"
_PIECE_BYTES: Final = UNSENT_BYTES
"""So much is written at once: of what does not fit, no more waits outside a line's backlog."""

_MOST_AUDIENCES: Final = 64

_Due = tuple[What | None, bytes, list[Line]]
"""What it is about, nothing that has a newest state if None; its frame; to whom."""

log = logging.getLogger(__name__)


class Wires:
    """The direct watchers of this process.

    `find` returns the newest state of a build that may have fallen off the board, `feed` the
    body of the `feed` event. `backlog_bytes` may wait for one watcher; one that takes nothing
    for `stuck_seconds` is closed.
    """

    def __init__(
        self,
        live: Live,
        watching: Watching,
        find: Callable[[str, str], Awaitable[BuildState | None]],
        feed: Callable[[], View],
        *,
        backlog_bytes: int,
        limits: Limits,
    ) -> None:
        self._live = live
        self._watching = watching
        self._find = find
        self._feed = feed
        self._backlog_bytes = backlog_bytes
        self._lines: dict[str, Line] = {}
        self._audiences: dict[int, tuple[frozenset[str], list[Line]]] = {}
        self._due: list[_Due] = []
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._backlogs: dict[Line, Backlog] = {}
        self._merged = 0  # of watchers that are gone
        self.exchange = Exchange(self, limits)
        self.sent = 0
        """Events `build` handed to watchers."""

    @property
    def watchers(self) -> int:
        """How many watch."""
        return len(self._lines)

    @property
    def merged(self) -> int:
        """States that were left out because newer ones replaced them."""
        return self._merged + sum(backlog.merged for backlog in self._backlogs.values())

    @property
    def stuck(self) -> int:
        """Watchers that were closed because they took nothing any more."""
        return self.exchange.stuck

    async def run(self) -> None:
        """Look after those who are stuck, until cancelled."""
        await self.exchange.run()

    def deliver(self, event: Event) -> None:
        """Let an event be due to those of its watchers who are here."""
        if event.watchers is None:
            self._deliver_feed(event)
            return
        mine = self._here_of(event.watchers)
        if not mine:
            return
        if not self._due:
            self._loop.call_soon(self._flush)
        self._due.append((event.subject, _frame(event.name, event.body), mine))
        self.sent += len(mine) if event.subject else 0

    def _here_of(self, watchers: frozenset[str]) -> list[Line]:
        """Return those who are here. The hub has the same set until somebody comes or goes."""
        known, lines = self._audiences.get(id(watchers), (None, []))
        if known is not watchers:
            if len(self._audiences) == _MOST_AUDIENCES:
                self._audiences.clear()
            lines = [self._lines[sid] for sid in self._lines.keys() & watchers]
            lines.sort(key=id)  # as they lie in memory: it is read faster in order
            self._audiences[id(watchers)] = watchers, lines
        return lines

    def _deliver_feed(self, event: Event) -> None:
        text = _frame(event.name, event.body)
        for line in self._lines.values():
            if line.slow:
                backlog = self._backlog(line)
                backlog.owe(FEED)
                self._note_held(line, backlog)
            elif merged := self._merged_for(line):
                line.write(_frame(event.name, event.body | {"merged": merged}))
            else:
                line.write(text)

    def _flush(self) -> None:
        """Write what came due in this turn: to each watcher all of it at once."""
        due, self._due = self._due, []
        if not due:  # somebody left, and it went out before that
            return
        lines = due[0][2]
        if all(each[2] is lines for each in due):
            self._hand(lines, due)
            return
        parts: dict[Line, int] = {}  # by watcher, a bit for each of what is due to it
        for bit, (_, _, lines) in enumerate(due):
            for line in lines:
                parts[line] = parts.get(line, 0) | 1 << bit
        alike: dict[int, list[Line]] = {}
        for line, bits in parts.items():
            alike.setdefault(bits, []).append(line)
        for bits, lines in alike.items():
            self._hand(lines, [each for bit, each in enumerate(due) if bits >> bit & 1])

    def _hand(self, lines: Collection[Line], due: list[_Due]) -> None:
        """Write what is due to all of `lines`.

        Mostly that is one piece. Of more, the rest of one at most waits in a line's transport, a
        copy for each line; what comes after it waits in the backlog, which is bounded.
        """
        for piece in _pieces(due):
            self._hand_piece(lines, piece)

    def _hand_piece(self, lines: Collection[Line], due: list[_Due]) -> None:
        text = due[0][1] if len(due) == 1 else b"".join(text for _, text, _ in due)
        size = len(text)
        for line in lines:
            if line.ready:
                try:
                    taken = os.write(line.fd, text)  # a transport costs a tenth of a delivery more
                except OSError:
                    taken = 0
                if taken != size:  # it is full or gone: the transport knows what to do
                    line.transport.write(text[taken:])
            elif line.connected and not line.closing:
                for what, part, _ in due:
                    self._put_off(line, what, part)

    def _put_off(self, line: Line, what: What | None, text: bytes) -> None:
        backlog = self._backlog(line)
        if what is None:
            backlog.add(text)
        else:
            backlog.put(what, text)
        self._note_held(line, backlog)

    def _note_held(self, line: Line, backlog: Backlog) -> None:
        line.holds = bool(backlog)
        line.settle()

    def _backlog(self, line: Line) -> Backlog:
        backlog = self._backlogs.get(line)
        if backlog is None:
            backlog = self._backlogs[line] = Backlog(self._backlog_bytes)
        return backlog

    def _merged_for(self, line: Line) -> int:
        """Return how many states were left out for a watcher since it last had caught up."""
        backlog = self._backlogs.get(line)
        return 0 if backlog is None else backlog.merged

    # What the exchange calls.

    def connect(self, line: Line, auth: object) -> tuple[str, object] | None:
        """Take a watcher, or refuse what it asks for."""
        sid = line.sid
        try:
            filters = self._watching.enter(sid, auth)
        except InvalidFilter as exc:
            return str(exc), refusal(exc)["error"]
        self._lines[sid] = line
        log.info("watcher.connected", extra={"sid": sid})
        self._spawn(line, self._greet(line, sid, filters))
        return None

    def event(self, line: Line, name: str, arguments: list[Any], ack: int | None) -> None:
        """Take `watch` and `unwatch`; there are no others."""
        if name == "watch":
            self._spawn(line, self._watch(line, line.sid, arguments, ack))
        elif name == "unwatch":
            body = self._watching.unwatch(line.sid, arguments)
            if ack is not None:
                line.text(packets.answer(ack, body))

    def disconnect(self, line: Line, reason: str) -> None:
        """Forget a watcher: its line may connect again, and is another's then."""
        self._flush()
        self._watching.leave(line.sid)
        self._lines.pop(line.sid, None)
        self._audiences.clear()
        backlog = self._backlogs.pop(line, None)
        if backlog is not None:
            self._merged += backlog.merged
        line.holds = False
        log.info("watcher.disconnected", extra={"sid": line.sid, "reason": reason})

    def drain(self, line: Line) -> None:
        """Send what has waited, a piece at a time: the newest there is."""
        backlog = self._backlog(line)
        pieces, size = [], 0
        while backlog and size < _PIECE_BYTES:
            what, text = backlog.take()
            if text is None:
                text = self._newest(line, what)
            pieces.append(text)
            size += len(text)
        line.write(b"".join(pieces))
        if not backlog and not backlog.merged:
            self._backlogs.pop(line, None)
        self._note_held(line, backlog)
        if backlog and not line.slow:
            self._loop.call_soon(self._go_on, line)

    def _go_on(self, line: Line) -> None:
        if line.holds and not line.slow and line.sid in self._lines:
            self.drain(line)

    def _newest(self, line: Line, what: What) -> bytes:
        """Return the frame of what is owed; empty when it must be looked up, and follows."""
        if not isinstance(what, tuple):
            return _frame(FEED, self._feed() | {"merged": self._merged_for(line)})
        if state := self._live.board.get(*what):
            return _frame("build", self._live.view(state))
        self._spawn(line, self._look_up(line, line.sid, *what))
        return b""

    async def _look_up(self, line: Line, sid: str, project: str, build: str) -> None:
        try:
            state = await self._find(project, build)
        except HistoryUnavailable:  # it comes back, and gets a snapshot again
            if sid in self._lines:
                line.close(frames.TRY_LATER, "The history is away.")
            return
        if state and sid in self._lines:
            self._send(line, state)

    def _send(self, line: Line, state: BuildState) -> None:
        text = _frame("build", self._live.view(state))
        self._hand([line], [(state.key, text, [line])])

    async def _greet(self, line: Line, sid: str, filters: list[Filter]) -> None:
        if sid in self._lines:
            line.text(packets.event(FEED, self._feed()))
        snapshot = await self._watching.join(sid, filters)
        if sid in self._lines:
            for body in snapshot["builds"]:
                self._put_off(line, (body["project"], body["build"]), _frame("build", body))
            if not line.slow and line.holds:
                self.drain(line)

    async def _watch(self, line: Line, sid: str, arguments: list[Any], ack: int | None) -> None:
        body = await self._watching.watch(sid, arguments)
        if ack is not None and sid in self._lines:
            line.text(packets.answer(ack, body))

    def _spawn(self, line: Line, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` for the watcher that is on the line now."""
        task = self._loop.create_task(work)
        self._tasks.add(task)  # the loop keeps no reference of its own
        task.add_done_callback(functools.partial(self._done, line, line.sid))

    def _done(self, line: Line, sid: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()):
            log.error("watcher.failed", exc_info=exc, extra={"sid": sid})
            if sid in self._lines:  # it comes back, and gets a snapshot again
                line.close(frames.TRY_LATER, "The gateway failed: connect again.")


def _frame(name: str, body: View) -> bytes:
    return frames.frame(frames.TEXT, packets.event(name, body))


def _pieces(due: list[_Due]) -> Iterator[list[_Due]]:
    """Divide what is due, in its order, into what may be written at once."""
    piece: list[_Due] = []
    size = 0
    for each in due:
        size += len(each[1])
        if piece and size > _PIECE_BYTES:
            yield piece
            piece, size = [], len(each[1])
        piece.append(each)
    yield piece
