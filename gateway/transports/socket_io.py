"""Edge: socket.io for watchers, by WebSocket or polling; they watch, and hear by `fan_out`."""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any, Final

from starlette.routing import BaseRoute, Route

from buildfeed.activity import timestamp
from buildfeed.errors import HistoryUnavailable, InvalidFilter
from buildfeed.topics import Filter
from gateway.access.audit import REFUSALS, outcome
from gateway.access.credentials import Shown
from gateway.access.directory import Directory
from gateway.access.paths import SOCKETS
from gateway.access.principal import WHY, Principal, other_principal
from gateway.answered import AWAY
from gateway.engine import frames, packets
from gateway.engine.connection import Connection
from gateway.engine.limits import Limits
from gateway.engine.packets import Packet
from gateway.engine.server import Server
from gateway.engine.socket_io import Answer, SocketIO
from gateway.problems import Problem
from gateway.state.event import Event
from gateway.state.event_bodies import Body
from gateway.transports.fan_out import FanOut
from gateway.transports.polling import PollingRequests
from gateway.transports.questions import Questions
from gateway.transports.subscriptions import Subscriptions, refusal
from gateway.transports.transport import Newest

EVENTS: Final = "watch", "unwatch", "auth"
"""What watchers may say."""

log = logging.getLogger(__name__)


