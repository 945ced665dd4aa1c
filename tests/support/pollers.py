"""Clients that poll, and the WebSockets by which they upgrade."""

import json
from typing import Any, Protocol

from gateway.engine.connection import Connection
from gateway.engine.frames import TEXT
from gateway.engine.upgrade import Upgrade
from gateway.state.live import Live
from gateway.transports.polling import take
from gateway.transports.socket_io import SocketIoTransport
from support.client_frames import sent
from support.wired import Pipe, settle
from support.wired import packets as frames_in


class World(Protocol):
    """Where clients come to."""

    transport: SocketIoTransport
    live: Live


class Poller:
    """A client that polls."""

    def __init__(self, site: World) -> None:
        self.site = site
        self.session: str = json.loads(site.transport.server.open_polling()[1:])["sid"]
        self.heard: list[str] = []
        connection = site.transport.server.polling(self.session)
        assert connection
        self.connection: Connection = connection

    async def say(self, *said: str) -> None:
        take(self.connection, "\x1e".join(said).encode())
        await settle()

    async def poll(self) -> list[str]:
        """Poll; return what came, nothing when there is nothing yet."""
        answers: list[bytes] = []
        if self.connection.polling and not self.connection.polling.waits:
            self.connection.polling.poll(answers.append)
        await settle()
        came = [packet for answer in answers for packet in answer.decode().split("\x1e")]
        self.heard += came
        return came

    async def listen(self) -> list[dict[str, Any]]:
        """Poll until nothing comes; return the builds of all events that came since the connect."""
        while await self.poll():
            pass
        said = [json.loads(text[2:]) for text in self.heard if text.startswith("42")]
        return [body for name, body in said if name == "build"]

    @property
    def gone(self) -> bool:
        transport, hub = self.site.transport, self.site.live.hub
        left = transport.watchers or len(hub) or transport._fan_out._backlogs._of
        return transport.server.polling(self.session) is None and not left


class Upgrading:
    """The WebSocket of a client that upgrades."""

    def __init__(self, client: Poller) -> None:
        self.pipe = Pipe()
        upgrade = client.site.transport.server.upgrade(client.session, self.pipe)
        assert upgrade
        self.upgrade: Upgrade = upgrade

    def say(self, packet: str) -> None:
        self.upgrade.received(sent(TEXT, packet.encode()))

    @property
    def heard(self) -> list[str]:
        return frames_in(self.pipe.taken)
