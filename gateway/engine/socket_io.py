"""Socket.IO on the connections of a server: connects, disconnects, and the events of clients.

After a disconnect, a client may connect again on the same connection; it is a new client then, with
a new session id. Only the namespace `/` is served.
"""

from typing import Any, Protocol

from gateway.engine import packets
from gateway.engine.connection import Connection, new_sid
from gateway.engine.packets import CONNECT, DISCONNECT, EVENT, ROOT, BadPacket, Packet


class Application(Protocol):
    """The application behind the connections."""

    def connect(self, connection: Connection, auth: object) -> tuple[str, object] | None:
        """Take a client; return the (message, data) of a refusal to send it away."""

    def event(
        self, connection: Connection, name: str, arguments: list[Any], ack: int | None
    ) -> None:
        """Take an event; when it has an `ack` id, answer it."""

    def disconnect(self, connection: Connection, reason: str) -> None:
        """Take note that a client is gone."""

    def drain(self, connection: Connection) -> None:
        """Send from the backlog: the connection has ceased to be slow."""


class SocketIO:
    """The handler of a server whose clients speak Socket.IO with `application`."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def message(self, connection: Connection, text: str) -> None:
        """Take a packet; raises BadPacket for one that is out of place."""
        packet = packets.decode(text)
        if packet.kind == CONNECT and packet.namespace != ROOT:
            connection.text(packets.refused(packet.namespace, "Invalid namespace"))
        elif packet.kind == CONNECT and not connection.connected:
            self._connect(connection, packet)
        elif packet.namespace != ROOT or not connection.connected or packet.kind == CONNECT:
            raise BadPacket("it is not connected, or is already")
        elif packet.kind == EVENT:
            self._application.event(connection, packet.event, packet.data, packet.id)
        elif packet.kind == DISCONNECT:
            self.end(connection, "client namespace disconnect")

    def end(self, connection: Connection, reason: str) -> None:
        """Disconnect the client of a connection, if it is connected."""
        if connection.connected:
            connection.connected = False
            connection.settle()
            self._application.disconnect(connection, reason)

    def drain(self, connection: Connection) -> None:
        """Let the application send the messages that it holds."""
        self._application.drain(connection)

    def _connect(self, connection: Connection, packet: Packet) -> None:
        connection.sid = new_sid()  # work that is under way for the client before is void
        connection.connected = True
        if refusal := self._application.connect(connection, packet.data):
            connection.connected = False
            connection.text(packets.refused(ROOT, *refusal))
        else:
            connection.text(packets.connected(connection.sid))
        connection.settle()