class SocketIoTransport:
    """The watchers over socket.io, by WebSocket or polling: see Transport.

    At most `backlog_bytes` wait for one watcher, which gets one write in `frame_seconds`, and
    `questions_bytes` of what it asks wait for their answers. `server` has the connections.
    `new_session` returns ids of sessions, which say whose they are: see `handover`.
    """

    label: Final = "socketio"

    def __init__(
        self,
        subscriptions: Subscriptions,
        newest: Newest,
        directory: Directory,
        new_session: Callable[[], str],
        *,
        backlog_bytes: int,
        frame_seconds: float,
        questions_bytes: int,
        limits: Limits,
    ) -> None:
        self._subscriptions = subscriptions
        self._directory = directory
        self._fan_out = FanOut(
            newest, self._start, backlog_bytes=backlog_bytes, frame_seconds=frame_seconds
        )
        self._questions_bytes = questions_bytes
        self._questions: dict[Connection, Questions] = {}
        self._work: dict[Connection, set[asyncio.Task[None]]] = {}
        """What is under way for watchers; it ends with them."""
        self.server = Server(SocketIO(self), limits, new_session)
        self.server.limited["questions-kib"] = 0
        self.polling = PollingRequests(self.server)

    @property
    def watchers(self) -> int:
        """How many watchers are connected."""
        return len(self._fan_out)

    @property
    def sent(self) -> int:
        """Events `build` handed to watchers."""
        return self._fan_out.sent

    @property
    def merged(self) -> int:
        """States that were left out because newer ones replaced them."""
        return self._fan_out.merged

    @property
    def stuck(self) -> int:
        """Watchers that were closed because they had taken nothing for too long."""
        return self.server.stuck

    def routes(self) -> list[BaseRoute]:
        """Return the paths of requests that poll; a WebSocket never gets there: see `websocket`."""
        return [Route(path, self.polling) for path in (SOCKETS, f"{SOCKETS}/")]

    async def run(self) -> None:
        """Close stuck watchers, until cancelled."""
        await self.server.run()

    async def close(self) -> None:
        """Do nothing: the HTTP server closes the connections."""

    def deliver(self, event: Event) -> None:
        """Let an event be due to those of its watchers that are connected here."""
        self._fan_out.deliver(event)

    # What the engine calls: see engine.socket_io.Application.

    def connect(self, connection: Connection, packet: Packet) -> Answer | Awaitable[Answer]:
        """Take a watcher, or refuse it or its filters."""
        shown = _shown(connection, packet)
        who = self._directory.at_once(shown)
        return self._take(connection, packet, who) if who else self._admit(connection, packet)

    async def _admit(self, connection: Connection, packet: Packet) -> Answer:
        shown = _shown(connection, packet)
        try:
            who = await self._directory.recognise(shown, connection.client)
        except Problem as problem:
            self._note(connection, "connect", problem)
            return problem.detail, refusal(problem)["error"]
        except HistoryUnavailable:
            return AWAY, {"code": "history-unavailable", "message": AWAY}
        return self._take(connection, packet, who)

    def _take(self, connection: Connection, packet: Packet, who: Principal) -> Answer:
        sid = connection.sid
        try:
            filters = self._subscriptions.enter(sid, packet.data, who)
            self._hold(connection, who)
        except (InvalidFilter, Problem) as exc:
            self._subscriptions.leave(sid)
            self._note(connection, "connect", exc, who)
            return str(exc), refusal(exc)["error"]
        self._fan_out.enter(connection)
        facts = {"sid": sid, "client": connection.client, "principal": who.name}
        log.debug("watcher.connected", extra=facts)
        self._start(connection, self._greet(connection, sid, filters))
        return None

    def event(self, connection: Connection, packet: Packet) -> None:
        """Take one of EVENTS; there are no others."""
        if packet.data[0] in EVENTS:
            self._ask(connection, packet)

    def disconnect(self, connection: Connection, reason: str) -> None:
        """Forget a watcher; a connect on the same connection is a new one."""
        self._directory.visitors.leave(connection)
        self._subscriptions.leave(connection.sid)
        self._fan_out.leave(connection)
        self._questions.pop(connection, None)
        for task in self._work.pop(connection, ()):
            task.cancel()
        log.debug("watcher.disconnected", extra={"sid": connection.sid, "reason": reason})

    def drain(self, connection: Connection) -> None:
        """Send from the backlog; answer the next question."""
        self._fan_out.drain(connection)
        if questions := self._questions.get(connection):
            questions.left()

    async def _greet(self, connection: Connection, sid: str, filters: list[Filter]) -> None:
        self._fan_out.greet(connection)
        snapshot = await self._subscriptions.join(sid, filters)
        self._fan_out.owe(connection, snapshot)

    def _ask(self, connection: Connection, packet: Packet) -> None:
        questions = self._questions.get(connection)
        if questions is None:
            questions = Questions(connection, self._questions_bytes)
            self._questions[connection] = questions
            self._start(connection, self._answer(connection, questions))
        questions.ask(packet)

    async def _answer(self, connection: Connection, questions: Questions) -> None:
        async def answer(packet: Packet) -> None:
            name, *arguments = packet.data
            if name == "watch":
                body = await self._subscriptions.watch(connection.sid, arguments)
                self._note_watch(connection, body)
            elif name == "unwatch":
                body = self._subscriptions.unwatch(connection.sid, arguments)
            else:
                body = await self._renew(connection, arguments)
            if packet.id is not None:
                connection.text(packets.answer(packet.id, body))

        await questions.answer(answer)
        del self._questions[connection]

    def _hold(self, connection: Connection, who: Principal) -> None:
        """Close the connection when its principal has to go; raises Problem if one has too many."""
        self._directory.visitors.enter(
            connection, who, lambda why: connection.close(frames.POLICY, WHY[why]), counts=True
        )

    async def _renew(self, connection: Connection, arguments: Sequence[object]) -> Body:
        """Return the ack of `auth`: the watcher goes on by another token of its principal."""
        sid, before = connection.sid, self._directory.visitors.here(connection)
        try:
            shown = Shown(_token(arguments), host=_host(connection))
            who = await self._directory.recognise(shown, connection.client)
            if before is None or who.name != before.name:
                raise other_principal()
        except Problem as problem:
            self._note(connection, "auth", problem, before)
            return refusal(problem)
        except HistoryUnavailable:
            return {"error": {"code": "history-unavailable", "message": AWAY}}
        if self._fan_out.has(sid):
            try:
                self._subscriptions.renew(sid, who)
            except InvalidFilter as exc:
                return refusal(exc)
            self._hold(connection, who)
        return {"name": who.name, "expires": who.expires and timestamp(who.expires)}

    def _note(
        self,
        connection: Connection,
        action: str,
        refused: Exception,
        who: Principal | None = None,
    ) -> None:
        """Note a refusal in the audit, if it is one for who asks."""
        if isinstance(refused, Problem) and refused.slug in REFUSALS:
            audit, who = self._directory.audit, who or self._directory.anonymous
            subject, ended = refused.extra.get("grant", ""), outcome(refused)
            audit.refused(who, action, subject, connection.client, ended, refused.principal)

    def _note_watch(self, connection: Connection, body: Body) -> None:
        """Note the answer to a `watch` in the audit, if it is a refusal for who asks."""
        who = self._directory.visitors.here(connection)
        if who and (error := body.get("error")) and error["code"] in REFUSALS:
            code, subject = error["code"], error.get("grant", "")
            self._directory.audit.refused(who, "watch", subject, connection.client, code)

    def _start(self, connection: Connection, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` for the watcher of a connection, until that leaves."""
        task = asyncio.get_running_loop().create_task(work)
        self._work.setdefault(connection, set()).add(task)
        task.add_done_callback(functools.partial(self._done, connection, connection.sid))

    def _done(self, connection: Connection, sid: str, task: asyncio.Task[None]) -> None:
        if work := self._work.get(connection):
            work.discard(task)
            if not work:
                del self._work[connection]
        if not task.cancelled() and (exc := task.exception()):
            log.error("watcher.failed", exc_info=exc, extra={"sid": sid})
            if self._fan_out.has(sid):  # it comes back, and gets a snapshot again
                connection.close(frames.TRY_LATER, "The gateway failed: connect again.")


def _shown(connection: Connection, packet: Packet) -> Shown:
    """Return what the client of a connect shows: a token there, or what its handshake had."""
    token = packet.data.get("token") if isinstance(packet.data, dict) else None
    if token is not None:
        return Shown(str(token), host=_host(connection))
    return connection.shown if isinstance(connection.shown, Shown) else Shown()


def _host(connection: Connection) -> str:
    """Return the host to which a connection was made."""
    return connection.shown.host if isinstance(connection.shown, Shown) else ""


def _token(arguments: Sequence[object]) -> str:
    """Return the token in the arguments of `auth`; raises Problem."""
    if len(arguments) != 1 or not isinstance(arguments[0], str) or not arguments[0]:
        detail = "The event auth has one argument, a token."
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-auth", detail)
    return arguments[0]
