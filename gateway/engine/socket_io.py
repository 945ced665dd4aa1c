"""Socket.IO on the connections of a server: connects, disconnects, and the events of clients.

A client connects once more on the same connection after its disconnect; it is a new client then,
with a new session id. The application serves the namespace `/`; it may serve others beside it, in
which a client has no state here but that it is connected.
"""

import asyncio
import inspect
from collections.abc import Awaitable
from typing import Protocol

from socketio.packet import CONNECT, DISCONNECT

from gateway.engine import frames, packets
from gateway.engine.connection import Connection, new_sid
from gateway.engine.packets import ROOT, BadPacket, Packet

Answer = tuple[str, object] | None
"""The answer to a connect: the (message, data) of a refusal, or None."""


class Application(Protocol):
    """The application behind the connections."""

    def connect(self, connection: Connection, packet: Packet) -> Answer | Awaitable[Answer]:
        """Take a client; return the (message, data) of a refusal to send it away.

        The `data` of the packet is the client's auth. An answer that is awaited does not come if
        the client goes before.
        """

    def event(self, connection: Connection, packet: Packet) -> None:
        """Take an event; when it has an `id`, answer it."""

    def disconnect(self, connection: Connection, reason: str) -> None:
        """Take note that a client is gone."""

    def drain(self, connection: Connection) -> None:
        """Send from the backlog: the connection has ceased to be slow."""


class SocketIO:
    """The handler of a server whose clients speak Socket.IO with `application`.

    It serves `namespaces`, and takes packets with at most `attachments` binary attachments, which
    wait in memory until they are whole.
    """

    def __init__(
        self,
        application: Application,
        *,
        namespaces: frozenset[str] = frozenset([ROOT]),
        attachments: int = 0,
    ) -> None:
        self._application = application
        self._namespaces = namespaces
        self._attachments = attachments
        self._incomplete: dict[Connection, Packet] = {}
        self._others: dict[Connection, set[str]] = {}
        """The namespaces besides `/` in which a client is connected."""
        self._connecting: dict[Connection, asyncio.Task[None]] = {}
        """Clients whose connect is not answered yet."""

    def message(self, connection: Connection, message: str | bytes) -> None:
        """Take a packet or an attachment; raises BadPacket for one that is out of place."""
        packet = self._incomplete.pop(connection, None)
        if isinstance(message, bytes):
            if packet is None:
                raise BadPacket("bytes that belong to no packet")
            try:
                whole = packet.add_attachment(message)
            except (LookupError, TypeError) as exc:
                raise BadPacket("no such attachment") from exc
        else:
            if packet is not None:
                raise BadPacket("an attachment is missing")
            packet = packets.decode(message)
            if packet.attachment_count > self._attachments:
                raise BadPacket(f"{self._attachments} attachments at most")
            whole = not packet.attachment_count
        if whole:
            self._take(connection, packet)
        else:
            self._incomplete[connection] = packet

    def _take(self, connection: Connection, packet: Packet) -> None:
        namespace = packet.namespace
        others = self._others.get(connection, ())
        inside = connection.connected if namespace == ROOT else namespace in others
        if packet.packet_type == CONNECT:
            if inside or (namespace == ROOT and connection in self._connecting):
                raise BadPacket("it is connected already")
            self._connect(connection, packet)
        elif not inside:
            raise BadPacket("it is not connected")
        elif packet.packet_type != DISCONNECT:
            self._application.event(connection, packet)
        elif namespace == ROOT:
            self._leave(connection, "client namespace disconnect")
        else:
            self._others[connection].discard(namespace)

    def _connect(self, connection: Connection, packet: Packet) -> None:
        namespace = packet.namespace
        if namespace not in self._namespaces:
            connection.text(packets.refused(namespace, "Invalid namespace"))
            return
        if namespace != ROOT:
            self._others.setdefault(connection, set()).add(namespace)
            connection.text(packets.connected(new_sid(), namespace))
            self._application.connect(connection, packet)
            return
        connection.sid = new_sid()  # work that is under way for the client before is void
        answer = self._application.connect(connection, packet)
        if inspect.isawaitable(answer):
            task = asyncio.ensure_future(self._answer_later(connection, answer))
            self._connecting[connection] = task
            if inspect.iscoroutine(answer):  # it may never begin
                task.add_done_callback(lambda _: answer.close())
        else:
            self._answer(connection, answer)

    async def _answer_later(self, connection: Connection, answer: Awaitable[Answer]) -> None:
        try:
            self._answer(connection, await answer)
        except Exception:
            connection.close(frames.TRY_LATER, "The gateway failed: connect again.")
            raise
        finally:
            self._connecting.pop(connection, None)

    def _answer(self, connection: Connection, refusal: Answer) -> None:
        if refusal:
            connection.text(packets.refused(ROOT, *refusal))
        else:
            connection.connected = True
            connection.text(packets.connected(connection.sid))
        connection.settle()

    def end(self, connection: Connection, reason: str) -> None:
        """Disconnect the client of a connection, if it is connected."""
        self._incomplete.pop(connection, None)
        self._others.pop(connection, None)
        if connecting := self._connecting.pop(connection, None):
            connecting.cancel()
        self._leave(connection, reason)

    def _leave(self, connection: Connection, reason: str) -> None:
        if connection.connected:
            connection.connected = False
            connection.settle()
            self._application.disconnect(connection, reason)

    def drain(self, connection: Connection) -> None:
        """Let the application send the messages that it holds."""
        self._application.drain(connection)
